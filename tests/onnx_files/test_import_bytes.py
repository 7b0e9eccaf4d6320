"""Operators that pad and resize the bytes of quantized ONNX models."""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import pytest
from onnx_models import OnnxModel, imported, kinds, reference_output

SCALE = np.float32(0.03)


def as_bytes(m: OnnxModel, zero: Any) -> tuple[str, list[str]]:
    """The input as bytes, and their scale and zero point."""
    scale = [m.constant(SCALE), m.constant(np.asarray(zero))]
    return m.node("QuantizeLinear", "x", *scale), scale


def checked(m: OnnxModel, moved: str, scale: list[str]) -> list[str]:
    """Compare with the reference, whose quotients round elsewhere; kinds of the layers."""
    output = m.node("DequantizeLinear", moved, *scale)
    result, x = imported(m, output), m.input()
    expected = reference_output(m.proto(output), x)
    difference = np.abs(result.run(x) - expected)
    assert difference.max() < 1.01 * SCALE
    assert np.mean(difference > 1e-5) < 0.01
    return kinds(result)


@pytest.mark.parametrize("zero", [np.uint8(117), np.int8(-9)], ids=repr)
@pytest.mark.parametrize("mode", ["constant", "reflect", "edge"])
@pytest.mark.parametrize("byte", [0, 40])
def test_bytes_are_padded(byte: int, mode: str, zero: Any) -> None:
    m = OnnxModel(2, 3, 5, 4, opset=19)
    x, scale = as_bytes(m, zero)
    number = m.constant(np.asarray(zero + zero.dtype.type(byte)))
    padded = m.node("Pad", x, m.constant([0, 0, 1, 0, 0, 0, 2, 1]), number, mode=mode)
    layers = checked(m, padded, scale)
    if byte == 0:
        assert layers == ["quantize", "zero_pad2d" if mode == "constant" else "pad2d"]


@pytest.mark.parametrize("zero", [np.uint8(117), np.int8(-9)], ids=repr)
def test_bytes_are_repeated(zero: Any) -> None:
    m = OnnxModel(2, 3, 5, 4, opset=19)
    x, scale = as_bytes(m, zero)
    how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    sizes = m.constant(np.array([1, 1, 2, 3], np.float32))
    assert checked(m, m.node("Resize", x, "", sizes, **how), scale) == ["quantize", "upsample2d"]


def refused(m: OnnxModel, moved: str, scale: list[str], reason: str) -> None:
    with pytest.raises(cnnx.onnx.UnsupportedError, match=reason):
        imported(m, m.node("DequantizeLinear", moved, *scale))


def test_bytes_are_not_interpolated() -> None:
    m = OnnxModel(2, 3, 5, 4, opset=19)
    x, scale = as_bytes(m, np.uint8(117))
    resized = m.node("Resize", x, "", m.constant(np.array([1, 1, 2, 2], np.float32)), mode="linear")
    refused(m, resized, scale, r"Resize .*: its mode is linear, expected nearest for bytes")


def test_bytes_are_padded_with_a_given_byte() -> None:
    m = OnnxModel(2, 3, 5, 4, opset=19)
    x, scale = as_bytes(m, np.uint8(117))
    padded = m.node("Pad", x, m.constant([0, 0, 1, 0, 0, 0, 2, 1]))
    refused(m, padded, scale, r"Pad .*: pads bytes without a number")
