"""Export of the elementwise activations and of softmax, one function per kind."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from cnnx.onnx.graph import Attribute
from cnnx.onnx.graph_builder import Bytes, LayerExport, Signal

Exporter: TypeAlias = "Callable[[LayerExport], Signal]"

# First operator sets that have an operator.
_MISH, _GELU = 18, 20


def _operator(op_type: str, **attributes: Attribute) -> Exporter:
    """Exporter of a kind that is an operator with fixed attributes."""
    return lambda layer: layer.last(op_type, layer.x, **attributes)


def _with_settings(op_type: str, **settings: str) -> Exporter:
    """Exporter of a kind that is an operator; attributes by the names of their settings."""

    def export(layer: LayerExport) -> Signal:
        values = {name: float(layer.settings[its]) for name, its in settings.items()}
        return layer.last(op_type, layer.x, **values)

    return export


def _clip_between(layer: LayerExport, minimum: float, maximum: float) -> Signal:
    bounds = layer.number("minimum", minimum), layer.number("maximum", maximum)
    return layer.last("Clip", layer.x, *bounds)


def _relu6(layer: LayerExport) -> Signal:
    return _clip_between(layer, 0.0, 6.0)


def _clip(layer: LayerExport) -> Signal:
    return _clip_between(layer, layer.settings["minimum"], layer.settings["maximum"])


def _silu(layer: LayerExport) -> Signal:
    return layer.last("Mul", layer.x, layer.node("Sigmoid", layer.x))


def _hard_sigmoid(layer: LayerExport) -> Signal:
    slope, offset = layer.settings.get("slope", 1 / 6), layer.settings.get("offset", 0.5)
    return layer.last("HardSigmoid", layer.x, alpha=float(slope), beta=float(offset))


def _mish(layer: LayerExport) -> Signal:
    if layer.opset >= _MISH:
        return layer.last("Mish", layer.x)
    return layer.last("Mul", layer.x, layer.node("Tanh", layer.node("Softplus", layer.x)))


def _gelu(layer: LayerExport) -> Signal:
    approximate = layer.settings.get("approximate", "none")
    if layer.opset >= _GELU:
        return layer.last("Gelu", layer.x, approximate=approximate)
    x = layer.x
    if approximate == "tanh":
        cube = layer.node("Mul", x, layer.node("Mul", x, x))
        cube = layer.node("Mul", cube, layer.number("cubic", 0.044715))
        inner = layer.node("Add", x, cube)
        inner = layer.node("Mul", inner, layer.number("scale", math.sqrt(2 / math.pi)))
        function = layer.node("Tanh", inner)
    else:
        inner = layer.node("Div", x, layer.number("sqrt_2", math.sqrt(2)))
        function = layer.node("Erf", inner)
    product = layer.node("Mul", x, layer.node("Add", function, layer.number("one", 1.0)))
    return layer.last("Mul", product, layer.number("half", 0.5))


def _prelu(layer: LayerExport) -> Signal:
    return layer.last("PRelu", layer.x, layer.per_channel("weight"))


def _quantize(layer: LayerExport) -> Signal:
    scale = layer.number("scale", layer.settings["scale"])
    zero = layer.builder.constant("zero_point", np.uint8(layer.settings["zero_point"]))
    rounded = layer.node("QuantizeLinear", layer.x, scale, zero)
    return layer.real(Bytes(rounded, layer.settings["scale"], (scale, zero)))


ELEMENTWISE: dict[str, Exporter] = {
    "clip": _clip,
    "elu": _with_settings("Elu", alpha="alpha"),
    "gelu": _gelu,
    "hard_shrink": _with_settings("Shrink", lambd="threshold"),
    "hard_sigmoid": _hard_sigmoid,
    "hard_swish": _operator("HardSwish"),
    "leaky_relu": _with_settings("LeakyRelu", alpha="negative_slope"),
    "mish": _mish,
    "prelu": _prelu,
    "quantize": _quantize,
    "reciprocal": _operator("Reciprocal"),
    "relu": _operator("Relu"),
    "relu6": _relu6,
    "selu": _operator("Selu"),
    "sigmoid": _operator("Sigmoid"),
    "silu": _silu,
    "soft_shrink": _with_settings("Shrink", lambd="threshold", bias="threshold"),
    "softplus": _operator("Softplus"),
    "softsign": _operator("Softsign"),
    "tanh": _operator("Tanh"),
}
# Over the channels, which are axis 1 of images and of features.
OVER_CHANNELS: dict[str, Exporter] = {
    "log_softmax": _operator("LogSoftmax", axis=1),
    "softmax": _operator("Softmax", axis=1),
}
