"""Statistics of the outputs of every layer over a few images."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnx.arguments import FloatArray
from cnnx.model.model import Model

# Images run in groups whose outputs of all layers need about this much memory.
_GROUP_BYTES = 256 * 2**20


@dataclass
class LayerStatistics:
    """Statistics of the outputs of a layer.

    Attributes:
        name: name of the layer.
        kind: kind of the layer, such as ``relu``.
        is_finite: whether no output is NaN or infinite.
        shape: shape of the output for one image.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    is_finite: bool = True
    _count: int = 0
    _sum: float = 0.0
    _sum_of_squares: float = 0.0
    _is_alive: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self._is_alive = np.zeros(self.channels, np.bool_)

    def add(self, outputs: FloatArray) -> None:
        """Include the outputs of some images."""
        rows = outputs.reshape(-1, outputs.shape[-1])
        self._is_alive |= rows.any(axis=0)
        self.is_finite = self.is_finite and bool(np.isfinite(rows).all())
        if self.is_finite:
            self._count += rows.size
            self._sum += float(rows.sum(dtype=np.float64))
            self._sum_of_squares += float(np.square(rows, dtype=np.float64).sum())

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.shape[-1]

    @property
    def deviation(self) -> float:
        """Standard deviation of the outputs over images, pixels and channels."""
        mean = self._sum / self._count
        return math.sqrt(max(0.0, self._sum_of_squares / self._count - mean * mean))

    @property
    def dead_channels(self) -> int:
        """Number of channels that are 0 everywhere."""
        return int((~self._is_alive).sum())


def grouped_outputs(model: Model, x: NDArray[Any]) -> Iterator[dict[str, FloatArray]]:
    """Outputs of every layer for some images at a time, by name."""
    image_bytes = 4 * sum(math.prod(each.output_shape) for each in model.layers)
    group = max(1, _GROUP_BYTES // image_bytes)
    for start in range(0, len(x), group):
        yield model.layer_outputs(x[start : start + group])


def layer_statistics(model: Model, x: NDArray[Any]) -> Sequence[LayerStatistics]:
    """Statistics of every layer, in order, over images in the form of a call of the model."""
    statistics = {
        each.name: LayerStatistics(each.name, each.kind, each.output_shape) for each in model.layers
    }
    for group in grouped_outputs(model, x):
        for name, outputs in group.items():
            statistics[name].add(outputs)
    return list(statistics.values())
