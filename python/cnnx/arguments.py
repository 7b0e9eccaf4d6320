"""Validation and conversion of arguments (a list, an int for a pair) to the core's types."""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float32]
PairLike: TypeAlias = "int | Sequence[int]"
ConvolutionAlgorithm: TypeAlias = Literal["auto", "direct"]
CONVOLUTION_ALGORITHMS = get_args(ConvolutionAlgorithm)
BLOCK_MODES = ("DCR", "CRD")  # of depth_to_space and space_to_depth
PAD_MODES = ("reflect", "edge")
UPSAMPLE_MODES = ("nearest", "bilinear")
GeluApproximation: TypeAlias = Literal["none", "tanh"]
GELU_APPROXIMATIONS = get_args(GeluApproximation)
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
        raise TypeError(f"{function}: {argument} is {shown(value)}, expected an integer")
    return int(value)  # type: ignore[call-overload, no-any-return]


def at_least(least: int, value: object, function: str, argument: str) -> int:
    """`value` as an int that is not below `least`.

    Raises:
        ValueError: if it is below, or no integer.
    """
    if not is_integer(value) or int(value) < least:  # type: ignore[call-overload]
        raise ValueError(
            f"{function}: {argument} is {shown(value)}, expected an integer >= {least}"
        )
    return int(value)  # type: ignore[call-overload, no-any-return]


def boolean(value: object, function: str, argument: str) -> bool:
    """`value` as a bool.

    Raises:
        TypeError: if it is anything else, such as 0 or a word.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{function}: {argument} is {shown(value)}, expected True or False")
    return bool(value)


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
        raise TypeError(f"{function}: {argument} is {shown(value)}, expected text")
    if not is_utf8(value):
        raise ValueError(
            f"{function}: {argument} is {shown(value)}, expected text that UTF-8 can encode"
        )
    return value


def path_of(value: object, function: str, argument: str = "path") -> str:
    """`value` as the text of a path.

    Raises:
        TypeError: if it is neither text, bytes nor an `os.PathLike`.
        ValueError: if the file system cannot encode it.
    """
    if not isinstance(value, (str, bytes, os.PathLike)):
        raise TypeError(f"{function}: {argument} is {shown(value)}, expected a path")
    path = os.fsdecode(value)
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise ValueError(
            f"{function}: {argument} is {shown(path)}, expected a path that the file system can "
            "encode"
        ) from None
    return path


def shown(value: object) -> str:
    """`value` as one short line for an error message; arrays by their shape."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def listed(names: Sequence[str], most: int = 5, separator: str = ", ") -> str:
    """The first names for an error message, and the number of the others."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return separator.join(names[:most]) + more


def real_number(value: object, function: str, argument: str) -> float:
    """`value` as a finite float.

    Raises:
        TypeError: if it is not a real number.
        ValueError: if it is NaN or infinite.
    """
    given = number(value, function, argument)
    if not np.isfinite(np.float32(given)):
        raise ValueError(f"{function}: {argument} is {shown(value)}, expected a finite number")
    return given


def number(value: object, function: str, argument: str) -> float:
    """`value` as a float, which may be NaN or infinite.

    Raises:
        TypeError: if it is not a real number.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{function}: {argument} is {shown(value)}, expected a number")
    return float(value)


def not_negative(value: object, function: str, argument: str) -> float:
    """`value` as a finite float >= 0."""
    given = number(value, function, argument)
    if not 0 <= given < float("inf"):
        raise ValueError(f"{function}: {argument} is {shown(value)}, expected a finite number >= 0")
    return given


def above_zero(value: object, function: str, argument: str) -> float:
    """`value` as a finite float > 0."""
    given = number(value, function, argument)
    if not 0 < given < float("inf"):
        raise ValueError(f"{function}: {argument} is {shown(value)}, expected a finite number > 0")
    return given


def below_one(value: object, function: str, argument: str) -> float:
    """`value` as a float >= 0 and < 1."""
    given = number(value, function, argument)
    if not 0 <= given < 1:
        raise ValueError(
            f"{function}: {argument} is {shown(value)}, expected a number >= 0 and < 1"
        )
    return given


def rectangular_array(value: ArrayLike, function: str, argument: str) -> NDArray[Any]:
    """`value` as an array of any dtype; ragged lists and masked values are refused."""
    if isinstance(value, np.ndarray) and type(value) is not np.ndarray and np.ma.is_masked(value):
        masked = int(np.ma.getmaskarray(value).sum())
        raise ValueError(
            f"{function}: {argument} is a masked array in which {masked:,} of "
            f"{value.size:,} values are masked, expected all values: {argument}.filled(...)"
        )
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{function}: {argument} is not a rectangular array ({error})") from None


