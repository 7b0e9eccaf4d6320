"""dense and dense_backward against the reference."""

from __future__ import annotations

import cnnx
import numpy as np
import pytest
import reference
from cnnx import ops
from comparison import (
    assert_exactly_equal,
    assert_form_does_not_matter,
    assert_gradient,
    assert_threads_do_not_matter,
    assert_within_bound,
)
from hypothesis import given
from hypothesis import strategies as st
from samples import Float32Array, gaussians, small_integers

pytestmark = pytest.mark.parity

# (batch, in_features, out_features)
SIZES = [
    (1, 1, 1),
    (1, 7, 13),
    (13, 1, 7),
    (7, 13, 1),
    (1, 400, 120),
    (64, 84, 10),
    (65, 120, 84),
    (5, 1000, 3),
    # Beyond the kernels' block sizes in depth, rows and columns; and rows at a distance of 1 KB.
    (5, 20, 300),
    (300, 33, 17),
    (257, 300, 40),
    (5, 512, 20),
    (7, 20, 256),
    (260, 256, 20),
    # Blocks of columns longer than a second-level cache.
    (1, 16400, 40),
    (3, 16400, 7),
    *[(rows, 20, n) for rows in (1, 2, 3) for n in (64, 127, 128, 131, 200)],
    *[(6, 20, n) for n in (2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65)],
    *[(3, n, 24) for n in (2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65)],
    *[(n, 6, 20) for n in range(2, 18)],
]
every_size = pytest.mark.parametrize("size", SIZES, ids=str)


@every_size
def test_exact_on_small_integers(size: tuple[int, int, int], rng: np.random.Generator) -> None:
    batch, in_features, out_features = size
    x, weight = small_integers(rng, batch, in_features), small_integers(rng, *size[1:])
    bias = small_integers(rng, out_features)
    grad_output = small_integers(rng, batch, out_features)
    assert_exactly_equal(ops.dense(x, weight, bias), reference.dense(x, weight, bias))
    assert_exactly_equal(ops.dense(x, weight), reference.dense(x, weight))
    for ours, exact in zip(
        ops.dense_backward(grad_output, x, weight),
        reference.dense_backward(grad_output, x, weight),
        strict=True,
    ):
        assert_exactly_equal(ours, exact)


@every_size
def test_within_bound(size: tuple[int, int, int], rng: np.random.Generator) -> None:
    batch, in_features, out_features = size
    x, weight = gaussians(rng, batch, in_features), gaussians(rng, *size[1:])
    bias, grad_output = gaussians(rng, out_features), gaussians(rng, batch, out_features)
    assert_within_bound(
        ops.dense(x, weight, bias),
        reference.dense(x, weight, bias),
        terms=in_features + 1,
        magnitude=reference.dense(abs(x), abs(weight), abs(bias)),
    )
    for ours, exact, magnitude, terms in zip(
        ops.dense_backward(grad_output, x, weight),
        reference.dense_backward(grad_output, x, weight),
        reference.dense_backward(abs(grad_output), abs(x), abs(weight)),
        (out_features, batch, batch),
        strict=True,
    ):
        assert_within_bound(ours, exact, terms=terms, magnitude=magnitude)


def test_gradients_of_the_reference_by_finite_differences(rng: np.random.Generator) -> None:
    x, weight = rng.standard_normal((3, 5)), rng.standard_normal((5, 4))
    bias, grad_output = rng.standard_normal(4), rng.standard_normal((3, 4))
    grad_input, grad_weight, grad_bias = reference.dense_backward(grad_output, x, weight)
    assert_gradient(grad_input, lambda v: reference.dense(v, weight, bias), x, grad_output)
    assert_gradient(grad_weight, lambda v: reference.dense(x, v, bias), weight, grad_output)
    assert_gradient(grad_bias, lambda v: reference.dense(x, weight, v), bias, grad_output)


def test_nan_stays_in_its_row_and_column(rng: np.random.Generator) -> None:
    x, weight, grad_output = (small_integers(rng, *s) for s in ((7, 20), (20, 24), (7, 24)))
    clean = ops.dense(x, weight)
    poisoned = x.copy()
    poisoned[3, 19] = np.nan
    output = ops.dense(poisoned, weight)
    assert np.isnan(output[3]).all()
    assert_exactly_equal(np.delete(output, 3, axis=0), np.delete(clean, 3, axis=0))

    grad_output[6, 23] = np.nan
    grad_input, grad_weight, grad_bias = ops.dense_backward(grad_output, x, weight)
    assert np.isnan(grad_input).all(axis=1).tolist() == [False] * 6 + [True]
    assert np.isfinite(grad_input[:6]).all()
    assert np.isnan(grad_weight).all(axis=0).tolist() == [False] * 23 + [True]
    assert np.isfinite(grad_weight[:, :23]).all()
    assert np.isnan(grad_bias).tolist() == [False] * 23 + [True]


