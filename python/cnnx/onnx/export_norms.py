"""Export of the normalisations."""

from __future__ import annotations

import numpy as np

from cnnx.onnx.export_activations import Exporter
from cnnx.onnx.graph_builder import LayerExport, Signal

# First operator sets that have an operator, with one scale per channel for the second one.
_LAYER_NORM, _GROUP_NORM = 17, 21
_AXES_ARE_AN_INPUT = 18  # of ReduceL2 and ReduceMean


def _batch_norm2d(layer: LayerExport) -> Signal:
    if layer.settings["affine"]:
        weight, bias = layer.parameter("weight"), layer.parameter("bias")
    else:
        weight = layer.constant("weight", np.ones(layer.channels, np.float32))
        bias = layer.constant("bias", np.zeros(layer.channels, np.float32))
    return layer.last(
        "BatchNormalization",
        layer.x,
        weight,
        bias,
        layer.buffer("running_mean"),
        layer.buffer("running_variance"),
        epsilon=float(layer.settings["epsilon"]),
        momentum=1.0 - float(layer.settings["momentum"]),  # of the old statistics
    )


def _group_norm(layer: LayerExport) -> Signal:
    """Before opset 21 as PyTorch writes it: groups as channels, then weight and bias."""
    groups = int(layer.settings["groups"])
    epsilon = float(layer.settings["epsilon"])
    x, source = layer.x, layer.inputs[0]
    if source.is_image and groups == layer.channels:
        parameters = layer.parameter("weight"), layer.parameter("bias")
        return layer.last("InstanceNormalization", x, *parameters, epsilon=epsilon)
    if source.is_image and layer.opset >= _GROUP_NORM:
        parameters = layer.parameter("weight"), layer.parameter("bias")
        return layer.last("GroupNormalization", x, *parameters, num_groups=groups, epsilon=epsilon)
    height_width = source.shape[:2] if source.is_image else ()
    x = layer.node("Reshape", x, layer.integers("groups", [0, groups, -1]))
    ones = layer.constant("ones", np.ones(groups, np.float32))
    zeros = layer.constant("zeros", np.zeros(groups, np.float32))
    x = layer.node("InstanceNormalization", x, ones, zeros, epsilon=epsilon)
    x = layer.node("Reshape", x, layer.integers("shape", [0, layer.channels, *height_width]))
    product = layer.node("Mul", x, layer.per_channel("weight"))
    return layer.last("Add", product, layer.per_channel("bias"))


def _layer_norm(layer: LayerExport) -> Signal:
    """Of images in NHWC, for the operator normalises the last axes."""
    if not layer.inputs[0].is_image:
        return layer.signal(_over_last_axis(layer, layer.x))
    x = layer.node("Transpose", layer.x, perm=[0, 2, 3, 1])
    return layer.last("Transpose", _over_last_axis(layer, x), perm=[0, 3, 1, 2])


def _over_last_axis(layer: LayerExport, x: str) -> str:
    """Before opset 17 as PyTorch writes it."""
    weight, bias = layer.parameter("weight"), layer.parameter("bias")
    epsilon = float(layer.settings["epsilon"])
    if layer.opset >= _LAYER_NORM:
        return layer.node("LayerNormalization", x, weight, bias, axis=-1, epsilon=epsilon)
    deviation = layer.node("Sub", x, layer.node("ReduceMean", x, axes=[-1]))
    square = layer.node("Pow", deviation, layer.number("two", 2.0))
    variance = layer.node("ReduceMean", square, axes=[-1])
    root = layer.node("Sqrt", layer.node("Add", variance, layer.number("epsilon", epsilon)))
    scaled = layer.node("Mul", layer.node("Div", deviation, root), weight)
    return layer.node("Add", scaled, bias)


def _global_response_norm(layer: LayerExport) -> Signal:
    """As PyTorch writes it."""
    norms = _reduced(layer, "ReduceL2", layer.x, [2, 3])
    mean = _reduced(layer, "ReduceMean", norms, [1])
    epsilon = layer.number("epsilon", float(layer.settings["epsilon"]))
    relative = layer.node("Div", norms, layer.node("Add", mean, epsilon))
    product = layer.node("Mul", layer.node("Mul", layer.x, relative), layer.per_channel("weight"))
    moved = layer.node("Add", product, layer.per_channel("bias"))
    return layer.last("Add", layer.x, moved)


def _l2_norm(layer: LayerExport) -> Signal:
    """As PyTorch writes it."""
    norms = _reduced(layer, "ReduceL2", layer.x, [1])
    epsilon = layer.number("epsilon", float(layer.settings["epsilon"]))
    return layer.last("Div", layer.x, layer.node("Max", norms, epsilon))


def _rms_norm(layer: LayerExport) -> Signal:
    """As PyTorch writes it, with a division where a weight follows."""
    mean = _reduced(layer, "ReduceMean", layer.node("Mul", layer.x, layer.x), [1])
    epsilon = layer.number("epsilon", float(layer.settings["epsilon"]))
    root = layer.node("Sqrt", layer.node("Add", mean, epsilon))
    if not layer.settings["affine"]:
        return layer.last("Mul", layer.x, layer.node("Reciprocal", root))
    return layer.last("Mul", layer.node("Div", layer.x, root), layer.per_channel("weight"))


def _reduced(layer: LayerExport, op_type: str, x: str, axes: list[int]) -> str:
    """A reduction that keeps its axes, which are an input since opset 18."""
    if layer.opset >= _AXES_ARE_AN_INPUT:
        return layer.node(op_type, x, layer.integers(f"{op_type}.axes", axes))
    return layer.node(op_type, x, axes=axes)


def _local_response_norm(layer: LayerExport) -> Signal:
    settings = layer.settings
    return layer.last(
        "LRN",
        layer.x,
        size=int(settings["size"]),
        alpha=float(settings["alpha"]),
        beta=float(settings["beta"]),
        bias=float(settings["k"]),
    )


def _scale2d(layer: LayerExport) -> Signal:
    if not layer.settings["bias"]:
        return layer.last("Mul", layer.x, layer.per_channel("weight"))
    product = layer.node("Mul", layer.x, layer.per_channel("weight"))
    return layer.last("Add", product, layer.per_channel("bias"))


EXPORTERS: dict[str, Exporter] = {
    "batch_norm2d": _batch_norm2d,
    "global_response_norm": _global_response_norm,
    "group_norm": _group_norm,
    "l2_norm": _l2_norm,
    "layer_norm": _layer_norm,
    "lrn": _local_response_norm,
    "rms_norm": _rms_norm,
    "scale2d": _scale2d,
}
