"""Validation and conversion of a batch: images, labels and targets."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.advice import warn
from cnnx.arguments import FloatArray, float32_array, real_array, rectangular_array, shown
from cnnx.mapping import check_mapping

IGNORED = 255  # label of positions that belong to no class, as in PASCAL VOC and Cityscapes
_EXAMINED = 256  # images; to examine all would read a memory-mapped data set once more
_ONCE_TOO_OFTEN = 1.001 / 255  # brightest value of floats that were divided by 255 twice
_STANDARDIZED = -0.5  # darkest value of floats that are no pixels; enlarged images reach about -0.1
DARKEST = 16  # brightest value of integers on another scale than 0 to 255
_FLOAT32 = np.dtype(np.float32)
_range_is_checked: ContextVar[bool] = ContextVar("range_is_checked", default=True)


def images(
    value: ArrayLike,
    input_shape: tuple[int, int, int],
    function: str,
    reordering: str = "x.transpose",
) -> tuple[NDArray[np.uint8] | FloatArray, bool, bool]:
    """Images as a contiguous uint8 or float32 array of the model's input size.

    Args:
        value: images.
        input_shape: (height, width, channels) of a model.
        function: named in errors.
        reordering: begin of the expression that moves channels to the end, in an error.

    Returns:
        The array, (batch, height, width, channels); whether its values are integers to be divided
        by 255; whether the batch axis was added here.

    Raises:
        TypeError: if the dtype is not real.
        ValueError: if the rank, the size or the channels differ from the model's, or if wide
            integers are not pixels from 0 to 255.
        cnnx.FormatError: a ValueError, if it is mapped from a file that was cut short since.
    """
    if (  # nothing to convert: the checks below would take a tenth of LeNet's time for one image
        type(value) is np.ndarray
        and value.dtype is _FLOAT32
        and value.ndim == 4
        and value.shape[1:] == input_shape
        and value.base is None
        and value.flags.c_contiguous
    ):
        return value, False, False
    array = real_array(value, function, "x")
    check_mapping(array, f"{function}: x")
    array, single = _with_batch_axis(array, input_shape, function, reordering)
    kind = array.dtype.kind
    if kind == "u" and array.dtype.itemsize == 1:
        return np.ascontiguousarray(array), True, single
    integers = kind in "iu"
    if integers and array.size:
        least, most = array.min(), array.max()
        if least < 0 or most > 255:
            floats = f"x / {_white(array.dtype, most)}" if least >= 0 else _shifted(least, most)
            raise ValueError(
                f"{function}: x holds integers from {least} to {most}, expected pixels from 0 to "
                f"255, or floats from 0 to 1: {floats}"
            )
    return np.ascontiguousarray(array, dtype=np.float32), integers, single


def _white(dtype: np.dtype[Any], most: int) -> int:
    """Value of a white pixel: the largest one of the 12-bit or 16-bit images of cameras."""
    if dtype != np.uint16:
        return most
    return 4095 if most <= 4095 else 65535


def _shifted(least: int, most: int) -> str:
    """The expression for integers of both signs, such as pixels less 128."""
    return f"(x + {-int(least)}) / {int(most) - int(least)}"


def refuse_not_finite(pixels: NDArray[np.uint8] | FloatArray, beginning: str) -> None:
    """Refuse images with NaN or an infinite value; without a temporary array.

    Args:
        pixels: images.
        beginning: of the error, such as "predict: x".

    Raises:
        ValueError: if there is one.
    """
    if pixels.dtype == np.uint8 or pixels.size == 0:
        return
    if not (np.isfinite(pixels.min()) and np.isfinite(pixels.max())):
        raise ValueError(f"{beginning} holds NaN or infinity, expected finite images")


def exceeds_two(pixels: NDArray[Any]) -> bool:
    """Whether the largest value of the first 256 images is finite and above 2."""
    return 2 < brightest(pixels) < math.inf


def brightest(pixels: NDArray[Any]) -> float:
    """Largest value of the first 256 images; 0 of none.

    NumPy's argmax is its fastest reduction: half a microsecond for an MNIST image, 0.1 ms for 256
    CIFAR images. It finds NaN before any number.
    """
    some = pixels[:_EXAMINED]
    return float(some.item(some.argmax())) if some.size else 0.0


def are_black(pixels: NDArray[Any]) -> bool:
    """Whether integers of several images are at most 16, or of a single one at most 1.

    A bright pixel in the middle says no in a tenth of the time of all pixels. A single image may
    well be dark.
    """
    if not pixels.size or pixels.item(pixels.size // 2) > DARKEST:
        return False
    return 0 < brightest(pixels) <= (DARKEST if len(pixels) > 1 else 1)


def are_divided_twice(most: float) -> bool:
    """Whether it is the largest value of pixels above 1 that were divided by 255 twice."""
    return _ONCE_TOO_OFTEN / 255 <= most <= _ONCE_TOO_OFTEN


@contextmanager
def any_float_range() -> Iterator[None]:
    """Disable `check_float_range` in this context, for a caller who knows the range of its data."""
    token = _range_is_checked.set(False)
    try:
        yield
    finally:
        _range_is_checked.reset(token)


def check_float_range(pixels: NDArray[Any], function: str) -> None:
    """Refuse float pixels from 0 to 255, and warn of other floats that are far from 0 to 1.

    Raises:
        ValueError: if the values are whole numbers from 0 to 255.
    """
    if not _range_is_checked.get():
        return
    some = pixels[:_EXAMINED]
    least, most = some.min(), some.max()
    begin = f"{function}: x holds floats from {least:g} to {most:g}"
    if least >= 0 and most <= 255 and (some == np.floor(some)).all():
        raise ValueError(f"{begin}, expected 0 to 1: x / 255, or uint8 pixels")
    if least >= 0 or most > 20:  # standardised images have values of both signs near 0
        warn(
            f"{begin}, expected about 0 to 1: x / {max(255, most):g}, or a model with "
            "preprocessing=cnnx.Preprocessing(mean=..., std=...)"
        )


def warn_of_black_images(pixels: NDArray[Any], function: str) -> None:
    """Warn of integers that are divided by 255, such as 0 and 1."""
    most = int(pixels[:_EXAMINED].max())
    warn(
        f"{function}: x holds integers from 0 to {most}, which are divided by 255, so images "
        f"are nearly black, expected 0 to 255, or floats: x.astype(numpy.float32) / {most}"
    )


def warn_of_divided_twice(pixels: NDArray[Any], function: str) -> None:
    """Warn of floats from 0 to 1 / 255."""
    some = pixels[:_EXAMINED]
    if _range_is_checked.get() and some.min() >= 0:
        warn(
            f"{function}: x holds floats from 0 to {some.max():.3g}, expected about 0 to 1: "
            "x * 255, if it was divided by 255 twice"
        )


def are_standardized(pixels: NDArray[Any]) -> bool:
    """Whether the least value of the first 256 images is that of standardized floats."""
    some = pixels[:_EXAMINED]
    return some.size > 0 and -math.inf < some.item(some.argmin()) < _STANDARDIZED


def warn_of_standardization(pixels: NDArray[Any], function: str) -> None:
    """Warn of standardized floats for a model whose preprocessing subtracts mean and divides by
    std.
    """
    if not _range_is_checked.get():
        return
    some = pixels[:_EXAMINED]
    warn(
        f"{function}: x holds floats from {some.min():.3g} to {some.max():.3g}, to which the mean "
        "and std of model.preprocessing are applied once more, expected 0 to 1: x * std + mean, "
        "or uint8 pixels"
    )


def warn_of_division(function: str) -> None:
    """Warn of integers for a model whose mean or std are in units of 0 to 255."""
    warn(
        f"{function}: x holds integers, which are divided by 255 before mean and std apply, "
        "expected both in units of 0 to 1: cnnx.Preprocessing(mean=mean / 255, std=std / 255)"
    )


def _with_batch_axis(
    array: NDArray[Any], input_shape: tuple[int, int, int], function: str, reordering: str
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
            f"{expected}: {reordering}({axes})"
        )
    raise ValueError(
        f"{function}: x has shape {array.shape}, expected images of shape {expected}, "
        "one or a batch of them"
    )


def class_labels(
    value: ArrayLike,
    count: int,
    classes: Sequence[str],
    outputs: int,
    function: str,
    ignore_index: int | None = None,
) -> NDArray[np.int64]:
    """Labels as int64 class indices, (count,).

    Args:
        value: integers of any width, class names, or rows of one-hot labels.
        count: number of images.
        classes: names of the classes.
        outputs: number of classes.
        function: named in errors.
        ignore_index: label beyond those of classes that is allowed, or None.

    Raises:
        TypeError: if the dtype is neither integer nor text.
        ValueError: if a label is fractional, NaN, unknown or out of range, or if the number of
            labels is not `count`.
    """
    array = rectangular_array(value, function, "y")
    if array.dtype == object and all(isinstance(each, str) for each in array.flat):
        array = array.astype(str)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if outputs > 1 and array.shape == (count, outputs) and array.dtype.kind in "biuf":
        return _indices_of_one_hot(array, function)
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
    return class_indices(array, outputs, function, ignore_index)


def _indices_of_one_hot(rows: NDArray[Any], function: str) -> NDArray[np.int64]:
    """Position of the 1 in each row.

    Raises:
        ValueError: if a row is not a single 1 and zeros.
    """
    wrong = np.flatnonzero(((rows != 0) & (rows != 1)).any(axis=1) | (rows.sum(axis=1) != 1))
    if wrong.size:
        raise ValueError(
            f"{function}: y has the row {shown(rows[wrong[0]].tolist())} at position {wrong[0]}, "
            "expected one-hot labels, a single 1 per row, or one label per image: "
            "y.argmax(axis=1)"
        )
    return np.asarray(rows.argmax(axis=1), np.int64)


def class_indices(
    labels: NDArray[Any], classes: int, function: str, ignore_index: int | None
) -> NDArray[np.int64]:
    """Labels of images or of their positions as contiguous int64.

    Raises:
        ValueError: if a label is neither from 0 to classes - 1 nor `ignore_index`.
    """
    is_wrong = (labels < 0) | (labels >= classes)
    if ignore_index is not None:
        is_wrong &= labels != ignore_index
    wrong = np.argwhere(is_wrong)
    if wrong.size:
        raise ValueError(
            f"{function}: y has label {labels[tuple(wrong[0])]} at position {place(wrong[0])}, "
            f"expected 0 to {classes - 1}{_ignored(labels, ignore_index)}"
        )
    return np.ascontiguousarray(labels, dtype=np.int64)


def _ignored(labels: NDArray[Any], ignore_index: int | None) -> str:
    """What else a label may be; masks often mark positions without a class by 255."""
    if ignore_index is not None:
        return f" or ignore_index {ignore_index}"
    if labels.ndim > 1 and np.isin(labels, (0, IGNORED)).all():
        return f"; for black and white masks: y // {IGNORED}"
    if labels.ndim > 1 and (labels == IGNORED).any():
        return f"; if {IGNORED} marks positions without a class: ignore_index={IGNORED}"
    return ""


def place(indices: NDArray[np.int64]) -> str:
    """Index of an image, or (image, row, column) of a position."""
    return str(indices[0]) if len(indices) == 1 else str(tuple(indices.tolist()))


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
