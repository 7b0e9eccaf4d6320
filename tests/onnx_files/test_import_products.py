"""MatMul of two activations: attention over pixels and over channels, in any order of axes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import cnnx
import numpy as np
import pytest
from onnx_models import OnnxModel, check, imported, kinds

Build = Callable[[OnnxModel], Any]

BATCH, CHANNELS, HEIGHT, WIDTH = 2, 12, 5, 4
PIXELS = HEIGHT * WIDTH


def model_of(build: Build) -> tuple[OnnxModel, Any]:
    m = OnnxModel(BATCH, CHANNELS, HEIGHT, WIDTH)
    return m, build(m)


def shape(m: OnnxModel, x: Any, *sizes: int) -> Any:
    return m.node("Reshape", x, m.constant(list(sizes)))


def transposed(m: OnnxModel, x: Any, *perm: int) -> Any:
    return m.node("Transpose", x, perm=list(perm))


def maps(m: OnnxModel, channels: int = CHANNELS) -> Any:
    """A 1x1 convolution."""
    return m.node("Conv", "x", m.weight(channels, CHANNELS, 1, 1))


def tokens(m: OnnxModel) -> Any:
    """(batch, pixels, channels)."""
    return transposed(m, shape(m, "x", 0, CHANNELS, PIXELS), 0, 2, 1)


def scaled_softmax(m: OnnxModel, scores: Any) -> Any:
    return m.node("Softmax", m.node("Mul", scores, m.constant(0.5)), axis=-1)


def non_local(m: OnnxModel) -> Any:
    """Wang and others 2018: every pixel reads every pixel."""
    theta, phi, g = (shape(m, maps(m, 6), 0, 6, PIXELS) for _ in range(3))
    scores = m.node("MatMul", transposed(m, theta, 0, 2, 1), phi)
    mixed = m.node("MatMul", scaled_softmax(m, scores), transposed(m, g, 0, 2, 1))
    back = shape(m, transposed(m, mixed, 0, 2, 1), 0, 6, HEIGHT, WIDTH)
    return m.node("Add", m.node("Conv", back, m.weight(CHANNELS, 6, 1, 1)), "x")


def global_context(m: OnnxModel) -> Any:
    """GCNet: a mean of all pixels with weights that a convolution computes."""
    weights = m.node("Softmax", shape(m, maps(m, 1), 0, 1, PIXELS), axis=2)
    image = shape(m, "x", 0, 1, CHANNELS, PIXELS)
    mean = m.node("MatMul", image, m.node("Unsqueeze", weights, m.constant([3])))
    return m.node("Add", "x", shape(m, mean, 0, CHANNELS, 1, 1))


def global_context_of_transposed(m: OnnxModel) -> Any:
    weights = m.node("Softmax", shape(m, maps(m, 1), 0, 1, 1, PIXELS), axis=3)
    weights = transposed(m, weights, 0, 1, 3, 2)
    image = m.node("Unsqueeze", shape(m, "x", 0, CHANNELS, PIXELS), m.constant([1]))
    return m.node("Add", "x", shape(m, m.node("MatMul", image, weights), 0, CHANNELS, 1, 1))


def attention(m: OnnxModel, heads: int = 3) -> Any:
    """Of tokens, by one dense layer and a split, as timm's vision transformers write it."""
    each = CHANNELS // heads
    qkv = m.node("MatMul", tokens(m), m.weight(CHANNELS, 3 * CHANNELS))
    qkv = shape(m, m.node("Add", qkv, m.weight(3 * CHANNELS)), 0, PIXELS, 3, heads, each)
    parts = m.node("Split", transposed(m, qkv, 2, 0, 3, 1, 4), axis=0, count=3)
    q, k, v = (m.node("Squeeze", part, m.constant([0])) for part in parts)
    scores = m.node("MatMul", m.node("Mul", q, m.constant(0.5)), transposed(m, k, 0, 1, 3, 2))
    mixed = m.node("MatMul", m.node("Softmax", scores, axis=-1), v)
    mixed = shape(m, transposed(m, mixed, 0, 2, 1, 3), 0, PIXELS, CHANNELS)
    return m.node("MatMul", mixed, m.weight(CHANNELS, 7))


