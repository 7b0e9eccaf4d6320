"""Convolutions and dense layers with int8 weights, computed in integers by NumPy.

Not part of the package.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from cnnx import Add, Conv2d, Dense, Flatten, Input, Layer, Model, ReLU, ReLU6
from quantized_numbers import (
    Case,
    Integers,
    Quantization,
    any_quantization,
    finished,
    layers_of,
)
from samples import Float32Array


class Weights(NamedTuple):
    """Whole numbers (..., columns), their scales, and a bias in floats."""

    values: Integers
    scales: Float32Array
    bias: Float32Array

    def store(self, model: Model, layer: str) -> None:
        model.buffers[f"{layer}.weight_scale"] = self.scales
        model.parameters[f"{layer}.weight"] = (self.values * self.scales).astype(np.float32)
        model.parameters[f"{layer}.bias"] = self.bias

    def with_bias(self, sums: Integers, unit: npt.NDArray[np.float64]) -> Integers:
        """The bias as a whole number of units, halves away from zero."""
        bias = self.bias.astype(np.float64) / unit
        whole = np.sign(bias) * np.floor(np.abs(bias) + 0.5)
        return sums + whole.astype(np.int64)


def any_weights(rng: np.random.Generator, *shape: int) -> Weights:
    columns = shape[-1]
    return Weights(
        rng.integers(-128, 128, shape),
        rng.uniform(0.001, 0.01, columns).astype(np.float32),
        rng.normal(size=columns).astype(np.float32),
    )


class Geometry(NamedTuple):
    """Settings of a convolution: each axis has a kernel, a stride, a dilation and two sides."""

    kernel_size: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]

    def sums(self, centred: Integers, weights: Integers) -> Integers:
        """Of whole numbers, 0 beyond the image; of every channel alone if it has one weight."""
        x = np.pad(centred, ((0, 0), *self.padding, (0, 0)))
        outputs = [
            (size - (kernel - 1) * dilation - 1) // stride + 1
            for size, kernel, stride, dilation in zip(
                x.shape[1:3], self.kernel_size, self.stride, self.dilation, strict=True
            )
        ]
        total = np.zeros((len(x), *outputs, weights.shape[-1]), np.int64)
        for row, column in np.ndindex(self.kernel_size):
            rows, columns = (
                slice(tap * dilation, tap * dilation + (count - 1) * stride + 1, stride)
                for tap, dilation, count, stride in zip(
                    (row, column), self.dilation, outputs, self.stride, strict=True
                )
            )
            pixels, taps = x[:, rows, columns], weights[row, column]
            total += pixels * taps[0] if len(taps) < x.shape[3] else pixels @ taps
        return total


def any_geometry(
    rng: np.random.Generator, height: int, width: int, largest_kernel: int
) -> Geometry:
    kernels = [int(rng.integers(1, min(size, largest_kernel) + 1)) for size in (height, width)]
    dilations = [
        int(rng.integers(1, 3)) if 2 * kernel < size else 1
        for kernel, size in zip(kernels, (height, width), strict=True)
    ]
    sides = [(int(each[0]), int(each[1])) for each in rng.integers(0, 3, (2, 2))]
    strides = rng.integers(1, 4, 2)
    return Geometry(
        (kernels[0], kernels[1]),
        (int(strides[0]), int(strides[1])),
        (dilations[0], dilations[1]),
        (sides[0], sides[1]),
    )


class Sums(NamedTuple):
    """Exact sums of a layer, and the value of 1 in each column."""

    integers: Integers
    unit: npt.NDArray[np.float64]

    def scaled(self, output: Quantization | None) -> Float32Array:
        """In the unit of the output."""
        unit = self.unit / np.float32(output.scale) if output else self.unit
        return self.integers.astype(np.float32) * unit.astype(np.float32)

    def step(self, output: Quantization | None) -> float:
        """The distance of two bytes, or a unit, to which the bias is rounded."""
        return output.scale if output else float(self.unit.max())

    def format(self, rng: np.random.Generator, zero_point: int | None) -> Quantization:
        """One beyond which some of the values may lie."""
        most = np.abs(self.integers * self.unit).max()
        if zero_point is None:
            zero_point = int(rng.integers(60, 200))
        return Quantization(float(np.float32(most / rng.uniform(100, 260))), zero_point)


def sums_of(integers: Integers, weights: Weights, format_: Quantization) -> Sums:
    unit = np.float64(np.float32(format_.scale)) * weights.scales.astype(np.float64)
    return Sums(weights.with_bias(integers, unit), unit)


def any_limit(rng: np.random.Generator) -> tuple[Layer | None, float, float]:
    """A ReLU, a ReLU6 or None, and the limits of its output."""
    choice = int(rng.integers(3))
    layers = (None, ReLU(), ReLU6())
    return layers[choice], -np.inf if choice == 0 else 0, 6 if choice == 2 else np.inf


def any_columns(rng: np.random.Generator) -> int:
    return int(rng.choice([1, 5, 10, 16, 20, 24, 32, 33, 40, 48, 64, 70, 80, 128, 200]))


class Convolution(NamedTuple):
    """The images (batch, height, width, channels), and the number of output channels."""

    images: tuple[int, int, int, int]
    geometry: Geometry
    columns: int
    depthwise: bool = False


def any_images(rng: np.random.Generator, channels: int) -> tuple[int, int, int, int]:
    batch, height = int(rng.choice([1, 2, 5])), int(rng.choice([2, 5, 6, 7, 12, 21]))
    return batch, height, int(rng.integers(2, 22)), channels


def any_convolution(rng: np.random.Generator) -> Convolution:
    images = any_images(rng, int(rng.choice([1, 3, 4, 7, 16, 24, 32, 64, 130])))
    return Convolution(images, any_geometry(rng, *images[1:3], 5), any_columns(rng))


def any_depthwise(rng: np.random.Generator) -> Convolution:
    """Most networks have kernels of 3x3."""
    channels = int(rng.choice([16, 24, 64, 96, 128, 144, 192, int(rng.integers(1, 201))]))
    images = any_images(rng, channels)
    geometry = any_geometry(rng, *images[1:3], 7)
    if min(images[1:3]) > 2 and rng.integers(2):
        geometry = geometry._replace(kernel_size=(3, 3), dilation=(1, 1))
    return Convolution(images, geometry, channels, depthwise=True)


def any_narrow(rng: np.random.Generator) -> Convolution:
    """Few output channels, or few beyond whole vectors, and windows of three pixels in a row."""
    batch, height, _, channels = any_images(rng, int(rng.choice([3, 4, 8, 16, 24])))
    width = int(rng.integers(12, 40))
    drawn = any_geometry(rng, height, width, 5)
    geometry = drawn._replace(
        kernel_size=(drawn.kernel_size[0], 3),
        stride=(drawn.stride[0], 1),
        dilation=(drawn.dilation[0], 1),
    )
    columns = int(rng.choice([1, 4, 10, 16, 70, 80]))
    return Convolution((batch, height, width, channels), geometry, columns)


def conv2d_case(
    draw: Callable[[np.random.Generator], Convolution], rng: np.random.Generator
) -> Case:
    """Half of them add the output of another convolution to their own."""
    images, geometry, columns, depthwise = draw(rng)
    channels = images[-1]
    x = rng.normal(size=images).astype(np.float32) * 2
    format_ = any_quantization(rng, int(rng.choice([0, rng.integers(0, 256)])))
    centred = format_.bytes_of(x) - format_.zero_point
    adds = bool(rng.integers(2))
    limit, least, most = any_limit(rng)
    of_weight = 1 if depthwise else channels
    weights = [any_weights(rng, *geometry.kernel_size, of_weight, columns) for _ in range(2)]
    sums = [
        sums_of(geometry.sums(centred, each.values), each, format_) for each in weights[: 1 + adds]
    ]
    output = sums[-1].format(rng, 0 if limit else None) if rng.random() < 0.8 else None

    image = Input(x.shape[1:])
    read = format_.layer(image)
    settings: dict[str, Any] = {"int8_weight": True, **geometry._asdict()}
    settings["groups"] = channels if depthwise else 1
    y = Conv2d(columns, **settings)(read)
    t, step = sums[-1].scaled(output), sums[-1].step(output)
    if adds:
        addend = sums[0].format(rng, None)
        terms = np.clip(
            np.rint(sums[0].scaled(addend)), -addend.zero_point, 255 - addend.zero_point
        )
        ratio = np.float32(addend.scale) / np.float32(output.scale if output else 1)
        t = t + terms.astype(np.float32) * ratio
        step += addend.scale
        y = Add()(addend.layer(y), Conv2d(columns, **settings)(read))
    for layer in layers_of(limit, output):
        y = layer(y)
    model = Model.from_graph(image, y)
    for number, each in enumerate(weights[: 1 + adds], 1):
        each.store(model, f"conv2d_{number}")
    return case_of_sums(model, x, finished(t, output, least, most), step, output)


def dense_case(rng: np.random.Generator) -> Case:
    """Of flattened images."""
    batch, features = int(rng.choice([1, 2, 5])), int(rng.choice([1, 5, 16, 70, 130, 1000]))
    x = rng.uniform(-2, 2, (batch, 1, 1, features)).astype(np.float32)
    format_ = any_quantization(rng, int(rng.choice([0, rng.integers(0, 256)])))
    limit, least, most = any_limit(rng)
    weights = any_weights(rng, features, any_columns(rng))
    centred = (format_.bytes_of(x) - format_.zero_point).reshape(batch, features)
    sums = sums_of(centred @ weights.values, weights, format_)
    output = sums.format(rng, 0 if limit else None) if rng.random() < 0.8 else None
    dense = Dense(weights.values.shape[1], int8_weight=True)
    layers = layers_of(format_, Flatten(), dense, limit, output)
    model = Model(layers, input_shape=(1, 1, features))
    weights.store(model, "dense_1")
    expected = finished(sums.scaled(output), output, least, most)
    return case_of_sums(model, x, expected, sums.step(output), output)


def case_of_sums(
    model: Model,
    x: Float32Array,
    expected: Float32Array,
    step: float,
    output: Quantization | None,
) -> Case:
    """A step ends with each quantize layer and at the end; a flatten is no step."""
    steps: list[list[str]] = [[]]
    for layer in model.layers:
        if layer.kind != "flatten":
            steps[-1].append(layer.name)
        if layer.kind == "quantize":
            steps.append([])
    if output:
        steps[-1].append(model.layers[-1].name)
    return Case(model, x, expected, steps, step=step)


CONVOLUTION_CASES: dict[str, Callable[[np.random.Generator], Case]] = {
    "conv2d": partial(conv2d_case, any_convolution),
    "narrow": partial(conv2d_case, any_narrow),
    "depthwise": partial(conv2d_case, any_depthwise),
    "dense": dense_case,
}
