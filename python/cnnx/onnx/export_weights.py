"""Export of the weight and the bias of a layer, as real numbers or as whole numbers and scales."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnx.arguments import FloatArray
from cnnx.onnx.graph import Array
from cnnx.onnx.graph_builder import LayerExport

Rearrangement: TypeAlias = "Callable[[Array], Array]"
Doubles: TypeAlias = "NDArray[np.float64]"


def weights_of(layer: LayerExport, change: Rearrangement, *, axis: int) -> list[str]:
    """Add the weight and the bias, if there is one, and return their names.

    An int8 weight is a DequantizeLinear of its bytes. Its bias is one of int32, if the input is the
    output of a quantize layer, because runtimes compute such a layer in integers.

    Args:
        layer: the layer.
        change: changes the weight to the axes of ONNX.
        axis: axis of the outputs in the changed weight.
    """
    if not layer.settings.get("int8_weight", False):
        names = [layer.parameter("weight", change)]
        return [*names, layer.parameter("bias")] if layer.settings["bias"] else names
    scales = layer.core.get_buffer(f"{layer.name}.weight_scale")
    names = [_int8_weight(layer, change, scales, axis)]
    if layer.settings["bias"]:
        names.append(_bias(layer, scales))
    return names


def _int8_weight(layer: LayerExport, change: Rearrangement, scales: FloatArray, axis: int) -> str:
    whole = layer.parameter("weight", lambda weight: change(whole_weight(weight, scales)))
    zeros = layer.constant("weight_zero_point", np.zeros(len(scales), np.int8))
    return layer.node("DequantizeLinear", whole, layer.buffer("weight_scale"), zeros, axis=axis)


def _bias(layer: LayerExport, scales: FloatArray) -> str:
    rounded = layer.inputs[0].rounded
    if rounded is None:
        return layer.parameter("bias")
    units = bias_units(rounded.scale, scales)
    if not _fits(layer.core.get_parameter(f"{layer.name}.bias"), units):
        return layer.parameter("bias")
    whole = layer.parameter("bias", lambda bias: whole_bias(bias, units).astype(np.int32))
    unit = layer.constant("bias_scale", units.astype(np.float32))
    zeros = layer.constant("bias_zero_point", np.zeros(len(units), np.int32))
    return layer.node("DequantizeLinear", whole, unit, zeros, axis=0)


def whole_weight(weight: FloatArray, scales: FloatArray) -> NDArray[np.int8]:
    """Whole numbers of a weight in cnnx's axes, of which the last is that of the scales."""
    whole: NDArray[np.int8] = np.rint(weight / scales).astype(np.int8)
    return whole


def bias_units(input_scale: float, scales: FloatArray) -> Doubles:
    """Units in which the sums of a layer count."""
    return np.float64(np.float32(input_scale)) * scales.astype(np.float64)


def whole_bias(bias: FloatArray, units: Doubles) -> Doubles:
    """Numbers with which the sums begin, halves rounded away from 0 as inference does."""
    quotients = bias / units
    whole = np.trunc(quotients)
    return whole + np.copysign(np.abs(quotients - whole) >= 0.5, quotients)


def _fits(bias: FloatArray, units: Doubles) -> bool:
    """Whether int32 and float32 hold the numbers and their units."""
    normal = units >= np.finfo(np.float32).tiny
    return bool(np.all(normal & (np.abs(bias) < 2**31 * units)))