def attention_of_tokens_first(m: OnnxModel, heads: int = 3) -> Any:
    """PyTorch's MultiheadAttention, whose arrays are (tokens, batch, channels)."""
    batch, each = m.shape[0], CHANNELS // heads
    x = transposed(m, tokens(m), 1, 0, 2)
    qkv = m.node("Add", m.node("MatMul", x, m.weight(CHANNELS, 3 * CHANNELS)), m.weight(36))
    qkv = transposed(m, shape(m, qkv, PIXELS, batch, 3, CHANNELS), 2, 0, 1, 3)
    parts = [m.node("Gather", qkv, m.constant(np.int64(k)), axis=0) for k in range(3)]
    parts = [shape(m, part, PIXELS, batch * heads, each) for part in parts]
    q, k, v = (transposed(m, part, 1, 0, 2) for part in parts)
    scores = scaled_softmax(m, m.node("MatMul", q, transposed(m, k, 0, 2, 1)))
    mixed = transposed(m, m.node("MatMul", scores, v), 1, 0, 2)
    mixed = shape(m, mixed, PIXELS * batch, CHANNELS)
    mixed = m.node("Gemm", mixed, m.weight(7, CHANNELS), m.weight(7), transB=1, beta=0.5)
    return transposed(m, shape(m, mixed, PIXELS, batch, 7), 1, 0, 2)


def attention_of_maps(m: OnnxModel, heads: int = 2) -> Any:
    """Of the channels of an image, divided into heads and then into q, k and v."""
    each = CHANNELS // heads
    qkv = shape(m, maps(m, 3 * CHANNELS), 0, heads, 3 * each, PIXELS)
    q, k, v = m.node("Split", qkv, m.constant([each] * 3), axis=2, count=3)
    scores = m.node("MatMul", transposed(m, q, 0, 1, 3, 2), k)
    mixed = m.node("MatMul", v, transposed(m, scaled_softmax(m, scores), 0, 1, 3, 2))
    return m.node("Add", shape(m, mixed, 0, CHANNELS, HEIGHT, WIDTH), maps(m))


def with_positions(m: OnnxModel) -> Any:
    """Scores with a constant for each pair of pixels."""
    q, k, v = (shape(m, maps(m), 0, 3, 4, PIXELS) for _ in range(3))
    scores = m.node("MatMul", transposed(m, q, 0, 1, 3, 2), k)
    scores = m.node("Add", scores, m.weight(1, 3, PIXELS, PIXELS))
    mixed = m.node("MatMul", v, transposed(m, m.node("Softmax", scores), 0, 1, 3, 2))
    return shape(m, mixed, 0, CHANNELS, HEIGHT, WIDTH)


def linear_attention(m: OnnxModel) -> Any:
    """EfficientViT: the products of keys and values first, then with the queries."""
    q, k, v = (m.node("Relu", shape(m, maps(m), 0, 3, 4, PIXELS)) for _ in range(3))
    mixed = m.node("MatMul", m.node("MatMul", v, transposed(m, k, 0, 1, 3, 2)), q)
    return shape(m, mixed, 0, CHANNELS, HEIGHT, WIDTH)


def cross_covariance(m: OnnxModel) -> Any:
    """XCiT: attention of the channels of each head."""
    q, k, v = (shape(m, tokens(m), 0, PIXELS, 3, 4) for _ in range(3))
    q, k, v = (transposed(m, each, 0, 2, 3, 1) for each in (q, k, v))
    scores = m.node("MatMul", q, transposed(m, k, 0, 1, 3, 2))
    mixed = m.node("MatMul", scaled_softmax(m, scores), v)
    return shape(m, transposed(m, mixed, 0, 3, 1, 2), 0, PIXELS, CHANNELS)


