"""Search of the layers that have to stay in float32 to keep an accuracy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cnnx.quantization.calibrated_network import CalibratedNetwork
from cnnx.quantization.multiply_adds import part_of

# Calibration images that the cost of a layer is measured on.
_MEASURED = 64
# Part of the multiply-adds that has to be in integers.
LEAST_INT8_PART = 0.5


def costs(network: CalibratedNetwork) -> dict[str, float]:
    """Mean squared error of the outputs if one layer alone computes in integers, by its name."""
    expected = network.outputs(network.float_model, _MEASURED)
    found = {}
    for name in network.candidates:
        others = [each for each in network.candidates if each != name]
        model = network.quantized(network.placement(others))
        found[name] = float(np.square(network.outputs(model, _MEASURED) - expected).mean())
    return found


def float_layers_for(
    network: CalibratedNetwork, is_kept: Callable[[list[str]], bool]
) -> tuple[list[str], bool]:
    """The layers in float32 with which an accuracy is kept.

    The layers with the largest costs per multiply-add become float32, one after another, while half
    of the multiply-adds stay in integers.

    Args:
        network: the network.
        is_kept: whether the accuracy is kept with some layers in floats.

    Returns:
        The layers, and whether the accuracy is kept with them.
    """
    found = costs(network)
    work = {name: network.work[name] for name in network.candidates}
    chosen: list[str] = []
    for name in sorted(found, key=lambda each: -found[each] / work[each]):
        if 1 - part_of([*chosen, name], work) < LEAST_INT8_PART:
            continue
        chosen.append(name)
        if is_kept(chosen):
            return chosen, True
    return chosen, False
