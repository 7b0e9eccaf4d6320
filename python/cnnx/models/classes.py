"""The classes of a ready-made network, given as their number or their names."""

from __future__ import annotations

from collections.abc import Sequence


def count_of(classes: int | Sequence[str]) -> int:
    """How many there are."""
    return classes if isinstance(classes, int) else len(classes)


def names_of(classes: int | Sequence[str]) -> list[str] | None:
    """Their names, None if only their number is known."""
    return None if isinstance(classes, int) else list(classes)
