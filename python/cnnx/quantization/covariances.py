"""Covariances of the values that each output of a convolution or dense layer reads."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnx import ops
from cnnx.model.model import Model
from cnnx.quantization.calibration_images import CalibrationImages
from cnnx.quantization.network import INPUT, Array, Network, Node
from cnnx.quantization.statistics import network_input

# Images run together.
_GROUP_IMAGES = 16
# Positions of the outputs over all images, of a depthwise convolution and of other layers.
_DEPTHWISE_POSITIONS, _POSITIONS = 2048, 8192
# Numbers of covariances that are held together.
_MOST_NUMBERS = 2**26
_SEED = 0


class InputCovariance:
    """Covariance of the inputs of an output, over images and positions.

    Args:
        node: a convolution without groups or depthwise, or a dense layer.
        output_shape: shape of its output.
        images: number of images that will be added.
    """

    def __init__(self, node: Node, output_shape: tuple[int, ...], images: int) -> None:
        self._node = node
        self._output_shape = output_shape
        most = _DEPTHWISE_POSITIONS if node.is_depthwise else _POSITIONS
        self._positions = max(1, most // images)
        self._random = np.random.default_rng(_SEED)
        self._shift: NDArray[np.float32] | None = None
        self._sum: Any = 0.0
        self._products: Any = 0.0
        self._count = 0

    def add(self, values: NDArray[np.float32]) -> None:
        """Include the layer's input for some images."""
        read = self._read(values)  # (rows, inputs) or, depthwise, (rows, taps, channels)
        if self._shift is None:  # a covariance stays if a constant is subtracted
            self._shift = read.mean(axis=0)
        read = read - self._shift
        self._sum = self._sum + read.sum(axis=0, dtype=np.float64)
        self._products = self._products + _products(read)
        self._count += len(read)

    @property
    def covariance(self) -> Array:
        """Covariance, (1, inputs, inputs), or (channels, taps, taps) of a depthwise convolution.

        With few rows chance makes inputs seem correlated: off the diagonal it is reduced.
        """
        mean = np.atleast_2d((self._sum / self._count).T)
        found = self._products / self._count - mean[:, :, np.newaxis] * mean[:, np.newaxis, :]
        inputs = found.shape[-1]
        kept = self._count / (self._count + inputs)
        return np.asarray(found * np.where(np.eye(inputs, dtype=bool), 1.0, kept))

    def _read(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The inputs of outputs at random positions of each image."""
        if self._node.kind == "dense":
            return values.reshape(len(values), -1)
        height, width, channels = values.shape[1:]
        out_height, out_width = self._output_shape[:2]
        count = min(self._positions, out_height * out_width)
        chosen = self._random.choice(out_height * out_width, count, replace=False)
        rows, columns = np.divmod(chosen, out_width)
        how = self._node.settings
        top, left = _first_padding(how, (height, width), (out_height, out_width))
        y = _read_places(rows, top, how, 0)[:, :, np.newaxis]
        x = _read_places(columns, left, how, 1)[:, np.newaxis, :]
        is_inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        read = values[:, np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
        read = read * is_inside[..., np.newaxis]  # (images, positions, height, width, channels)
        last = (-1, channels) if self._node.is_depthwise else (-1,)
        rows_read: NDArray[np.float32] = read.reshape(len(values) * count, *last)
        return rows_read


def _read_places(
    outputs: NDArray[np.int64], padding: int, how: dict[str, Any], axis: int
) -> NDArray[np.int64]:
    """Rows or columns that outputs read, (outputs, taps)."""
    stride, dilation = int(how["stride"][axis]), int(how["dilation"][axis])
    taps = np.arange(int(how["kernel_size"][axis])) * dilation
    return outputs[:, np.newaxis] * stride - padding + taps


def _first_padding(
    how: dict[str, Any], size: tuple[int, int], out_size: tuple[int, int]
) -> tuple[int, int]:
    """Zeros before the first row and the first column."""
    padding = how["padding"]
    if padding == "valid":
        return 0, 0
    if padding != "same":
        return padding[0], padding[2]
    top, left = (
        max(0, (out - 1) * stride + (taps - 1) * step + 1 - length) // 2
        for out, stride, taps, step, length in zip(
            out_size, how["stride"], how["kernel_size"], how["dilation"], size, strict=True
        )
    )
    return top, left


def _products(read: NDArray[np.float32]) -> Array:
    """Sums over the rows of the products of each pair of inputs."""
    if read.ndim == 2:  # cnnx's sums have the same bits on every CPU
        return ops.dense(np.ascontiguousarray(read.T), read)[np.newaxis].astype(np.float64)
    taps, channels = read.shape[1:]
    found = np.empty((channels, taps, taps))
    for tap in range(taps):
        sums = (read[:, tap:] * read[:, tap : tap + 1]).sum(axis=0, dtype=np.float64)
        found[:, tap, tap:] = found[:, tap:, tap] = sums.T
    return found


def input_covariances(
    model: Model, network: Network, images: CalibrationImages, names: Sequence[str]
) -> Iterator[tuple[str, Array]]:
    """Covariances of the inputs of some layers, in parts that fit the memory.

    Args:
        model: the model.
        network: its network.
        images: calibration images.
        names: names of the layers.
    """
    part: list[str] = []
    numbers = 0
    for name in names:
        node = network.nodes[name]
        groups = node.arrays["weight"].shape[-1] if node.is_depthwise else 1
        numbers += groups * inputs_of(node) ** 2
        if part and numbers > _MOST_NUMBERS:
            yield from _covariances(model, network, images, part).items()
            part, numbers = [], groups * inputs_of(node) ** 2
        part.append(name)
    yield from _covariances(model, network, images, part).items()


def inputs_of(node: Node) -> int:
    """Number of values that each output of a convolution or dense layer reads."""
    return math.prod(node.arrays["weight"].shape[:-1])


def _covariances(
    model: Model, network: Network, images: CalibrationImages, names: Sequence[str]
) -> dict[str, Array]:
    shapes = {each.name: each.output_shape for each in model.layers}
    count = len(images.pixels)
    found = {name: InputCovariance(network.nodes[name], shapes[name], count) for name in names}
    read = {name: network.nodes[name].inputs[0] for name in names}
    layers = sorted({each for each in read.values() if each != INPUT})
    for start in range(0, count, _GROUP_IMAGES):
        some = images.pixels[start : start + _GROUP_IMAGES]
        values = model._core.layer_outputs(some, images.integers, layers) if layers else {}
        if INPUT in read.values():
            values[INPUT] = network_input(model, some, images.integers)
        for name, covariance in found.items():
            covariance.add(values[read[name]])
    return {name: each.covariance for name, each in found.items()}
