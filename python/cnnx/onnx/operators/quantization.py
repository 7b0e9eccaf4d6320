"""Rounding to bytes and back, of ONNX's QuantizeLinear and DequantizeLinear, as a layer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cnnx import layers
from cnnx.layers.base import Symbol
from cnnx.onnx.affine import scaled, shifted
from cnnx.onnx.axes import Activation, ByteScale
from cnnx.onnx.call import Call, Operator
from cnnx.onnx.folding_quantization import output_dtype
from cnnx.onnx.network import KEEP_VALUES
from cnnx.onnx.refusal import RefusedError

# Operators that move bytes, or select among them, and so can do the same with the real numbers.
TAKE_BYTES = frozenset(
    {
        *("Concat", "DepthToSpace", "DequantizeLinear", "Dropout", "Flatten", "Gather"),
        *("Identity", "MaxPool", "Pad", "Reshape", "Resize", "Shape", "Size", "Slice"),
        *("SpaceToDepth", "Split", "Squeeze", "Transpose", "Unsqueeze"),
    }
)


def _byte_scale(call: Call) -> ByteScale:
    """Scale of a whole array and its zero point, as those of uint8."""
    scale, zero = call.constant(1), call.optional(2)
    if scale.size != 1:
        raise RefusedError(f"has {scale.size} scales, expected one for the whole array")
    if zero is None:
        dtype = output_dtype(call)
        if dtype != np.uint8:
            raise RefusedError(f"has output_dtype {dtype} and no zero point, expected one")
        zero = np.zeros(1, dtype)
    if zero.dtype not in (np.uint8, np.int8) or zero.size != 1:
        raise RefusedError(f"its zero point has dtype {zero.dtype}, expected uint8 or int8")
    shift = 128 if zero.dtype == np.int8 else 0  # both round to the same 256 values
    return ByteScale(float(scale.reshape(-1)[0]), int(zero.reshape(-1)[0]) + shift)


def _quantize(call: Call) -> Activation:
    value, byte_scale = call.activation(), _byte_scale(call)
    layer = layers.Quantize(byte_scale.scale, byte_scale.zero_point)
    network = call.network
    if network.folds and _last_rounding(value.symbol) == layer.settings:
        return replace(value, byte_scale=byte_scale)

    def add() -> Symbol:
        return network.add(layer, value.symbol)

    symbol = network.arranged(value.symbol, byte_scale, add) if network.folds else add()
    return replace(value.computed(symbol), byte_scale=byte_scale)


def _last_rounding(symbol: Symbol) -> dict[str, object] | None:
    """Settings of the quantize layer whose values a symbol has, or None."""
    while symbol.layer is not None and symbol.layer.kind in KEEP_VALUES:
        symbol = symbol.inputs[0]
    layer = symbol.layer
    return None if layer is None or layer.kind != "quantize" else layer.settings


def _dequantize(call: Call) -> Activation:
    """The layer before has the real numbers as its output already, unless they are the image."""
    value, byte_scale = call.activation(), _byte_scale(call)
    if value.symbol.layer is None:
        return _real_pixels(call, value, byte_scale)
    if value.byte_scale != byte_scale:
        raise RefusedError("its input is not a QuantizeLinear of the same scale and zero point")
    return replace(value, byte_scale=None)


def _real_pixels(call: Call, image: Activation, byte_scale: ByteScale) -> Activation:
    """The image, whose pixels the file reads as bytes."""
    zero = call.optional(2)
    if zero is not None and zero.dtype != np.uint8:
        raise RefusedError("its input is an image of int8, expected uint8 pixels")
    scale = np.full(image.channels, byte_scale.scale, np.float64)
    done = scaled(call.network, image, scale)
    return shifted(call.network, done, -byte_scale.zero_point * scale)


OPERATORS: dict[str, Operator] = {
    "DequantizeLinear": _dequantize,
    "QuantizeLinear": _quantize,
}
