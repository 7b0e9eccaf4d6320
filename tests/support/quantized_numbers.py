"""Numbers in bytes, and the exact output of a layer that reads them.

Not part of the package.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from cnnx import Input, Layer, Model, Quantize
from cnnx.layers.base import Symbol
from comparison import assert_same_bits
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
        return self.bytes_of_units(x / np.float32(self.scale))

    def bytes_of_units(self, t: Float32Array) -> Integers:
        """Of numbers in units of the scale."""
        return np.clip(np.rint(t) + self.zero_point, 0, 255).astype(np.int64)

    def values_of(self, integers: npt.NDArray[Any]) -> Float32Array:
        centred = (integers - self.zero_point).astype(np.float32)
        return centred * np.float32(self.scale)


class Case(NamedTuple):
    """A model, its input, its output, and the layers of which each step must consist."""

    model: Model
    x: Float32Array
    expected: npt.NDArray[Any]
    steps: list[list[str]]
    tolerance: float = 0.0  # of the output; 0: its bits are those expected
    step: float | None = None  # the largest distance from the output in floats

    def check_bits(self) -> None:
        output = self.model(self.x)
        if self.tolerance == 0:
            assert_same_bits(output, self.expected)
        else:
            np.testing.assert_allclose(output, self.expected, rtol=0, atol=self.tolerance)

    def check_steps(self) -> None:
        """Nothing is converted to floats between the layers."""
        times = self.model._core.layer_times(self.x, 1)
        assert [layers for layers, _ in times] == self.steps

    def check_floats(self) -> None:
        """The outputs of all layers are computed in floats."""
        floats = list(self.model.layer_outputs(self.x).values())[-1]
        step = self.step or getattr(self.model.layers[-1], "scale", 1e-5)
        assert np.abs(self.model(self.x) - floats).max() <= 1.001 * step


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


class Branches(NamedTuple):
    """Layers between quantize layers: the last ones, which run together, read the first ones."""

    first: list[Symbol]
    last: list[Layer]
    expected: npt.NDArray[Any]
    in_bytes: bool  # whether the output has to be converted
    tolerance: float = 0.0
    # Of the output's format, so that it takes no time, unless the layers before ran in floats.
    view: Quantization | None = None


def case_of(image: Input, x: Float32Array, branches: Branches) -> Case:
    """Every layer before the last ones must run alone."""
    output = branches.last[0](*branches.first)
    for layer in branches.last[1:]:
        output = layer(output)
    if branches.view:
        output = branches.view.layer(output)
    model = Model.from_graph(image, output)
    names = [layer.name for layer in model.layers]
    end = len(names) - (branches.view is not None)
    alone = end - len(branches.last)
    steps = [[name] for name in names[:alone]] + [names[alone:end]]
    if branches.in_bytes:
        steps.append(names[-1:])
    return Case(model, x, branches.expected, steps, branches.tolerance)


def layers_of(*each: Quantization | Layer | None) -> list[Layer]:
    """Without those that are None."""
    return [one.layer if isinstance(one, Quantization) else one for one in each if one]
