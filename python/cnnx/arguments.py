"""Validation and conversion of arguments (a list, an int for a pair) to the core's types."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float32]
PairLike: TypeAlias = "int | Sequence[int]"
PaddingLike: TypeAlias = "int | str | Sequence[int] | Sequence[Sequence[int]]"


def is_integer(value: object) -> bool:
    """True for Python and NumPy integers that fit 64 bits, not for booleans."""
    return (
        isinstance(value, Integral)
        and not isinstance(value, (bool, np.bool_))
        and -(2**63) <= int(value) < 2**63
    )


def integer(value: object, function: str, argument: str) -> int:
    """`value` as an int.

    Raises:
        TypeError: if it is not an integer.
    """
    if not is_integer(value):
        raise TypeError(f"{function}: {argument} is {value!r}, expected an integer")
    return int(value)  # type: ignore[call-overload, no-any-return]


def is_utf8(text: str) -> bool:
    """Whether UTF-8 can encode the text; lone surrogates of undecodable file names cannot be."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def text(value: object, function: str, argument: str) -> str:
    """`value` as a string that UTF-8 can encode.

    Raises:
        TypeError: if it is not a string.
        ValueError: if it contains lone surrogates.
    """
    if not isinstance(value, str):
        raise TypeError(f"{function}: {argument} is {value!r}, expected text")
    if not is_utf8(value):
        raise ValueError(
            f"{function}: {argument} is {value!r}, expected text that UTF-8 can encode"
        )
    return value


def shown(value: object) -> str:
    """`value` as one short line for an error message; arrays by their shape."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def real_number(value: object, function: str, argument: str) -> float:
    """`value` as a finite float.

    Raises:
        TypeError: if it is not a real number.
        ValueError: if it is NaN or infinite.
    """
    given = number(value, function, argument)
    if not np.isfinite(np.float32(given)):
        raise ValueError(f"{function}: {argument} is {value!r}, expected a finite number")
    return given


def number(value: object, function: str, argument: str) -> float:
    """`value` as a float, which may be NaN or infinite.

    Raises:
        TypeError: if it is not a real number.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{function}: {argument} is {value!r}, expected a number")
    return float(value)


def not_negative(value: object, function: str, argument: str) -> float:
    """`value` as a finite float >= 0."""
    given = number(value, function, argument)
    if not 0 <= given < float("inf"):
        raise ValueError(f"{function}: {argument} is {value!r}, expected a finite number >= 0")
    return given


def below_one(value: object, function: str, argument: str) -> float:
    """`value` as a float >= 0 and < 1."""
    given = number(value, function, argument)
    if not 0 <= given < 1:
        raise ValueError(f"{function}: {argument} is {value!r}, expected a number >= 0 and < 1")
    return given


def real_array(value: ArrayLike, function: str, argument: str) -> NDArray[Any]:
    """`value` as an array of a real dtype; complex, object and text arrays are refused."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{function}: {argument} is not a rectangular array ({error})") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{function}: {argument} has dtype {array.dtype}, expected real numbers such as float32"
        )
    return array


def float32_array(
    value: ArrayLike, function: str, argument: str, *, ndim: int | None = None
) -> FloatArray:
    """`value` as a contiguous float32 array, copied only if it is not one already.

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
    """Two float32 arrays of the same shape.

    Raises:
        ValueError: if their shapes differ.
    """
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
    raise TypeError(f"{function}: {argument} is {value!r}, expected an integer or (height, width)")


def group_count(value: int, function: str) -> int:
    """Number of groups of channels, an integer."""
    if not is_integer(value):
        raise TypeError(f"{function}: groups is {value!r}, expected an integer")
    return int(value)


def padding_sides(value: PaddingLike, function: str) -> str | list[int]:
    """Padding as "valid", "same" or [top, bottom, left, right]."""
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


def explicit_sides(value: PaddingLike, function: str) -> list[int]:
    """Numeric padding as [top, bottom, left, right]; "valid" and "same" are refused."""
    sides = value if isinstance(value, str) else padding_sides(value, function)
    if isinstance(sides, str):
        raise TypeError(
            f"{function}: padding is {value!r}, expected an integer, (height, width) or "
            "((top, bottom), (left, right))"
        )
    return sides


def one_of(value: object, words: Sequence[str], function: str, argument: str) -> str:
    """`value`, checked to be one of `words`."""
    if not isinstance(value, str) or value not in words:
        expected = " or ".join(map(repr, words))
        raise ValueError(f"{function}: {argument} is {value!r}, expected {expected}")
    return value


def image_shape(x: ArrayLike, function: str) -> list[int]:
    """Shape of `x`, whose values are not used."""
    return list(real_array(x, function, "x").shape)


