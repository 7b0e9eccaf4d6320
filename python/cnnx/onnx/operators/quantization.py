"""Rounding to bytes and back, of ONNX's QuantizeLinear and DequantizeLinear, as a layer."""

from __future__ import annotations

import numpy as np

from cnnx import layers
from cnnx.onnx.axes import Activation
from cnnx.onnx.call import Call, Operator
from cnnx.onnx.refusal import RefusedError


def _scale_and_zero(call: Call) -> tuple[float, int]:
    """Scale of a whole array and its zero point, as those of uint8."""
    scale, zero = call.constant(1), call.optional(2)
    if scale.size != 1:
        raise RefusedError(f"has {scale.size} scales, expected one for the whole array")
    if zero is None:
        zero = np.zeros(1, np.uint8)
    if zero.dtype not in (np.uint8, np.int8) or zero.size != 1:
        raise RefusedError(f"its zero point has dtype {zero.dtype}, expected uint8 or int8")
    shift = 128 if zero.dtype == np.int8 else 0  # both round to the same 256 values
    return float(scale.reshape(-1)[0]), int(zero.reshape(-1)[0]) + shift


def _quantize(call: Call) -> Activation:
    scale, zero_point = _scale_and_zero(call)
    return call.elementwise(layers.Quantize(scale, zero_point))


def _dequantize(call: Call) -> Activation:
    """The layer before has the values of the bytes as its output already."""
    value = call.activation()
    layer = value.symbol.layer
    scale, zero_point = _scale_and_zero(call)
    expected = layers.Quantize(scale, zero_point).settings
    if layer is None or layer.kind != "quantize" or layer.settings != expected:
        raise RefusedError("its input is not a QuantizeLinear of the same scale and zero point")
    return value


OPERATORS: dict[str, Operator] = {
    "DequantizeLinear": _dequantize,
    "QuantizeLinear": _quantize,
}
