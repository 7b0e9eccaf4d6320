"""Poolings of random images in bytes, computed in integers by NumPy.

Not part of the package.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from cnnx import AdaptiveAvgPool2d, AvgPool2d, GlobalAvgPool2d, Input, Layer, MaxPool2d
from quantized_numbers import (
    Branches,
    Case,
    Integers,
    any_images,
    any_quantization,
    case_of,
    finished,
    layers_of,
)
from samples import Float32Array


class Taps(NamedTuple):
    """Pixels along an axis that an output reads, and the number by which it divides."""

    pixels: list[int]
    divisor: int


def pool_taps(
    size: int,
    kernel: int,
    stride: int,
    dilation: int,
    sides: tuple[int, int],
    ceil_mode: bool,
    counts_padding: bool,
) -> list[Taps]:
    """The windows along an axis, one after the other."""
    found: list[Taps] = []
    begin, end = -sides[0], size + sides[1]
    extent = (kernel - 1) * dilation + 1
    while begin + extent <= end or (ceil_mode and begin - stride + extent < end and begin < size):
        window = range(begin, begin + extent, dilation)
        inside = [pixel for pixel in window if 0 <= pixel < size]
        counted = [pixel for pixel in window if pixel < end] if counts_padding else inside
        found.append(Taps(inside, len(counted)))
        begin += stride
    return found


def pooled(
    x: Integers, rows: list[Taps], columns: list[Taps], function: Callable[[Integers, int], Any]
) -> npt.NDArray[Any]:
    """`function(pixels (batch, pixels, channels), divisor)` of every window."""
    return np.stack(
        [
            np.stack(
                [
                    function(
                        x[:, row.pixels][:, :, column.pixels].reshape(len(x), -1, x.shape[3]),
                        row.divisor * column.divisor,
                    )
                    for column in columns
                ],
                axis=1,
            )
            for row in rows
        ],
        axis=1,
    )


def any_pool_settings(
    rng: np.random.Generator, shape: tuple[int, ...]
) -> tuple[dict[str, Any], list[list[int]]]:
    """Settings of a pooling, and per axis kernel, stride, dilation and the padding's sides."""
    axes: list[list[int]] = []
    for size in shape[1:3]:
        kernel = int(rng.integers(1, min(size, 5) + 1))
        dilation = int(rng.integers(1, 3)) if 2 * kernel - 1 <= size else 1
        most = (kernel - 1) * dilation if dilation == 1 else 0
        axes.append([kernel, int(rng.integers(1, 4)), dilation, *rng.integers(0, most + 1, 2)])
    settings: dict[str, Any] = {
        name: tuple(axis[i] for axis in axes)
        for i, name in enumerate(("kernel_size", "stride", "dilation"))
    }
    settings["padding"] = tuple((int(axis[3]), int(axis[4])) for axis in axes)
    settings["ceil_mode"] = bool(rng.integers(2))
    return settings, axes


def taps_of_axes(
    shape: tuple[int, ...], axes: list[list[int]], ceil_mode: bool, counts_padding: bool
) -> list[list[Taps]]:
    return [
        pool_taps(size, *axis[:3], (axis[3], axis[4]), ceil_mode, counts_padding)
        for size, axis in zip(shape[1:3], axes, strict=True)
    ]


def max_pool_case(rng: np.random.Generator) -> Case:
    x, format_ = any_images(rng), any_quantization(rng, int(rng.integers(0, 256)))
    settings, axes = any_pool_settings(rng, x.shape)
    rows, columns = taps_of_axes(x.shape, axes, settings["ceil_mode"], False)
    most = pooled(format_.bytes_of(x), rows, columns, lambda pixels, _: pixels.max(axis=1))
    image = Input(x.shape[1:])
    pool, expected = MaxPool2d(**settings), format_.values_of(most)
    branches = Branches([format_.layer(image)], [pool], expected, True, view=format_)
    return case_of(image, x, branches)


def mean_case(
    rng: np.random.Generator,
    x: Float32Array,
    layer: Layer,
    taps: list[list[Taps]],
    flat: bool = False,
) -> Case:
    """A layer of means, with a quantize layer or without one."""
    format_ = any_quantization(rng)
    output = any_quantization(rng) if rng.integers(2) else None
    unit = np.float64(np.float32(format_.scale))
    if output:
        unit /= np.float32(output.scale)

    def mean(pixels: Integers, divisor: int) -> Float32Array:
        sums = (pixels - format_.zero_point).sum(axis=1)
        return sums.astype(np.float32) * np.float32(unit / divisor)

    y = pooled(format_.bytes_of(x), *taps, mean)
    expected = finished(y[:, 0, 0] if flat else y, output)
    image = Input(x.shape[1:])
    last = layers_of(layer, output)
    return case_of(image, x, Branches([format_.layer(image)], last, expected, output is not None))


def avg_pool_case(rng: np.random.Generator) -> Case:
    x = any_images(rng)
    settings, axes = any_pool_settings(rng, x.shape)
    counts = bool(rng.integers(2))
    taps = taps_of_axes(x.shape, axes, settings["ceil_mode"], counts)
    return mean_case(rng, x, AvgPool2d(**settings, count_include_pad=counts), taps)


def adaptive_taps(size: int, outputs: int) -> list[Taps]:
    pixels = [
        list(range(i * size // outputs, -(-(i + 1) * size // outputs))) for i in range(outputs)
    ]
    return [Taps(each, len(each)) for each in pixels]


def adaptive_avg_pool_case(rng: np.random.Generator) -> Case:
    x = any_images(rng)
    outputs = tuple(int(size) for size in rng.integers(1, 6, 2))
    taps = [adaptive_taps(size, out) for size, out in zip(x.shape[1:3], outputs, strict=True)]
    return mean_case(rng, x, AdaptiveAvgPool2d(outputs), taps)


def global_avg_pool_case(rng: np.random.Generator) -> Case:
    x = any_images(rng)
    taps = [adaptive_taps(size, 1) for size in x.shape[1:3]]
    return mean_case(rng, x, GlobalAvgPool2d(), taps, flat=True)


POOL_CASES: dict[str, Callable[[np.random.Generator], Case]] = {
    "max_pool2d": max_pool_case,
    "avg_pool2d": avg_pool_case,
    "adaptive_avg_pool2d": adaptive_avg_pool_case,
    "global_avg_pool2d": global_avg_pool_case,
}