@pytest.mark.usefixtures("restore_threads")
@pytest.mark.parametrize("size", [(64, 400, 120), (3, 1000, 65), (257, 33, 17)], ids=str)
def test_threads_do_not_matter(size: tuple[int, int, int], rng: np.random.Generator) -> None:
    x, weight = gaussians(rng, *size[:2]), gaussians(rng, *size[1:])
    bias, grad_output = gaussians(rng, size[2]), gaussians(rng, size[0], size[2])
    assert_threads_do_not_matter(ops.dense, x, weight, bias)
    assert_threads_do_not_matter(ops.dense_backward, grad_output, x, weight)


def test_a_row_gives_the_same_bits_alone_and_in_any_batch(rng: np.random.Generator) -> None:
    x, weight, bias = gaussians(rng, 65, 84), gaussians(rng, 84, 13), gaussians(rng, 13)
    whole = ops.dense(x, weight, bias)
    for rows in (slice(0, 1), slice(0, 7), slice(0, 64), slice(64, 65), slice(30, 41)):
        assert_exactly_equal(ops.dense(x[rows], weight, bias), whole[rows])


def test_reading_large_weights_in_alternating_order_gives_the_same_bits(
    rng: np.random.Generator,
) -> None:
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(300)], input_shape=(1, 1, 5000), seed=3)
    x = gaussians(rng, 2, 1, 1, 5000)
    weight, bias = model.parameters["dense_1.weight"], model.parameters["dense_1.bias"]
    expected = ops.dense(x.reshape(2, 5000), weight, bias)
    for _ in range(3):
        assert_exactly_equal(model(x), expected)


def test_layout_and_dtype_do_not_matter(rng: np.random.Generator) -> None:
    x, weight, bias = (small_integers(rng, *s) for s in ((3, 6), (6, 20), (20,)))
    assert_form_does_not_matter(ops.dense, x, weight, bias)
    grad_output = small_integers(rng, 3, 20)
    assert_form_does_not_matter(ops.dense_backward, grad_output, x, weight)


@given(st.integers(1, 9), st.integers(1, 40), st.integers(1, 70))
def test_any_shape(batch: int, in_features: int, out_features: int) -> None:
    test_exact_on_small_integers((batch, in_features, out_features), np.random.default_rng(0))


def test_an_empty_batch_gives_an_empty_result_and_no_gradient() -> None:
    x, weight = np.zeros((0, 3), np.float32), np.ones((3, 4), np.float32)
    output = ops.dense(x, weight)
    assert_exactly_equal(output, np.zeros((0, 4)))
    nothing: tuple[Float32Array, ...] = (
        x,
        np.zeros_like(weight),
        np.zeros(4, np.float32),
    )
    for ours, expected in zip(ops.dense_backward(output, x, weight), nothing, strict=True):
        assert_exactly_equal(ours, expected)


@pytest.mark.parametrize(
    ("x", "weight", "sentence"),
    [
        ((3,), (3, 4), r"x has shape \(3,\), expected 2 axes"),
        ((2, 3), (4,), r"weight has shape \(4,\), expected 2 axes"),
        ((2, 3), (2, 4), r"weight has shape \(2, 4\), expected in_features = 3 in axis 0"),
        ((2, 0), (0, 4), r"x has shape \(2, 0\), expected at least one feature"),
        ((2, 3), (3, 0), r"weight has shape \(3, 0\), expected at least one feature in axis 1"),
    ],
)
def test_refusals(x: tuple[int, ...], weight: tuple[int, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^dense: {sentence}"):
        ops.dense(np.zeros(x), np.zeros(weight))
    with pytest.raises(ValueError, match=f"^dense(_backward)?: {sentence}"):
        ops.dense_backward(np.zeros((2, 4)), np.zeros(x), np.zeros(weight))


def test_a_bias_or_a_gradient_of_another_shape_is_refused() -> None:
    x, weight = np.zeros((2, 3)), np.zeros((3, 4))
    with pytest.raises(ValueError, match=r"^dense: bias has shape \(3,\), expected \(4,\)$"):
        ops.dense(x, weight, np.zeros(3))
    with pytest.raises(
        ValueError, match=r"^dense_backward: grad_output has shape \(2, 3\), expected \(2, 4\)$"
    ):
        ops.dense_backward(np.zeros((2, 3)), x, weight)
    with pytest.raises(TypeError, match=r"^dense: weight has dtype complex128, expected real"):
        ops.dense(x, weight.astype(complex))
