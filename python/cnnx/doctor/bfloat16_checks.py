"""The doctor's check of a model in bfloat16: whether it computes what it does in float32."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnx.arguments import FloatArray
from cnnx.batch_arguments import any_float_range
from cnnx.doctor.finding import Finding
from cnnx.doctor.layer_statistics import grouped_outputs
from cnnx.model.compute_dtype import in_float32
from cnnx.model.model import Model

# Of the standard deviation over images. A trained ResNet-20 is at a hundredth, and a MobileNetV2
# after few epochs, whose outputs hardly differ between images, at a tenth.
_CHANGED = 0.2  # of the outputs
_LOST = 0.1  # of the outputs of a layer by the rounding of this layer alone


def rounded_to_bfloat16(values: FloatArray) -> FloatArray:
    """Numbers rounded to the nearest ones of bfloat16, ties to even.

    Example:
        >>> rounded_to_bfloat16(np.array([1000.25, 1003.0], np.float32))
        array([1000., 1004.], dtype=float32)
    """
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    nearest = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return (nearest & np.uint32(0xFFFF0000)).view(np.float32)


@dataclass
class _Rounding:
    """Sums over the outputs of a layer, by channel."""

    count: int
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]
    errors: NDArray[np.float64]

    @classmethod
    def none(cls, channels: int) -> _Rounding:
        return cls(0, *(np.zeros(channels) for _ in range(3)))

    def add(self, outputs: FloatArray) -> None:
        rows = outputs.reshape(-1, outputs.shape[-1])
        self.count += len(rows)
        self.sums += rows.sum(axis=0, dtype=np.float64)
        self.squares += np.square(rows, dtype=np.float64).sum(axis=0)
        differences = np.subtract(rounded_to_bfloat16(rows), rows, dtype=np.float64)
        self.errors += np.square(differences).sum(axis=0)

    @property
    def lost(self) -> float:
        """Error of rounding the outputs to bfloat16, relative to their standard deviation."""
        variances = self.squares / self.count - np.square(self.sums / self.count)
        varies = variances > 0
        variance = float(variances[varies].sum())
        error = float(self.errors[varies].sum()) / self.count
        return math.sqrt(error / variance) if variance > 0 else 0.0


def check_bfloat16(model: Model, pixels: NDArray[Any], outputs: FloatArray) -> Iterator[Finding]:
    """Compare a model in bfloat16 with itself in float32.

    Args:
        model: model that computes in bfloat16.
        pixels: images, in the form of a call of the model.
        outputs: its outputs for them.
    """
    with any_float_range():
        expected = in_float32(model)(pixels)
    rows, expected_rows = (each.reshape(len(pixels), -1) for each in (outputs, expected))
    spread = math.sqrt(float(expected_rows.var(axis=0, dtype=np.float64).mean()))
    difference = np.subtract(rows, expected_rows, dtype=np.float64)
    changed = math.sqrt(float(np.square(difference).mean()))
    if spread == 0 or changed <= _CHANGED * spread:
        return
    layers = _layers_that_lose(model, pixels)
    yield Finding(
        "warning",
        "bfloat16-precision",
        f"bfloat16 changes the outputs by {changed / spread:.0%} of their standard deviation over "
        "images; layers that lose much by its rounding",
        max(1, len(layers)),
        tuple(layers),
        "make their means smaller by norms or other biases, or compute in float32: "
        'model.compute_dtype = "float32"',
        details=tuple(f"loses {lost:.0%}" for lost in layers.values()),
    )


def _layers_that_lose(model: Model, pixels: NDArray[Any]) -> dict[str, float]:
    """Layers that lose much of their outputs by rounding, in order, with the part that is lost."""
    sums = {each.name: _Rounding.none(each.output_shape[-1]) for each in model.layers}
    with any_float_range():
        for group in grouped_outputs(model, pixels):
            for name, outputs in group.items():
                sums[name].add(outputs)
    return {name: each.lost for name, each in sums.items() if each.lost > _LOST}