def real_array(value: ArrayLike, function: str, argument: str) -> NDArray[Any]:
    """`value` as an array of a real dtype; complex, object and text arrays are refused."""
    array = rectangular_array(value, function, argument)
    if array.ndim == 0 and array.dtype.kind in "OSU":
        raise TypeError(
            f"{function}: {argument} is {shown(value)}, expected an array of real numbers"
        )
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
    raise TypeError(
        f"{function}: {argument} is {shown(value)}, expected an integer or (height, width)"
    )


def group_count(value: int, function: str) -> int:
    """Number of groups of channels, an integer."""
    if not is_integer(value):
        raise TypeError(f"{function}: groups is {shown(value)}, expected an integer")
    return int(value)


def padding_sides(value: PaddingLike, function: str) -> str | list[int]:
    """Padding as "valid", "same" or [top, bottom, left, right]."""
    if isinstance(value, str) and value in ("valid", "same"):
        return value
    sides = _sides(value, function, "padding")
    if sides is None:
        raise TypeError(
            f"{function}: padding is {shown(value)}, expected an integer, (height, width), "
            '((top, bottom), (left, right)), "valid" or "same"'
        )
    return sides


def _sides(value: PaddingLike, function: str, argument: str) -> list[int] | None:
    """Numbers as [top, bottom, left, right]; None for a value of another form."""
    if isinstance(value, str):
        return None
    if isinstance(value, Sequence) and len(value) == 2 and not is_integer(value[0]):
        sides = [pair(each, function, argument) for each in value]  # type: ignore[arg-type]
        if all(isinstance(each, Sequence) for each in value):
            return [*sides[0], *sides[1]]
    elif is_integer(value) or isinstance(value, Sequence):
        height, width = pair(value, function, argument)  # type: ignore[arg-type]
        return [height, height, width, width]
    return None


def explicit_sides(value: PaddingLike, function: str, argument: str = "padding") -> list[int]:
    """Numeric padding as [top, bottom, left, right]; "valid" and "same" are refused."""
    sides = _sides(value, function, argument)
    if sides is None:
        raise TypeError(
            f"{function}: {argument} is {shown(value)}, expected an integer, (height, width) or "
            "((top, bottom), (left, right))"
        )
    return sides


def pool_settings(
    function: str,
    kernel_size: PairLike,
    stride: PairLike | None,
    padding: PaddingLike,
    dilation: PairLike,
    ceil_mode: bool,
) -> dict[str, Any]:
    """Settings that max pooling and average pooling share, in the core's form."""
    return {
        "kernel_size": pair(kernel_size, function, "kernel_size"),
        "stride": pair(kernel_size if stride is None else stride, function, "stride"),
        "padding": padding_sides(padding, function),
        "dilation": pair(dilation, function, "dilation"),
        "ceil_mode": boolean(ceil_mode, function, "ceil_mode"),
    }


def one_of(value: object, words: Sequence[str], function: str, argument: str) -> str:
    """`value`, checked to be one of `words`."""
    if not isinstance(value, str) or value not in words:
        expected = " or ".join(map(repr, words))
        raise ValueError(f"{function}: {argument} is {shown(value)}, expected {expected}")
    return value


def check_function(value: object, function: str, argument: str, expected: str) -> None:
    """Refuse a value that cannot be called; None is no function to call.

    Raises:
        TypeError: if it is not callable and not None.
    """
    if value is not None and not callable(value):
        raise TypeError(f"{function}: {argument} is {shown(value)}, expected {expected}")


def check_function_of(
    value: object, function: str, argument: str, count: int, expected: str
) -> None:
    """Refuse a value that cannot be called with `count` arguments; None is no function to call.

    Args:
        value: value of the argument.
        function: function of cnnx, for the error.
        argument: name of the argument.
        count: number of arguments of the value's calls.
        expected: those arguments, in words.

    Raises:
        TypeError: if it is not callable, or its signature is known and takes other arguments.
    """
    check_function(value, function, argument, f"a function of {expected}")
    if value is not None:
        check_signature(value, count, f"{function}: {argument}", expected)


def check_signature(function: Any, count: int, beginning: str, expected: str) -> None:
    """Refuse a function that cannot be called with `count` arguments.

    Raises:
        TypeError: if its signature is known and takes other arguments.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of functions in C, whose signatures are unknown
        return
    try:
        signature.bind(*[None] * count)
    except TypeError:
        raise TypeError(f"{beginning} takes {signature}, expected {expected}") from None


def image_shape(x: ArrayLike, function: str) -> list[int]:
    """Shape of `x`, whose values are not used."""
    return list(real_array(x, function, "x").shape)
