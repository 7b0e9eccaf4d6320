"""Reference poolings, window by window over padded images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reference.arrays import (
    Array,
    Padding,
    Pair,
    Sides,
    crop,
    pad,
    padding_sides,
    pair,
    real,
    taps,
)


class Windows(NamedTuple):
    """The settings that both poolings have."""

    kernel: Pair
    stride: Pair | None = None
    padding: Padding = 0
    dilation: Pair = 1
    ceil_mode: bool = False

    def padding_of(self, x: Array) -> tuple[Sides, Sides]:
        """The padding, and the pixels beyond it that the last windows of ceil mode cover."""
        stride = self.stride or self.kernel
        sides = padding_sides(self.padding, x.shape[1:3], self.kernel, stride, self.dilation)
        beyond = [0, 0]
        for axis in range(2 if self.ceil_mode else 0):
            size, step, before = x.shape[axis + 1], pair(stride)[axis], sides[axis][0]
            extent = (pair(self.kernel)[axis] - 1) * pair(self.dilation)[axis] + 1
            end, next_window = size + sum(sides[axis]), 0
            while next_window + extent <= end:
                next_window += step
            reaches_the_end = next_window - step + extent >= end
            if not reaches_the_end and next_window < before + size:
                beyond[axis] = next_window + extent - end
        return sides, ((0, beyond[0]), (0, beyond[1]))

    def padded(self, x: Array, value: float, beyond: float | None = None) -> Array:
        """The image with its padding, and with another value beyond the padding."""
        sides, more = self.padding_of(x)
        return pad(pad(x, sides, value), more, value if beyond is None else beyond)

    def taps(self, padded: Array) -> Iterator[tuple[slice, slice, slice]]:
        """Per position in a window in row-major order, the padded pixels under it."""
        stride = self.stride or self.kernel
        for _, _, where in taps(padded.shape[1:3], self.kernel, stride, self.dilation):
            yield where

    def cropped(self, padded: Array, x: Array) -> Array:
        """The pixels of the image."""
        sides, more = self.padding_of(x)
        return crop(crop(padded, more), sides)


def first_maximum(x: Array, windows_of: Windows) -> tuple[Array, Array]:
    """Per window its maximum, and the row-major position of its first occurrence, among real
    pixels.

    NaN counts as larger than every number, so that it passes.
    """
    padded, is_real = windows_of.padded(x, -np.inf), windows_of.padded(np.ones_like(x), 0.0) == 1.0
    windows = list(windows_of.taps(padded))
    best = np.full_like(padded[windows[0]], -np.inf)
    argmax = np.full_like(best, -1.0)
    for position, where in enumerate(windows):
        values = padded[where]
        larger = (values > best) | (np.isnan(values) & ~np.isnan(best)) | (argmax < 0)
        replaces = is_real[where] & larger
        best, argmax = np.where(replaces, values, best), np.where(replaces, float(position), argmax)
    return best, argmax


def max_pool2d(
    x: npt.ArrayLike,
    kernel_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> Array:
    return first_maximum(real(x), Windows(kernel_size, stride, padding, dilation, ceil_mode))[0]


def max_pool2d_backward(
    grad_output: npt.ArrayLike,
    x: npt.ArrayLike,
    kernel_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> Array:
    grad_output, x = real(grad_output), real(x)
    windows = Windows(kernel_size, stride, padding, dilation, ceil_mode)
    _, argmax = first_maximum(x, windows)
    grad_padded = windows.padded(np.zeros_like(x), 0.0)
    for position, where in enumerate(windows.taps(grad_padded)):
        grad_padded[where] += np.where(argmax == position, grad_output, 0.0)
    return windows.cropped(grad_padded, x)


def average_divisors(x: Array, windows: Windows, count_include_pad: bool) -> Array:
    """Per window the divisor of its sum; "same" always counts the real pixels."""
    padding_counts = count_include_pad and windows.padding != "same"
    counted = windows.padded(np.ones_like(x), 1.0 if padding_counts else 0.0, beyond=0.0)
    return real(sum(counted[where] for where in windows.taps(counted)))


def avg_pool2d(
    x: npt.ArrayLike,
    kernel_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
    count_include_pad: bool = True,
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> Array:
    x, windows = real(x), Windows(kernel_size, stride, padding, dilation, ceil_mode)
    padded = windows.padded(x, 0.0)
    total = sum(padded[where] for where in windows.taps(padded))
    return real(total / average_divisors(x, windows, count_include_pad))


def avg_pool2d_backward(
    grad_output: npt.ArrayLike,
    x: npt.ArrayLike,
    kernel_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
    count_include_pad: bool = True,
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> Array:
    x, windows = real(x), Windows(kernel_size, stride, padding, dilation, ceil_mode)
    share = real(grad_output) / average_divisors(x, windows, count_include_pad)
    grad_padded = windows.padded(np.zeros_like(x), 0.0)
    for where in windows.taps(grad_padded):
        grad_padded[where] += share
    return windows.cropped(grad_padded, x)
