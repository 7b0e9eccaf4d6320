"""Random layers between quantize layers, with outputs computed in integers by NumPy.

Not part of the package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from cnnx import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    GlobalAvgPool2d,
    MaxPool2d,
    Model,
    Quantize,
)
from samples import Float32Array

Integers = npt.NDArray[np.int64]


class Quantization(NamedTuple):
    """Numbers in bytes: value = (byte - zero_point) * scale."""

    scale: float
    zero_point: int

    @property
    def layer(self) -> Quantize:
        return Quantize(self.scale, self.zero_point)

    def bytes_of(self, x: Float32Array) -> Integers:
        byte = np.rint(x / np.float32(self.scale)) + self.zero_point
        return np.clip(byte, 0, 255).astype(np.int64)

    def values_of(self, integers: npt.NDArray[Any]) -> Float32Array:
        centred = (integers - self.zero_point).astype(np.float32)
        return centred * np.float32(self.scale)


class Case(NamedTuple):
    """A model, its input, its exact output, and the layers of which each step must consist."""

    model: Model
    x: Float32Array
    expected: Float32Array
    steps: list[list[str]]


def any_quantization(rng: np.random.Generator, zero_point: int | None = None) -> Quantization:
    """One whose values lie around those of normally distributed numbers."""
    if zero_point is None:
        zero_point = int(rng.integers(40, 200))
    return Quantization(float(np.float32(rng.uniform(0.01, 0.03))), zero_point)


def finished(
    y: npt.NDArray[np.float32],
    output: Quantization | None,
    least: float = -np.inf,
    most: float = np.inf,
) -> Float32Array:
    """The output of float32 numbers in units of `output`, limited to values."""
    if output is None:
        return np.clip(y, np.float32(least), np.float32(most))
    low = 0 if least < 0 else output.zero_point
    highest = min(float(np.rint(np.float32(most) / np.float32(output.scale))), 255)
    high = min(output.zero_point + highest, 255)
    return output.values_of(np.clip(np.rint(y) + output.zero_point, low, high))


def any_images(rng: np.random.Generator, channels: int | None = None) -> Float32Array:
    """One image or five, small, with any number of channels."""
    batch, height = int(rng.choice([1, 5])), int(rng.choice([2, 5, 6, 7, 8, 13]))
    width = int(rng.integers(1, 14))
    if channels is None:
        channels = int(rng.choice([1, 3, 4, 8, 15, 16, 17, 24, 31, 32, 40, 64, 70, 130]))
    return rng.normal(size=(batch, height, width, channels)).astype(np.float32) * 2


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
    layers = [format_.layer, MaxPool2d(**settings)]
    most = pooled(format_.bytes_of(x), rows, columns, lambda pixels, _: pixels.max(axis=1))
    return Case(
        Model(layers, input_shape=x.shape[1:]),
        x,
        format_.values_of(most),
        [["quantize_1"], ["max_pool2d_1"], ["max_pool2d_1"]],
    )


def mean_case(
    rng: np.random.Generator,
    x: Float32Array,
    layer: Any,
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
    layers = [format_.layer, layer, *([output.layer] if output else [])]
    model = Model(layers, input_shape=x.shape[1:])
    names = [each.name for each in model.layers]
    steps = [names[:1], names[1:]] + ([names[-1:]] if output else [])
    return Case(model, x, expected, steps)


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


CASES: dict[str, Callable[[np.random.Generator], Case]] = {
    "max_pool2d": max_pool_case,
    "avg_pool2d": avg_pool_case,
    "adaptive_avg_pool2d": adaptive_avg_pool_case,
    "global_avg_pool2d": global_avg_pool_case,
}


def cases(kind: str, count: int) -> Iterator[Case]:
    for seed in range(count):
        yield CASES[kind](np.random.default_rng(seed))
