"""Quantized ONNX models as cnnx imports them: int8 weights, and outputs of ONNX's reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cnnx._core import FormatError
from cnnx.onnx.refusal import UnsupportedError
from onnx_arrays import ArrayModel
from onnx_models import OnnxModel, imported, kinds, reference_output

SCALE, ZERO = np.float32(0.03), np.uint8(117)
STEP = np.float32(0.25)  # of rounded outputs
Build = Callable[[OnnxModel], str]


def network(*shape: int) -> OnnxModel:
    return OnnxModel(*shape, opset=21)


def constant(m: OnnxModel, value: Any) -> str:
    name: str = m.constant(value)
    return name


def rounded(m: OnnxModel, x: str, scale: float = SCALE, zero: Any = ZERO) -> str:
    """A value as bytes and back."""
    constants = constant(m, np.float32(scale)), constant(m, np.asarray(zero))
    output: str = m.node("DequantizeLinear", m.node("QuantizeLinear", x, *constants), *constants)
    return output


def weight(
    m: OnnxModel, *shape: int, axis: int = 0, scales: int = 0, dtype: Any = np.int8, zero: int = 0
) -> str:
    """Random whole numbers times one scale, or one of several along an axis."""
    limits = np.iinfo(dtype)
    whole = m.rng.integers(limits.min, limits.max + 1, shape).astype(dtype)
    scale = (0.01 + 0.01 * m.rng.random(scales or ())).astype(np.float32)
    zeros = np.full(scales or (), zero, dtype)
    names = [constant(m, each) for each in (whole, scale, zeros)]
    output: str = m.node("DequantizeLinear", *names, axis=axis)
    return output


def bias(m: OnnxModel, count: int) -> str:
    whole = constant(m, m.rng.integers(-900, 900, count).astype(np.int32))
    output: str = m.node("DequantizeLinear", whole, constant(m, np.full(count, 0.0004)), axis=0)
    return output


def convolved(m: OnnxModel, **how: Any) -> str:
    x = rounded(m, "x")
    output: str = m.node("Conv", x, weight(m, 6, 4, 3, 3, **how), bias(m, 6), pads=[1, 1, 1, 1])
    return output


def gemm(m: OnnxModel, *, transposed: bool, **how: Any) -> str:
    x = m.node("Flatten", m.node("GlobalAveragePool", "x"))
    shape, axis = ((5, 4), 0) if transposed else ((4, 5), 1)
    matrix = weight(m, *shape, axis=axis, scales=5)
    output: str = m.node("Gemm", rounded(m, x), matrix, bias(m, 5), transB=int(transposed), **how)
    return output


def matmul(m: OnnxModel) -> str:
    x = rounded(m, m.node("Flatten", m.node("GlobalAveragePool", "x")))
    turned = m.node("Transpose", weight(m, 5, 4, axis=0, scales=5), perm=[1, 0])
    output: str = m.node("MatMul", x, turned)
    return output


def scaled(m: OnnxModel) -> str:
    output: str = m.node("Mul", convolved(m, scales=6), m.positive(6, 1, 1))
    return output


# Networks on an image of shape (2, 4, 9, 7), and the kinds of their layers.
INT8: dict[str, tuple[Build, list[str]]] = {
    "conv, a scale per output": (lambda m: convolved(m, scales=6), ["quantize", "conv2d"]),
    "conv, one scale": (lambda m: convolved(m), ["quantize", "conv2d"]),
    "conv, negative axis": (lambda m: convolved(m, scales=6, axis=-4), ["quantize", "conv2d"]),
    "conv, uint8 around 128": (
        lambda m: convolved(m, scales=6, dtype=np.uint8, zero=128),
        ["quantize", "conv2d"],
    ),
    "conv, scaled": (scaled, ["quantize", "conv2d"]),
    "gemm": (
        lambda m: gemm(m, transposed=False),
        ["global_avg_pool2d", "quantize", "dense"],
    ),
    "gemm, transposed, alpha": (
        lambda m: gemm(m, transposed=True, alpha=0.5),
        ["global_avg_pool2d", "quantize", "dense"],
    ),
    "matmul, transposed weight": (
        matmul,
        ["global_avg_pool2d", "quantize", "dense"],
    ),
}


def compared(m: OnnxModel, output: str, tolerance: float = 1e-5) -> ArrayModel:
    """Import the model; its outputs are the reference's to so much of the largest."""
    result = imported(m, output)
    x = m.input()
    expected = reference_output(m.proto(output), x)
    got = result.run(x)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * np.abs(expected).max())
    return result


def int8_layers(result: ArrayModel) -> int:
    return sum(name.endswith("weight_scale") for name in result.model.buffers)


