"""Class arguments of the ready-made networks: their number or their names."""

from __future__ import annotations

from collections.abc import Sequence


def count_of(classes: int | Sequence[str]) -> int:
    """Number of classes."""
    return classes if isinstance(classes, int) else len(classes)


def names_of(classes: int | Sequence[str]) -> list[str] | None:
    """Names of the classes, or None if only their number is given."""
    return None if isinstance(classes, int) else list(classes)
