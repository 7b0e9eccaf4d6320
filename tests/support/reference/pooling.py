"""Reference poolings, window by window over padded images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reference.arrays import (
    Array,
    Padding,
    Pair,
    crop,
    pad,
    padding_sides,
    real,
    taps,
)


def first_maximum(x: Array, kernel: Pair, stride: Pair, padding: Padding) -> tuple[Array, Array]:
    """Per window its maximum, and the row-major position of its first occurrence, among real
    pixels.

    NaN counts as larger than every number, so that it passes.
    """
    sides = padding_sides(padding, x.shape[1:3], kernel, stride)
    padded, is_real = pad(x, sides, -np.inf), pad(np.ones_like(x), sides, 0.0) == 1.0
    windows = [where for _, _, where in taps(padded.shape[1:3], kernel, stride)]
    best = np.full_like(padded[windows[0]], -np.inf)
    argmax = np.full_like(best, -1.0)
    for position, where in enumerate(windows):
        values = padded[where]
        larger = (values > best) | (np.isnan(values) & ~np.isnan(best)) | (argmax < 0)
        replaces = is_real[where] & larger
        best, argmax = np.where(replaces, values, best), np.where(replaces, float(position), argmax)
    return best, argmax


def max_pool2d(
    x: npt.ArrayLike, kernel_size: Pair, *, stride: Pair | None = None, padding: Padding = 0
) -> Array:
    return first_maximum(real(x), kernel_size, stride or kernel_size, padding)[0]


def max_pool2d_backward(
    grad_output: npt.ArrayLike,
    x: npt.ArrayLike,
    kernel_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
) -> Array:
    grad_output, x, stride = real(grad_output), real(x), stride or kernel_size
    _, argmax = first_maximum(x, kernel_size, stride, padding)
    sides = padding_sides(padding, x.shape[1:3], kernel_size, stride)
    grad_padded = pad(np.zeros_like(x), sides, 0.0)
    for position, (_, _, where) in enumerate(taps(grad_padded.shape[1:3], kernel_size, stride)):
        grad_padded[where] += np.where(argmax == position, grad_output, 0.0)
    return crop(grad_padded, sides)


def average_divisors(
    x: Array, kernel: Pair, stride: Pair, padding: Padding, count_include_pad: bool
) -> Array:
    """Per window the divisor of its sum; "same" always counts the real pixels."""
    sides = padding_sides(padding, x.shape[1:3], kernel, stride)
    padding_counts = count_include_pad and padding != "same"
    counted = pad(np.ones_like(x), sides, 1.0 if padding_counts else 0.0)
    return real(sum(counted[where] for _, _, where in taps(counted.shape[1:3], kernel, stride)))


def avg_pool2d(
    x: npt.ArrayLike,
    kernel_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
    count_include_pad: bool = True,
) -> Array:
    x, stride = real(x), stride or kernel_size
    padded = pad(x, padding_sides(padding, x.shape[1:3], kernel_size, stride), 0.0)
    total = sum(padded[where] for _, _, where in taps(padded.shape[1:3], kernel_size, stride))
    return real(total / average_divisors(x, kernel_size, stride, padding, count_include_pad))


def avg_pool2d_backward(
    grad_output: npt.ArrayLike,
    x: npt.ArrayLike,
    kernel_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
    count_include_pad: bool = True,
) -> Array:
    x, stride = real(x), stride or kernel_size
    share = real(grad_output) / average_divisors(x, kernel_size, stride, padding, count_include_pad)
    sides = padding_sides(padding, x.shape[1:3], kernel_size, stride)
    grad_padded = pad(np.zeros_like(x), sides, 0.0)
    for _, _, where in taps(grad_padded.shape[1:3], kernel_size, stride):
        grad_padded[where] += share
    return crop(grad_padded, sides)
