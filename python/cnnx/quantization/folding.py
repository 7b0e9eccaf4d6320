"""Batch norms and channel scales as parts of the convolutions and dense layers before them."""

from __future__ import annotations

import numpy as np

from cnnx.quantization.network import WEIGHTED, Array, Network, Node


def folded(network: Network) -> Network:
    """The network without dropout, and without norms and scales that a layer before can take.

    The outputs are the same except for rounding.

    Reference:
        B. Jacob and others: Quantization and Training of Neural Networks for Efficient
        Integer-Arithmetic-Only Inference, 2018, section 3.2.
    """
    network = network.copy()
    for node in list(network.nodes.values()):
        if node.kind == "dropout" and len(network.nodes) > 1:
            network.remove(node.name)
        elif node.kind in ("batch_norm2d", "scale2d"):
            scale, shift = scale_and_shift(node)
            source = _source(network, node, scale)
            if source:
                _absorb(source, scale, shift)
                network.remove(node.name)
    return network


def _source(network: Network, node: Node, scale: Array) -> Node | None:
    """The layer that can scale and shift its output in place of a layer after it.

    A maximum may be between them if no channel's scale is negative.
    """
    source = network.nodes.get(node.inputs[0])
    if source and source.kind == "max_pool2d" and (scale > 0).all():
        pool = source
        source = network.nodes.get(pool.inputs[0])
        if network.only_reader(pool.name) is not node:
            return None
        node = pool
    if source and source.kind in WEIGHTED and network.only_reader(source.name) is node:
        return source
    return None


def scale_and_shift(node: Node) -> tuple[Array, Array]:
    """The two numbers per channel that a batch norm in inference, or a scale2d, applies."""
    arrays = node.arrays
    if node.kind == "scale2d":
        scale = arrays["weight"]
        return scale, arrays.get("bias", np.zeros_like(scale))
    variance = arrays["running_variance"]
    scale = arrays.get("weight", np.ones_like(variance))
    scale = scale / np.sqrt(variance + node.settings["epsilon"])
    return scale, arrays.get("bias", 0.0) - arrays["running_mean"] * scale


def _absorb(node: Node, scale: Array, shift: Array) -> None:
    """Make the layer scale and shift its output."""
    bias = node.arrays.get("bias", np.zeros_like(scale))
    node.arrays["weight"] = node.arrays["weight"] * scale
    node.arrays["bias"] = bias * scale + shift
    node.settings["bias"] = True