def windows(m: OnnxModel) -> Any:
    """Swin: attention within windows, which are joined with the batch."""
    heads, side, each = 2, (5, 2), CHANNELS // 2
    inside = side[0] * side[1]
    x = transposed(m, "x", 0, 2, 3, 1)
    x = shape(m, x, BATCH, HEIGHT // side[0], side[0], WIDTH // side[1], side[1], CHANNELS)
    x = shape(m, transposed(m, x, 0, 1, 3, 2, 4, 5), -1, inside, CHANNELS)
    x = m.node("LayerNormalization", x, m.positive(CHANNELS), m.weight(CHANNELS))
    qkv = m.node("MatMul", x, m.weight(CHANNELS, 3 * CHANNELS))
    qkv = transposed(m, shape(m, qkv, -1, inside, 3, heads, each), 2, 0, 3, 1, 4)
    q, k, v = (m.node("Gather", qkv, m.constant(index), axis=0) for index in range(3))
    scores = m.node("MatMul", q, transposed(m, k, 0, 1, 3, 2))
    scores = m.node("Softmax", m.node("Add", scores, m.weight(1, heads, inside, inside)))
    mixed = transposed(m, m.node("MatMul", scores, v), 0, 2, 1, 3)
    mixed = m.node("MatMul", shape(m, mixed, -1, inside, CHANNELS), m.weight(CHANNELS, CHANNELS))
    x = shape(m, mixed, BATCH, HEIGHT // side[0], WIDTH // side[1], *side, CHANNELS)
    return shape(m, transposed(m, x, 0, 1, 3, 2, 4, 5), BATCH, PIXELS, CHANNELS)


def patches(m: OnnxModel) -> Any:
    """MobileViT: attention among the pixels at the same place of all patches."""
    x = shape(m, "x", BATCH * CHANNELS, HEIGHT, 2, 2)
    x = shape(m, transposed(m, x, 0, 1, 2, 3), BATCH, CHANNELS, 2 * HEIGHT, 2)
    x = shape(m, transposed(m, x, 0, 3, 2, 1), BATCH * 2, 2 * HEIGHT, CHANNELS)
    scores = m.node("Softmax", m.node("MatMul", x, transposed(m, x, 0, 2, 1)))
    x = m.node("Add", m.node("MatMul", scores, x), x)
    x = shape(m, x, BATCH, 2, 2 * HEIGHT, CHANNELS)
    return transposed(m, x, 0, 3, 2, 1)


def repeated(m: OnnxModel) -> Any:
    """One matrix for several."""
    x = shape(m, maps(m), 0, 3, 4, PIXELS)
    y = shape(m, maps(m, 4), 0, 1, 4, PIXELS)
    return m.node("MatMul", x, transposed(m, y, 0, 1, 3, 2))


CASES: dict[str, Build] = {
    "attention": attention,
    "attention of maps": attention_of_maps,
    "attention of tokens first": attention_of_tokens_first,
    "cross-covariance": cross_covariance,
    "global context": global_context,
    "global context, transposed": global_context_of_transposed,
    "linear attention": linear_attention,
    "non-local": non_local,
    "one matrix for several": repeated,
    "patches": patches,
    "positions": with_positions,
    "windows": windows,
    "of an image's rows": lambda m: m.node(
        "MatMul", maps(m), transposed(m, maps(m), 0, 1, 3, 2)
    ),
    "of an image's columns": lambda m: m.node(
        "MatMul", transposed(m, maps(m), 0, 1, 3, 2), maps(m)
    ),
    "of the transposed": lambda m: m.node(
        "MatMul", transposed(m, maps(m), 0, 2, 3, 1), transposed(m, maps(m), 0, 2, 1, 3)
    ),
}  # fmt: skip


def test_one_image_has_the_axes_of_several() -> None:
    """Its size, 1, tells nothing about its place among them."""
    m = OnnxModel(1, CHANNELS, HEIGHT, WIDTH)
    check(m, attention_of_tokens_first(m))


def test_a_dense_layer_of_every_token() -> None:
    m = OnnxModel(BATCH, CHANNELS, HEIGHT, WIDTH)
    rows = shape(m, tokens(m), BATCH * PIXELS, CHANNELS)
    rows = m.node("Gemm", rows, m.weight(CHANNELS, 7), m.weight(7), alpha=2.0)
    check(m, shape(m, m.node("Relu", rows), BATCH, PIXELS, 7))


@pytest.mark.parametrize("operator", ["Gemm", "MatMul"])
def test_products_along_the_batch_are_refused(operator: str) -> None:
    m = OnnxModel(BATCH, CHANNELS, HEIGHT, WIDTH)
    features = m.node("Flatten", m.node("GlobalAveragePool", "x"))
    moved = transposed(m, features, 1, 0)
    if operator == "MatMul":
        moved = m.node("Unsqueeze", moved, m.constant([0]))
    reason = "its first axis is not the batch|along the batch, expected one image at a time"
    with pytest.raises(cnnx.onnx.UnsupportedError, match=reason):
        imported(m, m.node(operator, moved, m.weight(BATCH, 7)))


ORDERS = [(0, *axes) for axes in itertools.permutations((1, 2, 3))]


@pytest.mark.parametrize("name", CASES)
def test_products(name: str) -> None:
    model, output = model_of(CASES[name])
    assert "matmul" in kinds(check(model, output))


@pytest.mark.parametrize("others", ORDERS)
@pytest.mark.parametrize("axes", ORDERS)
def test_any_order_of_both(axes: tuple[int, ...], others: tuple[int, ...]) -> None:
    m = OnnxModel(2, 4, 4, 4)
    y = m.node("Conv", "x", m.weight(4, 4, 1, 1))
    check(m, m.node("MatMul", transposed(m, "x", *axes), transposed(m, y, *others)))


def linear_attention_by_sums(m: OnnxModel) -> Any:
    """EfficientViT of MIT: a row of ones makes the sums that the products are divided by."""
    q, k, v = (m.node("Relu", shape(m, maps(m), 0, 3, 4, PIXELS)) for _ in range(3))
    v = m.node("Pad", v, m.constant([0, 0, 0, 0, 0, 0, 1, 0]), m.constant(1.0))
    out = m.node("MatMul", m.node("MatMul", v, transposed(m, k, 0, 1, 3, 2)), q)
    ends, axis = m.constant([1 << 31]), m.constant([2])
    sums = m.node("Slice", out, m.constant([-1]), ends, axis)
    out = m.node("Slice", out, m.constant([0]), m.constant([-1]), axis)
    return m.node("Div", out, m.node("Add", sums, m.constant(0.5)))


def positive(m: OnnxModel, x: Any) -> Any:
    return m.node("Add", m.node("Sigmoid", x), m.constant(0.5))


QUOTIENTS: dict[str, Build] = {
    "linear attention": linear_attention_by_sums,
    "of two images": lambda m: m.node("Div", maps(m), positive(m, "x")),
    "of a number": lambda m: m.node("Div", m.constant(2.0), positive(m, "x")),
    "of constants of channels": lambda m: m.node(
        "Div", m.weight(1, CHANNELS, 1, 1), positive(m, "x")
    ),
    "by one pixel": lambda m: m.node(
        "Div", "x", positive(m, m.node("GlobalAveragePool", "x"))
    ),
    "by one channel": lambda m: m.node("Div", "x", positive(m, maps(m, 1))),
    "by a pixel that an Expand repeats": lambda m: m.node(
        "Div",
        "x",
        m.node("Expand", positive(m, m.node("GlobalAveragePool", "x")), m.node("Shape", "x")),
    ),
    "a reciprocal": lambda m: m.node("Reciprocal", positive(m, "x")),
}  # fmt: skip


@pytest.mark.parametrize("name", QUOTIENTS)
def test_quotients(name: str) -> None:
    model, output = model_of(QUOTIENTS[name])
    assert kinds(check(model, output)).count("reciprocal") == 1
