"""Scales and zero points of activations, from histograms of their values."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from cnnx.quantization.histogram import Histogram

Calibration: TypeAlias = Literal["mse", "min_max", "percentile"]
CALIBRATIONS = get_args(Calibration)

MOST_BYTE = 255
# Part of the values that "percentile" leaves out at either end.
_BEYOND_PERCENTILE = 1e-4
# Ends of ranges that "mse" tries, as parts of the largest value.
_ENDS = np.geomspace(0.02, 1, 80)


class ByteRange(NamedTuple):
    """How values are held in bytes: value = (byte - zero_point) * scale.

    Attributes:
        scale: difference of two successive values.
        zero_point: the byte of the value 0.
    """

    scale: float
    zero_point: int


def byte_range(histogram: Histogram, calibration: Calibration) -> ByteRange:
    """The range of bytes for some values."""
    if calibration == "min_max":
        return range_of(histogram.least, histogram.most)
    if calibration == "percentile":
        return range_of(*histogram.quantiles(_BEYOND_PERCENTILE))
    return range_of(*_least_squares(histogram))


def range_of(least: float, most: float) -> ByteRange:
    """The range of bytes from at most `least` to at least `most`, which 0 belongs to.

    Example:
        >>> range_of(0.0, 127.5)
        ByteRange(scale=0.5, zero_point=0)
    """
    least, most = min(float(least), 0.0), max(float(most), 0.0)
    if most - least < np.finfo(np.float32).tiny * MOST_BYTE:  # all values are 0
        return ByteRange(1.0, 0)
    scale = (most - least) / MOST_BYTE
    zero_point = round(-least / scale)
    # A rounded zero point moves the range: the scale grows so that both ends stay in it.
    if 0 < zero_point < MOST_BYTE:
        scale = max(-least / zero_point, most / (MOST_BYTE - zero_point))
    return ByteRange(float(np.float32(scale)), zero_point)


def _least_squares(histogram: Histogram) -> tuple[float, float]:
    """Ends of the range with the smallest mean squared error of clipping and rounding.

    Rounding to steps of a size has the error size**2 / 12, except for values of 0, which are exact.
    """
    values, counts = histogram.centres, histogram.counts.astype(np.float64)
    lows = histogram.least * _ENDS if histogram.least < 0 else np.zeros(1)
    highs = histogram.most * _ENDS if histogram.most > 0 else np.zeros(1)
    beyond_low = [np.sum(counts * np.square(np.minimum(values - low, 0))) for low in lows]
    beyond_high = [np.sum(counts * np.square(np.maximum(values - high, 0))) for high in highs]
    inside_low = np.array([np.sum(counts[values >= low]) for low in lows])
    outside_high = np.array([np.sum(counts[values > high]) for high in highs])
    steps = (highs[np.newaxis, :] - lows[:, np.newaxis]) / MOST_BYTE
    errors = (
        np.array(beyond_low)[:, np.newaxis]
        + np.array(beyond_high)[np.newaxis, :]
        + (inside_low[:, np.newaxis] - outside_high[np.newaxis, :]) * np.square(steps) / 12
    )
    low, high = np.unravel_index(np.argmin(errors), errors.shape)
    return float(lows[low]), float(highs[high])
