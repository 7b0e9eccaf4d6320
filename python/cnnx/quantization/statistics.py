"""Statistics of the values inside a network over calibration images."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnx.model.model import Model
from cnnx.quantization.histogram import Histogram
from cnnx.quantization.network import INPUT, Array

# Images run in groups whose outputs of all layers need about this much memory.
_GROUP_BYTES = 128 * 2**20
# Values of one image that a histogram counts.
_COUNTED = 32 * 1024


class ValueStatistics:
    """Statistics of one value, such as the output of a layer.

    Attributes:
        histogram: of all its elements.
        mean: of each element over the images.
        largest: largest absolute value of each channel.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.histogram = Histogram()
        self.largest: Array = np.zeros(shape[-1])
        self._sum: Array = np.zeros(shape)
        self._count = 0

    @property
    def mean(self) -> Array:
        """Mean of each element over the images."""
        return self._sum / self._count

    def add(self, values: NDArray[np.float32]) -> None:
        """Include the value for some images."""
        self.histogram.add(values, max(1, values[0].size // _COUNTED))
        self._sum += values.sum(axis=0, dtype=np.float64)
        self._count += len(values)
        rows = values.reshape(-1, values.shape[-1])
        self.largest = np.maximum(self.largest, np.maximum(rows.max(axis=0), -rows.min(axis=0)))


def value_statistics(
    model: Model, pixels: NDArray[Any], integers: bool, names: Collection[str]
) -> dict[str, ValueStatistics]:
    """Statistics of some values of a model.

    Args:
        model: the model.
        pixels: images in the form of the core's functions.
        integers: whether the pixels are divided by 255.
        names: names of layers, and "input".
    """
    shapes = {each.name: each.output_shape for each in model.layers}
    shapes[INPUT] = model.input_shape
    found = {name: ValueStatistics(shapes[name]) for name in shapes if name in names}
    layers = [name for name in found if name != INPUT]
    image_bytes = 4 * sum(math.prod(shape) for shape in shapes.values())
    at_once = max(1, _GROUP_BYTES // image_bytes)
    for start in range(0, len(pixels), at_once):
        some = pixels[start : start + at_once]
        if INPUT in found:
            found[INPUT].add(network_input(model, some, integers))
        if layers:
            for name, values in model._core.layer_outputs(some, integers, layers).items():
                found[name].add(values)
    return found


def network_input(model: Model, pixels: NDArray[Any], integers: bool) -> NDArray[np.float32]:
    """Images as the first layer gets them, after the preprocessing."""
    how = model.preprocessing
    mean, std = np.asarray(how.mean), np.asarray(how.std)
    values = pixels.astype(np.float64) / (255 if integers else 1)
    return np.asarray((values - mean) / std, np.float32)
