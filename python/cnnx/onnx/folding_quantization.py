"""QuantizeLinear and DequantizeLinear of constants, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnx.onnx.call import Call
from cnnx.onnx.graph import Array
from cnnx.onnx.tensors import value_dtype


def quantized(call: Call) -> Array:
    """Constant as bytes."""
    x, scale = call.constant(0), _along_axis(call, 1)
    zero = _zero_point(call)
    limits = np.iinfo(zero.dtype)
    with np.errstate(all="ignore"):
        whole = np.rint(x / scale) + zero
    return np.asarray(np.clip(whole, limits.min, limits.max), zero.dtype)


def dequantized(call: Call) -> Array:
    """Constant as real numbers."""
    x, scale, zero = call.constant(0), _along_axis(call, 1), call.optional(2)
    whole = x.astype(np.float32)
    if zero is not None:
        whole = whole - _along_axis(call, 2).astype(np.float32)
    return whole * scale.astype(np.float32)


def output_dtype(call: Call) -> np.dtype[Any]:
    """Type of the bytes of a QuantizeLinear without a zero point."""
    given = call.integer("output_dtype", 0)
    return value_dtype(given) if given else np.dtype(np.uint8)


def _zero_point(call: Call) -> Array:
    zero = call.optional(2)
    return np.zeros((), output_dtype(call)) if zero is None else _along_axis(call, 2)


def _along_axis(call: Call, index: int) -> Array:
    """A scale or zero point in a shape that broadcasts to the first input's."""
    x, values = call.constant(0), call.constant(index)
    if values.size == 1:
        return values.reshape(())
    axis = call.integer("axis", 1)
    block = call.integer("block_size", 0)
    if block:
        return np.repeat(values, block, axis).take(range(x.shape[axis]), axis)
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]
    return values.reshape(shape)
