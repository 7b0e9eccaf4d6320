"""Operators of ONNX as cnnx imports them: outputs of ONNX's reference, and the layers' kinds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.onnx.reader import graph_of
from onnx_arrays import array_model
from onnx_models import OnnxModel, check, imported, kinds, number

Build = Callable[[OnnxModel], Any]


def conv(m: OnnxModel, x: str, inputs: int, outputs: int, size: int = 3, **settings: Any) -> str:
    groups = settings.get("group", 1)
    weight = m.weight(outputs, inputs // groups, size, size)
    output: str = m.node("Conv", x, weight, m.weight(outputs), **settings)
    return output


def clip_input(m: OnnxModel, low: float, high: float) -> str:
    bounds = (m.constant(np.float32(low)), m.constant(np.float32(high)))
    output: str = m.node("Clip", "x", *bounds)
    return output


# Operators on an image of shape (2, 8, 9, 7), and the kinds of their layers.
ON_IMAGES: dict[str, tuple[Build, list[str]]] = {
    "conv": (lambda m: conv(m, "x", 8, 4, pads=[1, 0, 2, 1], strides=[2, 1]), ["conv2d"]),
    "conv in groups": (lambda m: conv(m, "x", 8, 8, group=4, dilations=[2, 2]), ["conv2d"]),
    "conv same upper": (
        lambda m: conv(m, "x", 8, 4, auto_pad="SAME_UPPER", strides=[2, 2]),
        ["conv2d"],
    ),
    "conv same lower": (
        lambda m: conv(m, "x", 8, 4, size=2, auto_pad="SAME_LOWER"),
        ["conv2d"],
    ),
    "pad, conv": (
        lambda m: conv(m, m.node("Pad", "x", m.constant([0, 0, 1, 0, 0, 0, 2, 1])), 8, 4),
        ["conv2d"],
    ),
    "conv transpose": (
        lambda m: m.node(
            "ConvTranspose", "x", m.weight(8, 4, 3, 3), strides=[2, 3], pads=[1, 0, 0, 1]
        ),
        ["conv_transpose2d"],
    ),
    "max pool": (
        lambda m: m.node("MaxPool", "x", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1]),
        ["max_pool2d"],
    ),
    "average pool": (
        lambda m: m.node(
            "AveragePool", "x", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1
        ),
        ["avg_pool2d"],
    ),
    "average pool without padding": (
        lambda m: m.node("AveragePool", "x", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        ["avg_pool2d"],
    ),
    "global max pool": (lambda m: m.node("GlobalMaxPool", "x"), ["max_pool2d"]),
    "global average pool": (
        lambda m: m.node("GlobalAveragePool", "x"),
        ["adaptive_avg_pool2d"],
    ),
    "mean over the pixels, flat": (
        lambda m: m.node("Flatten", m.node("ReduceMean", "x", axes=[2, 3])),
        ["global_avg_pool2d"],
    ),
    "mean over the height": (
        lambda m: m.node("ReduceMean", "x", axes=[2], keepdims=0),
        ["avg_pool2d"],
    ),
    "batch norm": (
        lambda m: m.node(
            "BatchNormalization", "x", m.weight(8), m.weight(8), m.weight(8), m.positive(8)
        ),
        ["batch_norm2d"],
    ),
    "instance norm": (
        lambda m: m.node("InstanceNormalization", "x", m.weight(8), m.weight(8)),
        ["group_norm"],
    ),
    "prelu": (lambda m: m.node("PRelu", "x", m.weight(8, 1, 1)), ["prelu"]),
    "prelu of one slope": (lambda m: m.node("PRelu", "x", m.weight(1)), ["prelu"]),
    "leaky relu": (lambda m: m.node("LeakyRelu", "x", alpha=0.2), ["leaky_relu"]),
    "relu6": (lambda m: clip_input(m, 0, 6), ["relu6"]),
    "relu as max": (lambda m: m.node("Max", m.constant(np.float32(0)), "x"), ["relu"]),
    "hard swish": (lambda m: m.node("HardSwish", "x"), ["hard_swish"]),
    "hard sigmoid": (
        lambda m: m.node("HardSigmoid", "x", alpha=1 / 6, beta=0.5),
        ["hard_sigmoid"],
    ),
    "hard shrinkage": (lambda m: m.node("Shrink", "x", lambd=0.3), ["hard_shrink"]),
    "soft shrinkage": (lambda m: m.node("Shrink", "x", lambd=0.3, bias=0.3), ["soft_shrink"]),
    "softmax": (lambda m: m.node("Softmax", "x", axis=1), ["softmax"]),
    "dropout": (lambda m: m.node("Dropout", "x", m.constant(np.float32(0.3))), ["dropout"]),
    "pad": (
        lambda m: m.node("Pad", "x", m.constant([0, 0, 1, 2, 0, 0, 0, 1])),
        ["zero_pad2d"],
    ),
    "resize by factors": (
        lambda m: m.node(
            "Resize", "x", "", m.constant(np.float32([1, 1, 2, 3])), mode="nearest",
            coordinate_transformation_mode="asymmetric", nearest_mode="floor",
        ),
        ["upsample2d"],
    ),
    "resize bilinear": (
        lambda m: m.node("Resize", "x", "", m.constant(np.float32([1, 1, 2, 2])), mode="linear"),
        ["upsample2d"],
    ),
    "resize by scales that round the sizes": (
        lambda m: m.node("Resize", "x", "", m.constant(np.float32([1, 1, 2.4, 2])), mode="linear"),
        ["pad2d", "upsample2d", "crop2d"],
    ),
    "resize by such scales to the nearest": (
        lambda m: m.node(
            "Resize", "x", "", m.constant(np.float32([1, 1, 1.3, 2.5])), mode="nearest",
            coordinate_transformation_mode="asymmetric", nearest_mode="floor",
        ),
        ["pad2d", "upsample2d", "crop2d"],
    ),
    "sum with itself": (lambda m: m.node("Add", m.node("Relu", "x"), "x"), ["relu", "add"]),
    "gates first": (
        lambda m: m.node("Mul", m.node("Sigmoid", m.node("GlobalAveragePool", "x")), "x"),
        ["adaptive_avg_pool2d", "sigmoid", "multiply"],
    ),
    "concat": (
        lambda m: m.node("Concat", m.node("Relu", "x"), "x", axis=1),
        ["relu", "concat"],
    ),
    "every second pixel": (
        lambda m: m.node(
            "Slice", "x", m.constant([0, 0]), m.constant([99, 99]), m.constant([2, 3]),
            m.constant([2, 2]),
        ),
        ["max_pool2d"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ON_IMAGES)
def test_an_operator_on_images(name: str) -> None:
    build, expected = ON_IMAGES[name]
    model = OnnxModel(2, 8, 9, 7)
    assert kinds(check(model, build(model))) == expected


def test_aligned_corners_of_a_scale_as_pytorch_means_them() -> None:
    """By the rounded size, 4 of 5 * 0.9 and 7 of 10 * 0.7 in float32; ONNX does not round it."""
    m = OnnxModel(2, 3, 5, 10)
    scales = m.constant(np.float32([1, 1, 0.9, 0.7]))
    settings = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    graph = graph_of(m.proto(m.node("Resize", "x", "", scales, **settings)), Path())
    found, x = array_model(replace(graph, producer="pytorch"), {}, 2), m.input()
    how = {"size": (4, 7), "mode": "bilinear", "align_corners": True}
    expected = cnnx.ops.upsample2d(x.transpose(0, 2, 3, 1), **how)
    np.testing.assert_array_equal(found.run(x), expected.transpose(0, 3, 1, 2))
    with pytest.raises(cnnx.onnx.UnsupportedError, match="reads other pixels than cnnx"):
        array_model(graph, {}, 2)


PATTERNS: dict[str, tuple[Build, list[str]]] = {}


def pattern(name: str, *expected: str) -> Callable[[Build], Build]:
    """Add a subgraph that several nodes compute, and the kinds of its layers."""

    def add(build: Build) -> Build:
        PATTERNS[name] = (build, list(expected))
        return build

    return add


@pattern("silu", "silu")
def _(m: OnnxModel) -> Any:
    return m.node("Mul", m.node("Sigmoid", "x"), "x")


@pattern("mish", "mish")
def _(m: OnnxModel) -> Any:
    return m.node("Mul", "x", m.node("Tanh", m.node("Softplus", "x")))


@pattern("gelu as PyTorch writes it", "gelu")
def _(m: OnnxModel) -> Any:
    inner = m.node("Erf", m.node("Div", "x", number(m, 2**0.5)))
    product = m.node("Mul", "x", m.node("Add", inner, number(m, 1)))
    return m.node("Mul", product, number(m, 0.5))


@pattern("gelu as Keras writes it", "gelu")
def _(m: OnnxModel) -> Any:
    inner = m.node("Erf", m.node("Mul", number(m, 2**-0.5), "x"))
    half = m.node("Mul", number(m, 0.5), "x")
    return m.node("Mul", half, m.node("Add", number(m, 1), inner))


@pattern("gelu by tanh", "gelu")
def _(m: OnnxModel) -> Any:
    cube = m.node("Mul", m.node("Pow", "x", number(m, 3)), number(m, 0.044715))
    inner = m.node("Mul", m.node("Add", "x", cube), number(m, (2 / np.pi) ** 0.5))
    outer = m.node("Add", m.node("Tanh", inner), number(m, 1))
    return m.node("Mul", m.node("Mul", "x", number(m, 0.5)), outer)


@pattern("hard swish as Keras writes it", "hard_swish")
def _(m: OnnxModel) -> Any:
    clipped = m.node("Clip", m.node("Add", "x", number(m, 3)), number(m, 0), number(m, 6))
    return m.node("Mul", m.node("Mul", clipped, number(m, 1 / 6)), "x")


@pattern("hard sigmoid by clip", "hard_sigmoid")
def _(m: OnnxModel) -> Any:
    clipped = m.node("Clip", m.node("Add", "x", number(m, 3)), number(m, 0), number(m, 6))
    return m.node("Div", clipped, number(m, 6))


@pattern("hard swish by hard sigmoid", "hard_swish")
def _(m: OnnxModel) -> Any:
    return m.node("Mul", "x", m.node("HardSigmoid", "x", alpha=1 / 6, beta=0.5))


@pattern("layer norm over the channels", "layer_norm")
def _(m: OnnxModel) -> Any:
    last = m.node("Transpose", "x", perm=[0, 2, 3, 1])
    centred = m.node("Sub", last, m.node("ReduceMean", last, axes=[-1]))
    squares = m.node("ReduceMean", m.node("Pow", centred, number(m, 2)), axes=[-1])
    root = m.node("Sqrt", m.node("Add", squares, number(m, 1e-3)))
    scaled = m.node("Mul", m.node("Div", centred, root), m.weight(8))
    return m.node("Transpose", m.node("Add", scaled, m.weight(8)), perm=[0, 3, 1, 2])


@pattern("group norm through instance norm", "group_norm")
def _(m: OnnxModel) -> Any:
    groups = m.node("Reshape", "x", m.constant([0, 4, -1]))
    ones, zeros = m.constant(np.ones(4)), m.constant(np.zeros(4))
    normed = m.node("InstanceNormalization", groups, ones, zeros)
    image = m.node("Reshape", normed, m.node("Shape", "x"))
    return m.node("Add", m.node("Mul", image, m.weight(8, 1, 1)), m.weight(8, 1, 1))


@pattern("a product and a sum after a convolution", "conv2d")
def _(m: OnnxModel) -> Any:
    scaled = m.node("Mul", conv(m, "x", 8, 4), m.weight(1, 4, 1, 1))
    return m.node("Sub", scaled, m.weight(4, 1, 1))


@pattern("a product and a sum after a batch norm", "batch_norm2d")
def _(m: OnnxModel) -> Any:
    statistics = (m.weight(8), m.weight(8), m.weight(8), m.positive(8))
    normed = m.node("BatchNormalization", "x", *statistics)
    return m.node("Add", m.node("Mul", normed, m.weight(8, 1, 1)), m.weight(8, 1, 1))


@pattern("a product and a sum alone", "scale2d")
def _(m: OnnxModel) -> Any:
    return m.node("Div", m.node("Sub", "x", m.weight(8, 1, 1)), m.positive(8, 1, 1))


@pattern("a shared convolution keeps its scale", "conv2d", "scale2d", "add")
def _(m: OnnxModel) -> Any:
    shared = conv(m, "x", 8, 4)
    return m.node("Add", m.node("Mul", shared, m.weight(4, 1, 1)), shared)


@pattern("a sum with the channels last", "scale2d", "add")
def _(m: OnnxModel) -> Any:
    both = (m.node("Transpose", each, perm=[0, 2, 3, 1]) for each in ("x", m.node("Neg", "x")))
    return m.node("Transpose", m.node("Add", *both), perm=[0, 3, 1, 2])


@pattern("channel shuffle", "channel_shuffle", "conv2d")
def _(m: OnnxModel) -> Any:
    parts = m.node("Reshape", "x", m.constant([2, 2, 4, 9, 7]))
    swapped = m.node("Transpose", parts, perm=[0, 2, 1, 3, 4])
    return conv(m, m.node("Reshape", swapped, m.constant([2, 8, 9, 7])), 8, 4)


@pattern("pixel shuffle by reshapes", "depth_to_space", "conv2d")
def _(m: OnnxModel) -> Any:
    parts = m.node("Reshape", "x", m.constant([2, 2, 2, 2, 9, 7]))
    moved = m.node("Transpose", parts, perm=[0, 1, 4, 2, 5, 3])
    image = m.node("Reshape", moved, m.constant([2, 2, 18, 14]))
    return conv(m, image, 2, 1)


@pattern("a split into halves", "slice_channels", "slice_channels", "relu", "concat")
def _(m: OnnxModel) -> Any:
    first, second = m.node("Split", "x", m.constant([4, 4]), count=2, axis=1)
    return m.node("Concat", m.node("Relu", second), first, axis=1)


@pytest.mark.parametrize("name", PATTERNS)
def test_several_nodes_that_are_one_layer(name: str) -> None:
    build, expected = PATTERNS[name]
    model = OnnxModel(2, 8, 9, 7)
    assert sorted(kinds(check(model, build(model)))) == sorted(expected)


# Flattening and the order of rows.


def test_rows_of_a_dense_layer_follow_the_order_of_the_flattened_image() -> None:
    for order in ([0, 1, 2, 3], [0, 2, 3, 1], [0, 3, 1, 2]):
        model = OnnxModel(2, 3, 4, 5)
        image = model.node("Relu", "x")
        flat = model.node("Flatten", model.node("Transpose", image, perm=order))
        result = model.node("Gemm", flat, model.weight(7, 60), model.weight(7), transB=1)
        assert kinds(check(model, result)) == ["relu", "flatten", "dense"]


def test_a_flattened_image_is_normalised_feature_by_feature() -> None:
    model = OnnxModel(2, 3, 2, 2)
    flat = model.node("Flatten", model.node("Relu", "x"))
    vectors = (model.weight(12), model.weight(12), model.weight(12), model.positive(12))
    check(model, model.node("BatchNormalization", flat, *vectors, epsilon=0.1))


def test_gemm_with_factors_and_a_sum_after_a_product() -> None:
    model = OnnxModel(3, 6)
    product = model.node("Gemm", "x", model.weight(6, 4), model.weight(4), alpha=0.5, beta=2.0)
    result = model.node("Add", model.node("MatMul", product, model.weight(4, 5)), model.weight(5))
    assert kinds(check(model, result)) == ["flatten", "dense", "dense"]


def test_signals_are_images_of_one_column() -> None:
    model = OnnxModel(2, 3, 11)
    signal = model.node("Conv", "x", model.weight(4, 3, 3), pads=[1, 1], strides=[2])
    pooled = model.node("MaxPool", signal, kernel_shape=[2], strides=[2])
    flat = model.node("Flatten", pooled)
    check(model, model.node("Gemm", flat, model.weight(12, 2)))


def test_channels_last_needs_no_layer() -> None:
    """As tf2onnx writes Keras networks."""
    model = OnnxModel(2, 8, 6, 3)
    first = conv(model, model.node("Transpose", "x", perm=[0, 3, 1, 2]), 3, 4)
    last = model.node("Transpose", first, perm=[0, 2, 3, 1])
    flat = model.node("Reshape", last, model.constant([-1, 96]))
    result = model.node("Add", model.node("MatMul", flat, model.weight(96, 5)), model.weight(5))
    assert kinds(check(model, result)) == ["conv2d", "flatten", "dense"]


def test_shapes_are_computed_from_the_size_of_the_image() -> None:
    """As PyTorch writes x.view(x.size(0), -1) and adaptive pools."""
    model = OnnxModel(2, 8, 4, 4, open_batch=True)
    image = model.node("Relu", "x")
    size = model.node("Gather", model.node("Shape", image), model.constant(np.int64(0)))
    rest = model.constant(np.array([-1]))
    first = model.node("Unsqueeze", size, model.constant(np.array([0])))
    shape = model.node("Concat", first, rest, axis=0)
    flat = model.node("Reshape", image, shape)
    check(model, model.node("Gemm", flat, model.weight(128, 3)))


def test_layers_have_the_names_of_their_weights() -> None:
    model = OnnxModel(1, 3, 8, 8)
    first = model.node("Conv", "x", model.weight(4, 3, 3, 3, name="features.0.weight"))
    second = model.node("Conv", first, model.weight(4, 4, 3, 3))
    names = [layer.name for layer in imported(model, second).model.layers]
    assert names == ["features.0", "conv2d_1"]


def test_opset_9_softmax_is_over_the_rest_of_the_axes() -> None:
    model = OnnxModel(2, 5, opset=9)
    assert kinds(check(model, model.node("Softmax", "x"))) == ["flatten", "softmax"]
