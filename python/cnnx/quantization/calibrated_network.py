"""A float network with statistics of its values, from which quantized models are built."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cnnx.model.model import Model
from cnnx.quantization.assembly import assembled
from cnnx.quantization.bias_correction import corrected_bias
from cnnx.quantization.calibration_images import CalibrationImages
from cnnx.quantization.equalisation import equalise, shared_channels
from cnnx.quantization.folding import folded
from cnnx.quantization.groups import can_run_in_integers
from cnnx.quantization.multiply_adds import multiply_adds
from cnnx.quantization.network import INPUT, Array, Network
from cnnx.quantization.placement import Placement, placed
from cnnx.quantization.ranges import ByteRange, Calibration, byte_range
from cnnx.quantization.statistics import ValueStatistics, value_statistics
from cnnx.quantization.weights import rounded, weight_scales


class CalibratedNetwork:
    """A float network and calibration images.

    Args:
        network: the network, with folded norms.
        like: the model that it was made of.
        images: calibration images.
        calibration: how scales are chosen.
    """

    def __init__(
        self, network: Network, like: Model, images: CalibrationImages, calibration: Calibration
    ) -> None:
        self.network = network
        self.images = images
        self._like = like
        self._calibration: Calibration = calibration
        self._statistics: dict[str, ValueStatistics] = {}
        self._int8: dict[str, dict[str, Array]] = {}

    @cached_property
    def float_model(self) -> Model:
        """The model of the network as it is."""
        return self.network.built(self._like)

    @cached_property
    def candidates(self) -> list[str]:
        """Layers that can compute in integers."""
        return [name for name, node in self.network.nodes.items() if can_run_in_integers(node)]

    @cached_property
    def work(self) -> dict[str, int]:
        """Multiply-adds of each convolution and dense layer."""
        return multiply_adds(self.network, self.float_model)

    def statistics(self, names: Collection[str]) -> Mapping[str, ValueStatistics]:
        """Statistics of values, computed once."""
        missing = {*names} - self._statistics.keys()
        if missing:
            self._statistics |= value_statistics(self.float_model, *self.images, missing)
        return self._statistics

    def placement(self, in_floats: Collection[str]) -> Placement:
        """Where the network computes in integers if some candidates compute in floats."""
        return placed(self.network, in_floats)

    def ranges(self, placement: Placement) -> dict[str, ByteRange]:
        """Scale and zero point of each value in bytes; the image is never clipped."""
        found = self.statistics(placement.quantized)
        return {
            name: byte_range(
                found[name].histogram, "min_max" if name == INPUT else self._calibration
            )
            for name in found
            if name in placement.quantized
        }

    def quantized(self, placement: Placement) -> Model:
        """The model that computes in integers."""
        ranges = self.ranges(placement)
        network = self.network.copy()
        for group in placement.groups:
            if group.in_integers:
                node = network.nodes[group.first]
                node.arrays = self._int8_arrays(group.first)
                node.settings |= {"int8_weight": True, "bias": True}
        return assembled(network, placement, ranges).built(self._like)

    def outputs(self, model: Model, count: int | None = None) -> NDArray[np.float64]:
        """Outputs of a model for the first calibration images, or all."""
        pixels = self.images.pixels[:count]
        return model._core.run(pixels, self.images.integers).astype(np.float64)

    def output_error(self) -> float:
        """Mean squared error of the outputs with all candidates in integers."""
        model = self.quantized(self.placement(()))
        return float(np.square(self.outputs(model) - self.outputs(self.float_model)).mean())

    def _int8_arrays(self, name: str) -> dict[str, Array]:
        """Weights on the grid of their scales, the scales and the bias of a layer."""
        if name not in self._int8:
            node = self.network.nodes[name]
            scales = weight_scales(node.arrays["weight"], self._calibration)
            weight = rounded(node.arrays["weight"], scales)
            (read,) = node.inputs
            bias = corrected_bias(node, weight, self.statistics([read])[read].mean)
            self._int8[name] = {"weight_scale": scales, "weight": weight, "bias": bias}
        return self._int8[name]


def calibrated_network(
    model: Model, images: CalibrationImages, calibration: Calibration
) -> CalibratedNetwork:
    """A model's network, with equalised channels if its outputs in integers are better then."""
    plain = CalibratedNetwork(folded(Network.of(model)), model, images, calibration)
    shared = shared_channels(plain.network)
    if not shared or not plain.candidates:
        return plain
    held = {name for each in shared for name in each.held}
    found = plain.statistics(held)
    network = plain.network.copy()
    equalise(network, shared, {name: found[name].largest for name in held})
    equalised = CalibratedNetwork(network, model, images, calibration)
    return min(plain, equalised, key=lambda each: each.output_error())
