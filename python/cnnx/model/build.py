"""Builds the core's model from layers, with the checks of the other arguments of `Model`."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from cnnx import _core
from cnnx.arguments import is_integer, is_utf8, shown
from cnnx.layers.graph import LayerTuple, Shape
from cnnx.preprocessing import Preprocessing, per_channel

_MOST_CLASSES = 1 << 24  # the most outputs of a dense layer


def class_count(classes: int | Sequence[str], function: str) -> int:
    """Number of classes, given as a number or by their names.

    Raises:
        TypeError: if `classes` is neither a number nor a list.
        ValueError: if there are none, or more than a layer may have outputs.
    """
    if is_integer(classes):
        count = int(classes)  # type: ignore[arg-type]
    elif isinstance(classes, Sequence) and not isinstance(classes, str):
        count = len(classes)
    else:
        names = f": classes={list(classes)}" if isinstance(classes, str) else ""
        raise TypeError(
            f"{function}: classes is {shown(classes)}, expected a number or a list of names{names}"
        )
    if count < 1:
        raise ValueError(f"{function}: classes is {shown(classes)}, expected at least one")
    if count > _MOST_CLASSES:
        raise ValueError(
            f"{function}: classes is {shown(classes)}, expected at most {_MOST_CLASSES}"
        )
    return count


def class_names(classes: int | Sequence[str]) -> list[str] | None:
    """Names of the classes, or None if only their number is given."""
    return None if is_integer(classes) else list(classes)  # type: ignore[arg-type]


def built(
    layers: list[LayerTuple],
    input_shape: Shape,
    classes: Sequence[str] | None,
    preprocessing: Preprocessing,
    seed: int,
    given: Collection[str] = (),
) -> _core.Model:
    """The core's model, whose `given` parameters are 0 for the caller to set.

    Raises:
        TypeError: if classes or preprocessing is of another type.
        ValueError: if seed is negative, a class name cannot be encoded, or a layer does not fit.
        MemoryError: if the parameters do not fit into memory.
    """
    if not is_integer(seed) or seed < 0:
        raise ValueError(f"Model: seed is {shown(seed)}, expected an integer from 0 to 2**63 - 1")
    names = [] if classes is None else classes
    is_array = isinstance(names, np.ndarray) and names.ndim == 1
    is_list = is_array or (isinstance(names, Sequence) and not isinstance(names, str))
    if not is_list or not all(isinstance(name, str) for name in names):
        raise TypeError(f"Model: classes is {shown(classes)}, expected a list of names")
    for name in names:
        if not is_utf8(name):
            raise ValueError(f"Model: classes holds {name!r}, expected names that UTF-8 can encode")
    if not isinstance(preprocessing, Preprocessing):
        raise TypeError(
            f"Model: preprocessing is {shown(preprocessing)}, expected a cnnx.Preprocessing"
        )
    try:
        return _core.Model(
            layers,
            list(input_shape),
            list(names),
            preprocessing.resize,
            per_channel(preprocessing.mean, "mean"),
            per_channel(preprocessing.std, "std"),
            int(seed),
            list(given),
        )
    except MemoryError as error:
        raise MemoryError(
            f"{error}; a Dense after Flatten is often the largest: pool before it"
        ) from None
