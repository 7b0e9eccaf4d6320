"""Biases that make up for the mean error of rounded weights."""

from __future__ import annotations

import numpy as np

from cnnx import ops
from cnnx.quantization.network import Array, Node


def mean_output(node: Node, weight: Array, mean_input: Array) -> Array:
    """Mean over the positions of the output of a layer without bias, (output channels,).

    Because the layer is linear, that of the mean input is the mean over the images.

    Args:
        node: a convolution or dense layer.
        weight: its weights.
        mean_input: mean of its input over the images.
    """
    batch = mean_input[np.newaxis].astype(np.float32)
    if node.kind == "dense":
        return np.asarray(mean_input @ weight, np.float64)
    how = node.settings
    padding = how["padding"]
    sides = padding if isinstance(padding, str) else (padding[:2], padding[2:])
    output = ops.conv2d(
        batch,
        weight.astype(np.float32),
        stride=how["stride"],
        padding=sides,
        dilation=how["dilation"],
        groups=how["groups"],
    )
    return np.asarray(output.mean(axis=(0, 1, 2), dtype=np.float64))


def corrected_bias(node: Node, weight: Array, mean_input: Array) -> Array:
    """The bias of a layer with other weights, without their mean error of the outputs.

    Args:
        node: the layer with its own weights.
        weight: the other weights.
        mean_input: mean of its input over the images.

    Reference:
        M. Nagel and others: Data-Free Quantization Through Weight Equalization and Bias Correction,
        2019, section 4.2.
    """
    error = mean_output(node, weight - node.arrays["weight"], mean_input)
    return node.arrays.get("bias", np.zeros_like(error)) - error
