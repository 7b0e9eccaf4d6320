"""`cnnx.quantize`: a model that computes in integers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnnx.arguments import one_of
from cnnx.model.model import Model
from cnnx.model.model_argument import check_model
from cnnx.quantization.assembly import assembled
from cnnx.quantization.bias_correction import correct_bias
from cnnx.quantization.calibration_images import CalibrationImages, calibration_images
from cnnx.quantization.folding import folded
from cnnx.quantization.network import INPUT, Network
from cnnx.quantization.placement import Placement, placed
from cnnx.quantization.ranges import CALIBRATIONS, ByteRange, Calibration, byte_range
from cnnx.quantization.statistics import ValueStatistics, value_statistics
from cnnx.quantization.weights import rounded, weight_scales
from cnnx.spelling import checked_call


@checked_call
def quantize(model: Model, images: Any, *, calibration: Calibration = "mse") -> Model:
    """Copy a model with int8 weights and values in bytes, which computes in integers.

    Args:
        model: trained model.
        images: about 256 images like those that the model will see.
        calibration: how ranges are chosen.

    Returns:
        A model.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(256, seed=1)
        >>> model = cnnx.models.small((32, 32, 1), ["X", "O"])
        >>> history = cnnx.Trainer(model).fit(x, y, epochs=1)
        >>> small = cnnx.quantize(model, x)
        >>> small.classes
        ['X', 'O']
    """
    check_model(model, "quantize")
    one_of(calibration, CALIBRATIONS, "quantize", "calibration")
    chosen = calibration_images(images, model, "quantize")
    network = folded(Network.of(model))
    placement = placed(network, ())
    statistics = _statistics(network, model, placement, chosen)
    return _quantized(network, placement, statistics, calibration).built(model)


def _statistics(
    network: Network, model: Model, placement: Placement, images: CalibrationImages
) -> Mapping[str, ValueStatistics]:
    read = {network.nodes[group.first].inputs[0] for group in placement.groups if group.in_integers}
    names = placement.quantized | read
    return value_statistics(network.built(model), images.pixels, images.integers, names)


def _quantized(
    network: Network,
    placement: Placement,
    statistics: Mapping[str, ValueStatistics],
    calibration: Calibration,
) -> Network:
    network = network.copy()
    for group in placement.groups:
        if group.in_integers:
            node = network.nodes[group.first]
            weight = node.arrays["weight"]
            scales = weight_scales(weight, calibration)
            node.arrays |= {"weight_scale": scales, "weight": rounded(weight, scales)}
            node.settings["int8_weight"] = True
            correct_bias(node, weight, statistics[node.inputs[0]].mean)
    ranges: dict[str, ByteRange] = {
        name: byte_range(statistics[name].histogram, "min_max" if name == INPUT else calibration)
        for name in placement.quantized
    }
    return assembled(network, placement, ranges)