@pytest.mark.parametrize("case", INT8)
def test_int8_weights(case: str) -> None:
    make, expected_kinds = INT8[case]
    m = network(2, 4, 9, 7)
    result = compared(m, make(m), tolerance=1e-3)  # biases are rounded to units of the sums
    assert kinds(result) == expected_kinds
    assert int8_layers(result) == 1


def test_the_whole_numbers_stay() -> None:
    m = network(2, 4, 9, 7)
    result = imported(m, convolved(m, scales=6))
    arrays = [onnx_array(each) for each in m.weights]
    whole = next(each for each in arrays if each.dtype == np.int8 and each.ndim == 4)
    (name,) = result.model.buffers
    scales = result.model.buffers[name]
    found = np.rint(result.model.parameters[name.removesuffix("_scale")] / scales)
    np.testing.assert_array_equal(found.transpose(3, 2, 0, 1), whole)


def onnx_array(tensor: Any) -> Any:
    from onnx import numpy_helper

    return numpy_helper.to_array(tensor)


FLOAT: dict[str, Build] = {
    "a zero point": lambda m: convolved(m, scales=6, zero=3),
    "uint8 from 0": lambda m: convolved(m, dtype=np.uint8),
    "a scale per input": lambda m: convolved(m, scales=4, axis=1),
    "a negative factor": lambda m: gemm(m, transposed=True, alpha=-0.5),
}


@pytest.mark.parametrize("case", FLOAT)
def test_other_weights_are_float32(case: str) -> None:
    m = network(2, 4, 9, 7)
    assert int8_layers(compared(m, FLOAT[case](m))) == 0


def test_a_weight_in_blocks() -> None:
    m = network(2, 6)
    whole = constant(m, m.rng.integers(-128, 128, (6, 5)).astype(np.int8))
    scales = constant(m, (0.01 + m.rng.random((3, 5))).astype(np.float32))
    matrix = m.node("DequantizeLinear", whole, scales, axis=0, block_size=2)
    assert int8_layers(compared(m, m.node("MatMul", "x", matrix))) == 0


def test_a_float_weight_between_conversions() -> None:
    m = network(2, 4, 9, 7)
    output = m.node("Conv", rounded(m, "x"), rounded(m, m.weight(6, 4, 3, 3), 0.02, np.int8(0)))
    assert int8_layers(compared(m, output)) == 1


@pytest.mark.parametrize("zero", [ZERO, np.int8(-11)])
def test_values_between_layers(zero: Any) -> None:
    """Successive layers are those that inference computes in one step."""
    m = network(2, 4, 9, 7)
    first = rounded(m, "x", SCALE, zero)
    inner = m.node("Conv", first, weight(m, 4, 4, 3, 3, scales=4), bias(m, 4), pads=[1, 1, 1, 1])
    total = m.node("Relu", m.node("Add", inner, first))
    output = rounded(m, total, float(STEP), np.uint8(0))
    result = compared(m, output, tolerance=0.02)
    assert kinds(result) == ["quantize", "conv2d", "add", "relu", "quantize"]


def test_a_value_that_is_rounded_twice_alike_is_rounded_once() -> None:
    m = network(2, 4, 9, 7)
    first = rounded(m, m.node("MaxPool", rounded(m, "x"), kernel_shape=[2, 2]))
    other = rounded(m, m.node("MaxPool", rounded(m, "x"), kernel_shape=[2, 2]))
    result = compared(m, m.node("Add", first, other))
    assert kinds(result).count("quantize") == 1


def test_bytes_are_moved_as_bytes() -> None:
    m = network(2, 4, 9, 7)
    constants = constant(m, SCALE), constant(m, ZERO)
    x = m.node("QuantizeLinear", "x", *constants)
    channels = constant(m, [1]), constant(m, [3]), constant(m, [1])
    x = m.node("Flatten", m.node("Slice", x, *channels))
    result = compared(m, m.node("DequantizeLinear", x, *constants))
    assert kinds(result) == ["quantize", "slice_channels"]


def test_pixels_that_the_file_reads_as_bytes() -> None:
    m = network(2, 9, 7, 3)
    m.dtype = np.uint8
    image = m.node("DequantizeLinear", "x", constant(m, np.float32(0.02)), constant(m, np.uint8(9)))
    output = m.node("Relu", m.node("Transpose", image, perm=[0, 3, 1, 2]))
    pixels = m.rng.integers(0, 256, m.shape).astype(np.uint8)
    expected = reference_output(m.proto(output), pixels)
    np.testing.assert_allclose(imported(m, output).run(pixels), expected, rtol=0, atol=1e-5)


# Operators of bytes.


def qlinear_inputs(m: OnnxModel) -> tuple[list[str], list[str]]:
    """Names of an image as bytes with its scale and zero point, and those of the output."""
    image = [constant(m, SCALE), constant(m, ZERO)]
    return [m.node("QuantizeLinear", "x", *image), *image], [
        constant(m, STEP),
        constant(m, np.uint8(100)),
    ]


