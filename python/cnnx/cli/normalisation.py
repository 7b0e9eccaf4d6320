"""Mean and standard deviation of images, for `--mean auto` and `--std auto`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cnnx.cli.errors import UserError

if TYPE_CHECKING:
    from cnnx.data.dataset import Pixels

_IMAGES_AT_ONCE = 256


def pixel_mean(x: Pixels) -> list[float]:
    """Mean of each channel, in [0, 1]."""
    return [float(each) for each in _moment(x, 1) / 255]


def pixel_deviation(x: Pixels) -> list[float]:
    """Standard deviation of each channel, in [0, 1].

    Raises:
        UserError: if all pixels of a channel have the same value.
    """
    variance = _moment(x, 2) - _moment(x, 1) ** 2
    if variance.min() <= 0:
        raise UserError("--std auto: all pixels of a channel have the same value; leave --std out")
    return [float(each) for each in np.sqrt(variance) / 255]


def _moment(x: Pixels, power: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Mean of a power of the pixels of each channel, from exact integer sums."""
    sums = np.zeros(x.shape[3], dtype=np.int64)
    for start in range(0, len(x), _IMAGES_AT_ONCE):
        part = x[start : start + _IMAGES_AT_ONCE].astype(np.int64) ** power
        sums += part.sum(axis=(0, 1, 2))
    return np.asarray(sums / (x.size // x.shape[3]), dtype=np.float64)
