"""Whole numbers and scales of weights, one scale per output channel."""

from __future__ import annotations

import numpy as np

from cnnx.quantization.network import Array
from cnnx.quantization.ranges import Calibration

MOST = 127
# Largest weights that "mse" tries, as parts of the channel's largest one.
_PARTS = np.linspace(0.6, 1, 21)


def weight_scales(weight: Array, calibration: Calibration) -> Array:
    """The scale of each output channel, the last axis, as float32 numbers.

    Args:
        weight: weights.
        calibration: "mse" chooses the smallest mean squared error of rounding and clipping; the
            others choose the scale that holds the largest weight.
    """
    rows = weight.reshape(-1, weight.shape[-1])
    largest = np.abs(rows).max(axis=0)
    parts = _PARTS if calibration == "mse" else np.ones(1)
    best = np.full(largest.shape, np.inf)
    scales = np.ones(largest.shape)
    for part in parts:
        # A channel of zeros has any scale.
        tried = as_float32(np.where(largest > 0, part * largest / MOST, 1.0))
        errors = np.square(rounded(rows, tried) - rows).sum(axis=0)
        is_better = errors < best
        best = np.where(is_better, errors, best)
        scales = np.where(is_better, tried, scales)
    return scales


def as_float32(scales: Array) -> Array:
    """The nearest float32 numbers that are normal."""
    tiny = float(np.finfo(np.float32).tiny)
    return np.maximum(scales, tiny).astype(np.float32).astype(np.float64)


def rounded(weight: Array, scales: Array) -> Array:
    """The nearest whole numbers from -127 to 127 times the scales."""
    return np.clip(np.round(weight / scales), -MOST, MOST) * scales