def qlinear_conv(m: OnnxModel) -> str:
    x, y = qlinear_inputs(m)
    whole = constant(m, m.rng.integers(-128, 128, (6, 4, 3, 3)).astype(np.int8))
    scales = (0.01 + 0.01 * m.rng.random(6)).astype(np.float32)
    w = [whole, constant(m, scales), constant(m, np.zeros(6, np.int8))]
    b = constant(m, m.rng.integers(-900, 900, 6).astype(np.int32))
    output: str = m.node("DequantizeLinear", m.node("QLinearConv", *x, *w, *y, b), *y)
    return output


def qlinear_matmul(m: OnnxModel) -> str:
    x, y = qlinear_inputs(m)
    whole = constant(m, m.rng.integers(-128, 128, (7, 5)).astype(np.int8))
    w = [whole, constant(m, np.float32(0.01)), constant(m, np.int8(0))]
    output: str = m.node("DequantizeLinear", m.node("QLinearMatMul", *x, *w, *y), *y)
    return output


def test_qlinear_conv() -> None:
    m = network(2, 4, 9, 7)
    result = compared(m, qlinear_conv(m), tolerance=0.02)
    assert kinds(result) == ["quantize", "conv2d", "quantize"]
    assert int8_layers(result) == 1


def test_qlinear_matmul() -> None:
    m = network(2, 7)
    result = compared(m, qlinear_matmul(m), tolerance=0.02)
    assert kinds(result) == ["quantize", "flatten", "dense", "quantize"]
    assert int8_layers(result) == 1


# Refusals.


def in_bytes(m: OnnxModel, dtype: Any = np.uint8) -> str:
    output: str = m.node("QuantizeLinear", "x", constant(m, SCALE), constant(m, dtype(3)))
    return output


def cast(m: OnnxModel) -> str:
    output: str = m.node("Cast", in_bytes(m), to=1)
    return output


def other_scale(m: OnnxModel) -> str:
    constants = constant(m, np.float32(0.5)), constant(m, np.uint8(3))
    output: str = m.node("DequantizeLinear", in_bytes(m), *constants)
    return output


def scale_per_channel(m: OnnxModel) -> str:
    scales = constant(m, np.full(4, 0.1)), constant(m, np.zeros(4, np.uint8))
    output: str = m.node("QuantizeLinear", "x", *scales)
    return output


def dynamic(m: OnnxModel) -> str:
    bytes_, scale, zero = m.node("DynamicQuantizeLinear", "x", count=3)
    output: str = m.node("DequantizeLinear", bytes_, scale, zero)
    return output


def without_zero_point(m: OnnxModel) -> str:
    m.opset = 21
    output: str = m.node("QuantizeLinear", "x", constant(m, SCALE), output_dtype=3)
    return output


REFUSED: dict[str, tuple[Build, str]] = {
    "arithmetic": (cast, "Cast .*computes with the bytes of a QuantizeLinear, expected real"),
    "another scale": (other_scale, "not a QuantizeLinear of the same scale and zero point"),
    "a scale per channel": (scale_per_channel, "has 4 scales, expected one for the whole array"),
    "16 bits": (lambda m: in_bytes(m, np.uint16), "dtype uint16, expected uint8 or int8"),
    "int8 without a zero point": (without_zero_point, "output_dtype int8 and no zero point,"),
    "a range per image": (dynamic, "own range, expected .* onnxruntime.quantization.quantize_st"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case: str) -> None:
    make, sentence = REFUSED[case]
    m = network(2, 4, 9, 7)
    with pytest.raises(UnsupportedError, match=sentence):
        imported(m, make(m))


def test_weights_in_int8_without_a_zero_point() -> None:
    m = OnnxModel(2, 4, 9, 7, opset=21)
    scale = m.constant(np.float32(0.02))
    whole = m.node("QuantizeLinear", m.weight(3, 4, 1, 1), scale, output_dtype=3)
    result = imported(m, m.node("Conv", "x", m.node("DequantizeLinear", whole, scale)))
    values = np.concatenate([each.ravel() for each in result.model.parameters.values()])
    assert values.min() < -0.1


def test_constants_that_do_not_fit() -> None:
    m = network(2, 4, 9, 7)
    scales = constant(m, np.full(5, 0.1)), constant(m, np.zeros(5, np.int8))
    whole = constant(m, np.zeros((6, 4, 3, 3), np.int8))
    output = m.node("Conv", "x", m.node("DequantizeLinear", whole, *scales, axis=0))
    with pytest.raises(FormatError, match=r"DequantizeLinear.*do not fit"):
        imported(m, output)
