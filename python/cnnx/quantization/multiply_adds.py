"""Numbers of multiplications of convolutions and dense layers."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from cnnx.model.model import Model
from cnnx.quantization.network import WEIGHTED, Network


def multiply_adds(network: Network, model: Model) -> dict[str, int]:
    """Multiply-adds for one image of each convolution and dense layer, in order.

    Args:
        network: the network.
        model: a model of it.
    """
    shapes = {each.name: each.output_shape for each in model.layers}
    return {
        node.name: math.prod(shapes[node.name][:-1]) * node.arrays["weight"].size
        for node in network.nodes.values()
        if node.kind in WEIGHTED
    }


def part_of(names: Collection[str], work: Mapping[str, int]) -> float:
    """Part of the multiply-adds that some layers have."""
    return sum(work[name] for name in names) / max(1, sum(work.values()))
