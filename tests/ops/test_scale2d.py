"""scale2d and its backward against the reference, and the layer's parameters."""

from __future__ import annotations

from collections.abc import Callable

import cnnx
import numpy as np
import pytest
import reference
from cnnx import ops
from comparison import (
    assert_exactly_equal,
    assert_form_does_not_matter,
    assert_gradient,
    assert_same_bits,
    assert_threads_do_not_matter,
    assert_within_bound,
)
from samples import Float32Array, gaussians, small_integers

pytestmark = pytest.mark.parity

SIZES = [
    *[(2, 3, 5, channels) for channels in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 40, 600)],
    *[(1, 1, pixels, 5) for pixels in (1, 2, 3, 4, 5, 7, 8, 15, 16, 17)],
    (1, 64, 65, 1),
    (64, 8, 8, 17),
    (7,),
]
every_size = pytest.mark.parametrize("size", SIZES, ids=str)


def test_forward_within_bound(rng: np.random.Generator) -> None:
    for size in SIZES:
        x, weight, bias = gaussians(rng, *size), gaussians(rng, size[-1]), gaussians(rng, size[-1])
        for added in (None, bias):
            magnitude = np.abs(x * weight) + np.abs(bias)
            output, expected = ops.scale2d(x, weight, added), reference.scale2d(x, weight, added)
            assert_within_bound(output, expected, terms=1, magnitude=magnitude)


def test_backward_within_bound(rng: np.random.Generator) -> None:
    for size in SIZES:
        x, grad_output = gaussians(rng, *size), gaussians(rng, *size)
        weight, terms = gaussians(rng, size[-1]), x.size // size[-1]
        grads = ops.scale2d_backward(grad_output, x, weight)
        exact = reference.scale2d_backward(grad_output, x, weight)
        magnitudes = reference.scale2d_backward(abs(grad_output), abs(x), abs(weight))
        for grad, expected, magnitude in zip(grads, exact, magnitudes, strict=True):
            assert_within_bound(grad, expected, terms=terms, magnitude=magnitude)


def assert_exact(x: Float32Array, grad_output: Float32Array, rng: np.random.Generator) -> None:
    weight, bias = small_integers(rng, x.shape[-1]), small_integers(rng, x.shape[-1])
    assert_exactly_equal(ops.scale2d(x, weight, bias), reference.scale2d(x, weight, bias))
    assert_exactly_equal(ops.scale2d(x, weight), reference.scale2d(x, weight))
    grads = ops.scale2d_backward(grad_output, x, weight)
    for grad, exact in zip(grads, reference.scale2d_backward(grad_output, x, weight), strict=True):
        assert_exactly_equal(grad, exact)


@every_size
def test_exact_on_small_integers(size: tuple[int, ...], rng: np.random.Generator) -> None:
    assert_exact(small_integers(rng, *size), small_integers(rng, *size), rng)


def test_an_empty_batch_has_no_gradient(rng: np.random.Generator) -> None:
    empty = np.zeros((0, 3, 3, 2), np.float32)
    assert_exact(empty, empty, rng)


def test_the_reference_by_finite_differences(rng: np.random.Generator) -> None:
    x, grad_output = rng.standard_normal((2, 3, 4, 5))
    weight, bias = rng.standard_normal((2, 5))
    grad_input, grad_weight, grad_bias = reference.scale2d_backward(grad_output, x, weight)
    assert_gradient(grad_input, lambda x: reference.scale2d(x, weight, bias), x, grad_output)
    assert_gradient(grad_weight, lambda w: reference.scale2d(x, w, bias), weight, grad_output)
    assert_gradient(grad_bias, lambda b: reference.scale2d(x, weight, b), bias, grad_output)


def test_layout_and_dtype_do_not_matter(rng: np.random.Generator) -> None:
    x, grad_output = small_integers(rng, 3, 4, 6), small_integers(rng, 3, 4, 6)
    weight, bias = small_integers(rng, 6), small_integers(rng, 6)
    assert_form_does_not_matter(ops.scale2d, x, weight, bias)
    assert_form_does_not_matter(ops.scale2d_backward, grad_output, x, weight)


@pytest.mark.usefixtures("restore_threads")
@pytest.mark.parametrize("size", [(64, 16, 16, 17), (530, 600)], ids=str)
def test_threads_do_not_matter(size: tuple[int, ...], rng: np.random.Generator) -> None:
    x, grad_output, weight = gaussians(rng, *size), gaussians(rng, *size), gaussians(rng, size[-1])
    assert_threads_do_not_matter(ops.scale2d, x, weight, weight)
    assert_threads_do_not_matter(ops.scale2d_backward, grad_output, x, weight)


X = np.zeros((2, 3, 5))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: ops.scale2d(1.0, [1.0]), r"scale2d: x has shape \(\), expected at least one"),
        (lambda: ops.scale2d(X, 0.25), r"scale2d: weight has shape \(\), expected \(5,\)"),
        (
            lambda: ops.scale2d(X, X[0, 0], [1.0]),
            r"scale2d: bias has shape \(1,\), expected \(5,\)",
        ),
        (
            lambda: ops.scale2d_backward(X[:1], X, X[0, 0]),
            r"scale2d_backward: grad_output has shape \(1, 3, 5\), expected \(2, 3, 5\)",
        ),
    ],
)
def test_wrong_values_are_refused(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}"):
        call()


def test_a_new_layer_is_the_identity(rng: np.random.Generator) -> None:
    model = cnnx.Model([cnnx.Scale2d(), cnnx.Scale2d(bias=False)], input_shape=(4, 5, 3))
    x = gaussians(rng, 2, 4, 5, 3)
    assert_same_bits(model(x), x)
    assert {name: array.tolist() for name, array in model.parameters.items()} == {
        "scale2d_1.weight": [1.0] * 3,
        "scale2d_1.bias": [0.0] * 3,
        "scale2d_2.weight": [1.0] * 3,
    }
