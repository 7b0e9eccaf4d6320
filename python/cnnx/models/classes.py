"""Class arguments of the ready-made networks: their number or their names."""

from __future__ import annotations

from collections.abc import Sequence

from cnnx.arguments import is_integer, shown


def count_of(classes: int | Sequence[str]) -> int:
    """Number of classes.

    Raises:
        TypeError: if `classes` is neither a number nor a list.
        ValueError: if there are none.
    """
    if is_integer(classes):
        count = int(classes)  # type: ignore[arg-type]
    elif isinstance(classes, Sequence) and not isinstance(classes, str):
        count = len(classes)
    else:
        names = f": classes={list(classes)}" if isinstance(classes, str) else ""
        raise TypeError(
            f"cnnx.models: classes is {shown(classes)}, expected a number or a list of names{names}"
        )
    if count < 1:
        raise ValueError(f"cnnx.models: classes is {shown(classes)}, expected at least one")
    return count


def names_of(classes: int | Sequence[str]) -> list[str] | None:
    """Names of the classes, or None if only their number is given."""
    return None if is_integer(classes) else list(classes)  # type: ignore[arg-type]
