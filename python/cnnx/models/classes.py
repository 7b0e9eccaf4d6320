"""Class arguments of the ready-made networks: their number or their names."""

from __future__ import annotations

from collections.abc import Sequence

from cnnx.model.build import class_count, class_names


def count_of(classes: int | Sequence[str]) -> int:
    """Number of classes.

    Raises:
        TypeError: if `classes` is neither a number nor a list.
        ValueError: if there are none.
    """
    return class_count(classes, "cnnx.models")


def names_of(classes: int | Sequence[str]) -> list[str] | None:
    """Names of the classes, or None if only their number is given."""
    return class_names(classes)
