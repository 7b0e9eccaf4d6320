"""Turns what a user may write (a list, an int for a pair, "same") into what the compiled core takes, or refuses it."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float32]
PairLike: TypeAlias = "int | Sequence[int]"
PaddingLike: TypeAlias = "int | str | Sequence[int] | Sequence[Sequence[int]]"


def is_integer(value: object) -> bool:
    """True for Python and NumPy integers, not for booleans."""
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))


def real_array(value: ArrayLike, function: str, argument: str) -> NDArray[Any]:
    """`value` as an array of a real dtype; complex, object and text arrays are refused."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{function}: {argument} is not a rectangular array ({error})") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{function}: {argument} has dtype {array.dtype}, expected a real one (float32 is taken as it is)"
        )
    return array


def float32_array(
    value: ArrayLike, function: str, argument: str, *, ndim: int | None = None
) -> FloatArray:
    """`value` as a contiguous float32 array; converted once, and only if it must be.

    Raises:
        TypeError: if the dtype is not real.
        ValueError: if `ndim` is given and the rank differs.
    """
    array = real_array(value, function, argument)
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{function}: {argument} has shape {array.shape}, expected {ndim} axes")
    if array.dtype == np.float32 and array.flags.c_contiguous and array.dtype.isnative:
        return array
    # Not ascontiguousarray, which turns a scalar into an array of one element.
    return np.array(array, dtype=np.float32, order="C")


def same_shapes(
    function: str, first: str, first_value: ArrayLike, second: str, second_value: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Two float32 arrays of one shape, or a sentence that names both."""
    a = float32_array(first_value, function, first)
    b = float32_array(second_value, function, second)
    if a.shape != b.shape:
        raise ValueError(
            f"{function}: {first} has shape {a.shape}, expected the shape of {second}, {b.shape}"
        )
    return a, b


def pair(value: PairLike, function: str, argument: str) -> list[int]:
    """One integer for both axes, or (height, width)."""
    if is_integer(value):
        return [int(value), int(value)]  # type: ignore[arg-type]
    if (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and len(value) == 2
        and all(is_integer(each) for each in value)
    ):
        return [int(value[0]), int(value[1])]
    raise TypeError(
        f"{function}: {argument} is {value!r}, expected an integer or (height, width)"
    )


def padding_sides(value: PaddingLike, function: str) -> str | list[int]:
    """ "valid", "same", or [top, bottom, left, right] from an int, (height, width) or ((top, bottom), (left, right))."""
    if isinstance(value, str):
        if value in ("valid", "same"):
            return value
    elif isinstance(value, Sequence) and len(value) == 2 and not is_integer(value[0]):
        sides = [pair(each, function, "padding") for each in value]  # type: ignore[arg-type]
        if all(isinstance(each, Sequence) for each in value):
            return [*sides[0], *sides[1]]
    elif is_integer(value) or isinstance(value, Sequence):
        height, width = pair(value, function, "padding")  # type: ignore[arg-type]
        return [height, height, width, width]
    raise TypeError(
        f"{function}: padding is {value!r}, expected an integer, (height, width), "
        '((top, bottom), (left, right)), "valid" or "same"'
    )
