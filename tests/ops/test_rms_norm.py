"""rms_norm and its backward against the reference, and the layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
from gradient_checks import check_gradients
from graph_networks import with_random_values
from samples import Float32Array, gaussians, small_integers

pytestmark = pytest.mark.parity

SIZES = [
    *((5, channels) for channels in (1, 2, 3, 7, 8, 15, 16, 17, 33, 100, 3000)),
    *((3, 40, 41, 7), (2, 9, 1, 300), (4, 1, 1, 9), (2, 3, 4, 5, 6), (1000, 5)),
]
every_size = pytest.mark.parametrize("size", SIZES, ids=str)


def sample(rng: np.random.Generator, size: tuple[int, ...]) -> tuple[Float32Array, ...]:
    """Rows of different norms, weight, and a gradient."""
    x = gaussians(rng, *size) * np.exp(gaussians(rng, *size[:-1], 1))
    return x, gaussians(rng, size[-1]), gaussians(rng, *size)


def divisors(x: Float32Array, epsilon: float) -> Any:
    return np.sqrt((x.astype(float) ** 2).mean(axis=-1, keepdims=True) + epsilon)


@pytest.mark.parametrize("epsilon", [1e-6, 0.5])
@every_size
def test_forward(size: tuple[int, ...], epsilon: float, rng: np.random.Generator) -> None:
    x, weight, _ = sample(rng, size)
    for given in (weight, None):
        expected = reference.rms_norm(x, given, epsilon=epsilon)
        actual = ops.rms_norm(x, given, epsilon=epsilon)
        assert_within_bound(actual, expected, terms=size[-1], magnitude=abs(expected))


@pytest.mark.parametrize("epsilon", [1e-6, 0.5])
@every_size
def test_backward(size: tuple[int, ...], epsilon: float, rng: np.random.Generator) -> None:
    x, weight, grad = sample(rng, size)
    for given, factors in ((weight, weight), (None, np.ones(size[-1], np.float32))):
        actual = ops.rms_norm_backward(grad, x, given, epsilon=epsilon)
        expected = reference.rms_norm_backward(grad, x, given, epsilon=epsilon)
        inner, normalised = abs(grad * factors), abs(x) / divisors(x, epsilon)
        along = (inner * normalised).mean(axis=-1, keepdims=True)
        magnitudes = (
            (inner + normalised * along) / divisors(x, epsilon),
            (abs(grad) * normalised).reshape(-1, size[-1]).sum(axis=0),
        )
        terms = x.size // size[-1] + size[-1]
        for found, wanted, magnitude in zip(actual, expected, magnitudes, strict=True):
            assert_within_bound(found, wanted, terms=terms, magnitude=magnitude)


@pytest.mark.parametrize("epsilon", [1e-6, 0.125, 100.0])
def test_the_reference_by_finite_differences(epsilon: float, rng: np.random.Generator) -> None:
    x, grad = rng.standard_normal((2, 2, 3, 2, 4))
    weight = rng.standard_normal(4)
    grad_x, grad_weight = reference.rms_norm_backward(grad, x, weight, epsilon=epsilon)
    assert_gradient(grad_x, lambda x: reference.rms_norm(x, weight, epsilon=epsilon), x, grad)
    assert_gradient(grad_weight, lambda w: reference.rms_norm(x, w, epsilon=epsilon), weight, grad)


def test_exact_values() -> None:
    output = ops.rms_norm([[1.0, 7.0]], [1.0, 2.0], epsilon=11)
    assert_exactly_equal(output, np.float32([[1 / 6, 14 / 6]]))


def test_zeros_stay_zeros_with_the_gradient_of_a_division_by_the_root_of_epsilon() -> None:
    zeros, grad = np.zeros((2, 5)), np.full((2, 5), 3.0)
    assert_exactly_equal(ops.rms_norm(zeros, epsilon=0.25), zeros)
    grad_x, grad_weight = ops.rms_norm_backward(grad, zeros, epsilon=0.25)
    assert_exactly_equal(grad_x, 2 * grad)
    assert_exactly_equal(grad_weight, zeros[0])


def test_numbers_beyond_float32_are_those_of_pytorch() -> None:
    """A sum of squares that overflows gives 0; squares that vanish leave epsilon alone."""
    x = np.float32([[1e30, -2e30], [1e19, 1e19], [1e-30, 0]])
    expected = np.float32([[0, 0], [1, 1], [1e-27, 0]])
    np.testing.assert_allclose(ops.rms_norm(x), expected, rtol=1e-6)
    grad, _ = ops.rms_norm_backward(np.ones((3, 2)), x)
    expected = np.float32([[0, 0], [0, 0], [1e3, 1e3]])
    np.testing.assert_allclose(grad, expected, rtol=1e-6, atol=1e-25)


def test_nan_stays_in_its_row(rng: np.random.Generator) -> None:
    x, weight, _ = sample(rng, (3, 2, 2, 6))
    clean = ops.rms_norm(x, weight)
    x[1, 0, 1, 3] = np.nan
    output = ops.rms_norm(x, weight)
    assert np.isnan(output[1, 0, 1]).all()
    output[1, 0, 1] = clean[1, 0, 1]
    assert_same_bits(output, clean)


def test_an_image_gives_the_same_bits_alone_and_in_any_batch(rng: np.random.Generator) -> None:
    x, weight, grad = sample(rng, (9, 11, 13, 19))
    output, grad_x = ops.rms_norm(x, weight), ops.rms_norm_backward(grad, x, weight)[0]
    for images in (slice(0, 1), slice(3, 7), slice(8, 9)):
        assert_same_bits(ops.rms_norm(x[images], weight), output[images])
        assert_same_bits(ops.rms_norm_backward(grad[images], x[images], weight)[0], grad_x[images])


def test_no_images_have_no_gradients() -> None:
    x = np.ones((0, 2, 3, 4))
    grad_x, grad_weight = ops.rms_norm_backward(x, x, np.ones(4))
    assert ops.rms_norm(x).shape == grad_x.shape == x.shape
    assert_exactly_equal(grad_weight, np.zeros(4))


def test_layout_and_dtype_do_not_matter(rng: np.random.Generator) -> None:
    x, grad = small_integers(rng, 3, 4, 2, 6), small_integers(rng, 3, 4, 2, 6)
    weight = small_integers(rng, 6)
    assert_form_does_not_matter(ops.rms_norm, x, weight)
    assert_form_does_not_matter(ops.rms_norm_backward, grad, x, weight)


@pytest.mark.usefixtures("restore_threads")
@pytest.mark.parametrize("size", [(1, 90, 91, 7), (700, 513)])
def test_threads_do_not_matter(size: tuple[int, ...], rng: np.random.Generator) -> None:
    x, weight, grad = sample(rng, size)
    assert_threads_do_not_matter(ops.rms_norm, x, weight)
    assert_threads_do_not_matter(ops.rms_norm_backward, grad, x, weight)


@pytest.mark.parametrize("affine", [False, True])
def test_a_network_learns_through_it(affine: bool, rng: np.random.Generator) -> None:
    x = rng.uniform(0, 1, (3, 6, 5, 4)).astype(np.float32)
    images = [cnnx.Conv2d(7, 3), cnnx.RMSNorm(epsilon=0.25, affine=affine), cnnx.GELU()]
    rows = [cnnx.Flatten(), cnnx.Dense(9), cnnx.RMSNorm(affine=affine)]
    network = cnnx.Model([*images, *rows], input_shape=(6, 5, 4))
    check_gradients(with_random_values(network), x, 1e-5)


def test_a_new_layer_is_that_without_a_weight(rng: np.random.Generator) -> None:
    x = gaussians(rng, 3, 6, 5, 4)
    network = cnnx.Model([cnnx.RMSNorm(epsilon=0.5)], input_shape=(6, 5, 4))
    assert_same_bits(network(x), ops.rms_norm(x, epsilon=0.5))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: ops.rms_norm(np.ones((1, 2, 2, 3)), np.ones(2)),
            r"rms_norm: weight has shape \(2,\), expected \(3,\)",
        ),
        (
            lambda: ops.rms_norm(np.ones((1, 1)), epsilon=0),
            "rms_norm: epsilon is 0.0*, expected a finite number > 0",
        ),
        (
            lambda: ops.rms_norm(np.ones(3)),
            r"rms_norm: x has shape \(3,\), expected \(batch, ..., channels\)",
        ),
        (
            lambda: ops.rms_norm_backward(np.ones((2, 3)), np.ones((2, 4))),
            r"rms_norm_backward: grad_output has shape \(2, 3\), expected ",
        ),
        (lambda: cnnx.RMSNorm(epsilon=-1), "rms_norm: epsilon is -1.0"),
    ],
)
def test_wrong_values_are_refused(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}"):
        call()
