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
from cnnx.quantization.covariances import input_covariances, inputs_of
from cnnx.quantization.equalisation import SharedChannels, equalise, shared_channels
from cnnx.quantization.folding import folded
from cnnx.quantization.groups import can_run_in_integers
from cnnx.quantization.multiply_adds import multiply_adds
from cnnx.quantization.network import INPUT, Array, Network
from cnnx.quantization.placement import Placement, placed
from cnnx.quantization.ranges import ByteRange, Calibration, byte_range
from cnnx.quantization.rounding import rounded_for_outputs
from cnnx.quantization.statistics import ValueStatistics, value_statistics
from cnnx.quantization.weights import rounded, weight_scales

# Inputs of an output up to which weights are rounded for the outputs; covariances grow as squares.
_MOST_INPUTS = 4608


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
        self.like = like
        self.images = images
        self.calibration: Calibration = calibration
        self._statistics: dict[str, ValueStatistics] = {}
        self._int8: dict[str, dict[str, Array]] = {}

    @cached_property
    def float_model(self) -> Model:
        """The model of the network as it is."""
        return self.network.built(self.like)

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
                found[name].histogram, "min_max" if name == INPUT else self.calibration
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
        return assembled(network, placement, ranges).built(self.like)

    def outputs(self, model: Model, count: int | None = None) -> NDArray[np.float64]:
        """Outputs of a model for the first calibration images, or all."""
        pixels = self.images.pixels[:count]
        return model._core.run(pixels, self.images.integers).astype(np.float64)

    def output_error(self) -> float:
        """Mean squared error of the outputs with all candidates in integers."""
        model = self.quantized(self.placement(()))
        return float(np.square(self.outputs(model) - self.outputs(self.float_model)).mean())

    def round_for_outputs(self) -> None:
        """Round the weights so that the error of each layer's outputs is small."""
        ranges = self.ranges(self.placement(()))
        names = [
            name for name in self.candidates if inputs_of(self.network.nodes[name]) <= _MOST_INPUTS
        ]
        found = input_covariances(self.float_model, self.network, self.images, names)
        for name, covariance in found:
            (read,) = self.network.nodes[name].inputs
            if read in ranges:  # rounding of the values adds a variance
                variance = ranges[read].scale ** 2 / 12
                covariance = covariance + variance * np.eye(covariance.shape[-1])
            self._int8[name] = self._rounded_arrays(name, covariance)

    def _int8_arrays(self, name: str) -> dict[str, Array]:
        """Weights on the grid of their scales, the scales and the bias of a layer."""
        if name not in self._int8:
            self._int8[name] = self._rounded_arrays(name, None)
        return self._int8[name]

    def _rounded_arrays(self, name: str, covariance: Array | None) -> dict[str, Array]:
        """The arrays of a layer in integers, to the nearest weights without a covariance."""
        node = self.network.nodes[name]
        scales = weight_scales(node.arrays["weight"], self.calibration)
        if covariance is None:
            weight = rounded(node.arrays["weight"], scales)
        else:
            weight = rounded_for_outputs(node, scales, covariance)
        (read,) = node.inputs
        bias = corrected_bias(node, weight, self.statistics([read])[read].mean)
        return {"weight_scale": scales, "weight": weight, "bias": bias}


def calibrated_network(
    model: Model, images: CalibrationImages, calibration: Calibration
) -> CalibratedNetwork:
    """A model's network with rounded weights.

    Its channels are equalised if the outputs in integers are better then.
    """
    plain = CalibratedNetwork(folded(Network.of(model)), model, images, calibration)
    if not plain.candidates:
        return plain
    shared = shared_channels(plain.network)
    chosen = plain
    if shared:
        equalised = _equalised(plain, shared)
        chosen = min(plain, equalised, key=lambda each: each.output_error())
    chosen.round_for_outputs()
    return chosen


def _equalised(plain: CalibratedNetwork, shared: list[SharedChannels]) -> CalibratedNetwork:
    held = {name for each in shared for name in each.held}
    found = plain.statistics(held)
    network = plain.network.copy()
    equalise(network, shared, {name: found[name].largest for name in held})
    return CalibratedNetwork(network, plain.like, plain.images, plain.calibration)
