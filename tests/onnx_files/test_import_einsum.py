"""Einsum of two activations: products of matrices in any order of axes."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import cnnx
import numpy as np
import pytest
from onnx_models import OnnxModel, check, imported, kinds

BATCH, CHANNELS, HEIGHT, WIDTH = 2, 6, 5, 4


def maps(m: OnnxModel, channels: int = CHANNELS) -> Any:
    """A 1x1 convolution."""
    return m.node("Conv", "x", m.weight(channels, CHANNELS, 1, 1))


@pytest.mark.parametrize(
    "equation",
    [
        "bchw,bchv->bcwv",
        "bchw,bcvw->bchv",
        "b c h w, b c v w -> b c v h",
        "bchw,bdhw->bcdh",
        "bchw,bdhw->bdwc",
        "bchw,bdhw->bhdc",
        "Xchw,Xchv->Xvwc",
    ],
)
def test_products_of_two_maps(equation: str) -> None:
    m = OnnxModel(BATCH, CHANNELS, HEIGHT, WIDTH)
    result = check(m, m.node("Einsum", maps(m), maps(m), equation=equation))
    assert "matmul" in kinds(result)


@pytest.mark.parametrize("output", ["".join(each) for each in permutations("hij")])
@pytest.mark.parametrize("second", ["".join(each) for each in permutations("hjd")])
def test_any_order_of_axes(second: str, output: str) -> None:
    """Axes of different sizes, so that no wrong order has the right shape."""
    m = OnnxModel(BATCH, CHANNELS, HEIGHT, WIDTH)
    size = {"h": HEIGHT, "d": WIDTH, "j": 3}
    given = m.node("Transpose", maps(m, 3), perm=[0, *("_jhd".index(each) for each in second)])
    first = m.node("Transpose", maps(m), perm=[0, 2, 1, 3])
    product = m.node("Einsum", first, given, equation=f"bhid,b{second}->b{output}")
    result = check(m, product)
    shape = tuple({**size, "i": CHANNELS}[each] for each in output)
    assert result.run(m.input()).shape == (BATCH, *shape)


def test_several_axes_count_the_matrices() -> None:
    """Attention as MaxViT of torchvision writes it."""
    m = OnnxModel(BATCH, CHANNELS, HEIGHT, WIDTH)
    shape = m.constant([0, 2, 3, HEIGHT, WIDTH])
    q, k, v = (m.node("Reshape", maps(m), shape) for _ in range(3))
    scores = m.node("Einsum", q, k, equation="B G H I D, B G H J D -> B G H I J")
    mixed = m.node(
        "Einsum", m.node("Softmax", scores), v, equation="B G H I J, B G H J D -> B G H I D"
    )
    check(m, m.node("Reshape", mixed, m.constant([0, CHANNELS, HEIGHT, WIDTH])))


@pytest.mark.parametrize(
    ("equation", "reason"),
    [
        ("bchw,bchv", "has equation 'bchw,bchv', expected one such as"),
        ("...hw,...hv->...wv", "expected one such as 'bhid,bhjd->bhij'"),
        ("bchw,bchv->", "expected one such as"),
        ("bcww,bchv->bcwv", "expected one such as"),
        ("bchw,bchv,bchv->bcwv", "expected one such as"),
        ("bchw,bchw->bchw", "has equation bchw,bchw->bchw, expected a product of matrices"),
        ("bchw,bchw->bc", "expected a product of matrices for each image"),
        ("bchw,dchv->bdwv", "expected a product of matrices for each image"),
        ("bchw,bchv->cbwv", "expected a product of matrices for each image"),
        ("bchw,buhv->bcwv", "expected a product of matrices for each image"),
    ],
)
def test_other_sums_are_refused(equation: str, reason: str) -> None:
    m = OnnxModel(BATCH, CHANNELS, HEIGHT, WIDTH)
    with pytest.raises(cnnx.onnx.UnsupportedError, match=reason):
        imported(m, m.node("Einsum", maps(m), maps(m), equation=equation))


def test_one_input_is_refused() -> None:
    m = OnnxModel(BATCH, CHANNELS, HEIGHT, WIDTH)
    with pytest.raises(cnnx.onnx.UnsupportedError, match="expected two inputs, has 1"):
        imported(m, m.node("Einsum", maps(m), equation="bchw->bhwc"))


def test_letters_for_other_axes_are_malformed() -> None:
    m = OnnxModel(BATCH, CHANNELS, HEIGHT, WIDTH)
    with pytest.raises(cnnx.FormatError, match="has 3 letters 'bcw' for 4 axes"):
        imported(m, m.node("Einsum", maps(m), maps(m), equation="bcw,bchw->bcwh"))


def test_a_constant_is_refused() -> None:
    m = OnnxModel(BATCH, CHANNELS, HEIGHT, WIDTH)
    matrices = m.constant(np.ones((BATCH, CHANNELS, HEIGHT, 3), np.float32))
    with pytest.raises(cnnx.onnx.UnsupportedError, match="constant"):
        imported(m, m.node("Einsum", maps(m), matrices, equation="bchw,bchv->bcwv"))