def images(
    value: ArrayLike, input_shape: tuple[int, int, int], function: str
) -> tuple[NDArray[np.uint8] | FloatArray, bool, bool]:
    """Images as a contiguous uint8 or float32 array of the model's input size.

    Returns:
        The array, (batch, height, width, channels); whether its values are integers to be divided
        by 255; whether the batch axis was added here.

    Raises:
        TypeError: if the dtype is not real.
        ValueError: if the rank, the size or the channels differ from the model's.
    """
    array = real_array(value, function, "x")
    array, single = _with_batch_axis(array, input_shape, function)
    kind = array.dtype.kind
    if kind == "u" and array.dtype.itemsize == 1:
        return np.ascontiguousarray(array), True, single
    integers = kind in "iu"
    return np.ascontiguousarray(array, dtype=np.float32), integers, single


def _with_batch_axis(
    array: NDArray[Any], input_shape: tuple[int, int, int], function: str
) -> tuple[NDArray[Any], bool]:
    height, width, channels = input_shape
    if array.ndim == 4 and array.shape[1:] == input_shape:
        return array, False
    if array.shape == input_shape:
        return array[np.newaxis], True
    if channels == 1 and array.shape[-2:] == (height, width) and array.ndim in (2, 3):
        return array.reshape(-1, height, width, 1), array.ndim == 2
    expected = f"({height}, {width}, {channels})"
    if array.shape[-3:] == (channels, height, width) and array.ndim in (3, 4):
        axes = "0, 2, 3, 1" if array.ndim == 4 else "1, 2, 0"
        raise ValueError(
            f"{function}: x has shape {array.shape}, channels first; expected images of shape "
            f"{expected}: x.transpose({axes})"
        )
    raise ValueError(
        f"{function}: x has shape {array.shape}, expected images of shape {expected}, "
        "one or a batch of them"
    )


def class_labels(
    value: ArrayLike, count: int, classes: Sequence[str], outputs: int, function: str
) -> NDArray[np.int64]:
    """Labels as int64 class indices, (count,).

    Args:
        value: integers of any width, or class names.
        count: number of images.
        classes: names of the classes.
        outputs: number of classes.
        function: named in errors.

    Raises:
        TypeError: if the dtype is neither integer nor text.
        ValueError: if a label is fractional, NaN, unknown or out of range, or if the number of
            labels is not `count`.
    """
    array = np.asarray(value)
    if array.dtype == object and all(isinstance(each, str) for each in array.flat):
        array = array.astype(str)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (count,) and not (array.ndim == 0 and count == 1):
        raise ValueError(
            f"{function}: y has shape {array.shape}, expected one label per image, ({count},)"
        )
    array = array.reshape(count)
    if array.dtype.kind == "U":
        return _indices_of_names(array, classes, function)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{function}: y has dtype {array.dtype}, expected integers or class names")
    if array.dtype.kind == "f":
        wrong = np.flatnonzero(~(np.isfinite(array) & (array == np.floor(array))))
        if wrong.size:
            raise ValueError(
                f"{function}: y has {array[wrong[0]]} at position {wrong[0]}, "
                "expected whole numbers"
            )
    wrong = np.flatnonzero((array < 0) | (array >= outputs))
    if wrong.size:
        raise ValueError(
            f"{function}: y has label {array[wrong[0]]} at position {wrong[0]}, "
            f"expected 0 to {outputs - 1}"
        )
    return np.ascontiguousarray(array, dtype=np.int64)


def _indices_of_names(
    names: NDArray[Any], classes: Sequence[str], function: str
) -> NDArray[np.int64]:
    if not classes:
        raise ValueError(
            f"{function}: y holds names, but the model has no classes; "
            "expected integer labels, or Model(classes=...)"
        )
    index = {name: position for position, name in enumerate(classes)}
    unknown = sorted({str(name) for name in names} - set(index))
    if unknown:
        raise ValueError(
            f"{function}: y has the name {unknown[0]!r}, "
            f"expected one of {', '.join(map(repr, classes))}"
        )
    return np.array([index[str(name)] for name in names], dtype=np.int64)


def target_values(
    value: ArrayLike, shape: tuple[int, ...], function: str, *, limits: tuple[float, float] | None
) -> FloatArray:
    """Regression targets in the shape of the model's outputs; (batch,) is accepted for (batch, 1).

    Raises:
        TypeError: if the dtype is not real.
        ValueError: if the shape differs, a value is not finite, or it lies outside `limits`.
    """
    array = float32_array(value, function, "y")
    if [n for n in array.shape if n != 1] == [n for n in shape if n != 1]:
        array = array.reshape(shape)
    if array.shape != shape:
        raise ValueError(
            f"{function}: y has shape {array.shape}, expected the outputs' shape, {shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{function}: y holds NaN or infinity, expected finite numbers")
    if limits is not None and array.size and (array.min() < limits[0] or array.max() > limits[1]):
        raise ValueError(
            f"{function}: y holds values from {array.min()} to {array.max()}, "
            f"expected {limits[0]:g} to {limits[1]:g}"
        )
    return array
