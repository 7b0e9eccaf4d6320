"""Arrays that scikit-learn passes, as rows, as images, and as statistics of their channels."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnx.arguments import FloatArray, is_integer, shown
from cnnx.data.dataset import Dataset
from cnnx.data.image_like import holds_images

Pixels: TypeAlias = "NDArray[np.uint8] | FloatArray"
ImageShape: TypeAlias = "tuple[int, int, int]"

# dtypes that stay as they are. scikit-learn converts every other one to the first.
DTYPES = (np.float32, np.uint8)

_LEAST_SIDE = 8  # of the square images that are found in flat rows
_VALUES_AT_ONCE = 1 << 20


def as_rows(X: Any, who: str) -> tuple[Any, ImageShape | None]:
    """`X` with one row per image, and the shape of the images.

    Args:
        X: (n, height, width, channels), (n, height, width), or rows in any form that scikit-learn
            accepts, which are returned unchanged, without a shape.
        who: named in errors.

    Raises:
        TypeError: if X is a path, a list of paths or a `cnnx.data.Dataset`, or holds images of
            Pillow that are neither grey nor RGB, such as those with a palette.
    """
    array = X
    first = X[0] if isinstance(X, (list, tuple)) and len(X) > 0 else X
    if isinstance(first, (str, os.PathLike, Dataset)):
        raise TypeError(
            f"{who}: X is {shown(X)}, expected an array of images, as in "
            "images = cnnx.data.load(folder), fit(images.x, images.y)"
        )
    if holds_images(X):
        mode = next((each.mode for each in X if each.mode not in ("L", "RGB")), None)
        if mode is not None:
            raise TypeError(
                f'{who}: X holds images of Pillow in mode "{mode}", expected an array of images, '
                'as in np.stack([image.convert("RGB") for image in X])'
            )
    if isinstance(X, (list, tuple)):
        try:
            array = np.asarray(X)
        except ValueError:  # of different lengths: scikit-learn refuses them
            return X, None
    shape = tuple(getattr(array, "shape", ()))
    if len(shape) not in (3, 4):
        return X, None
    height, width, channels = shape[1:] if len(shape) == 4 else (*shape[1:], 1)
    return np.asarray(array).reshape(shape[0], height * width * channels), (height, width, channels)


def image_shape_of(
    given: Sequence[int] | None, own: ImageShape | None, features: int, who: str
) -> ImageShape:
    """Shape of the images in rows.

    Args:
        given: (height, width) or (height, width, channels), or None.
        own: shape of the images before they became rows, or None.
        features: length of a row.
        who: named in errors.

    Returns:
        The given shape, that of the images, or else: rows of a square length are (side, side, 1)
        from side 8, all others one pixel with a channel per feature.

    Raises:
        TypeError: if the given shape is no list of integers.
        ValueError: if it does not fit the images.
    """
    if given is None:
        if own is not None:
            return own
        side = math.isqrt(features)
        is_square = side * side == features and side >= _LEAST_SIDE
        return (side, side, 1) if is_square else (1, 1, features)
    is_list = isinstance(given, Sequence) and len(given) in (2, 3)
    if not is_list or not all(is_integer(each) and each >= 1 for each in given):
        raise TypeError(
            f"{who}: image_shape is {shown(given)}, expected (height, width), (height, width, "
            "channels) or None"
        )
    height, width, channels = given if len(given) == 3 else (*given, 1)
    shape = (int(height), int(width), int(channels))
    if own is not None and own != shape:
        raise ValueError(f"{who}: X holds images of shape {own}, expected image_shape, {shape}")
    if own is None and features != math.prod(shape):
        raise ValueError(
            f"{who}: X has {features} features, expected {math.prod(shape)}, those of images of "
            f"shape {shape}"
        )
    return shape


def channel_statistics(x: NDArray[Any]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel; the deviation of a constant one is 1.

    They are rounded to float32, so that the order of NumPy's sums, which depends on the CPU, does
    not show.

    Args:
        x: (n, height, width, channels).
    """
    pixels = x.reshape(-1, x.shape[3])
    mean = _mean(pixels, np.zeros(x.shape[3]), 1)
    std = np.sqrt(_mean(pixels, mean, 2))
    # The sums over equal values leave a rounding error.
    std[std <= np.maximum(1e-6 * np.abs(mean), np.finfo(np.float32).tiny)] = 1.0
    return mean.astype(np.float32).tolist(), std.astype(np.float32).tolist()


def _mean(pixels: NDArray[Any], centre: NDArray[np.float64], power: int) -> NDArray[np.float64]:
    """Mean over the rows of a power of the differences from `centre`."""
    count, channels = pixels.shape
    total, step = np.zeros(channels), max(1, _VALUES_AT_ONCE // channels)
    for start in range(0, count, step):
        part = pixels[start : start + step] - centre
        total += (part**power).sum(axis=0)
    mean: NDArray[np.float64] = total / count
    return mean
