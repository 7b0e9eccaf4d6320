"""l2_norm and its backward against the reference, and the layer."""

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
from gradient_checks import check_gradients
from graph_networks import with_random_values
from samples import Float32Array, gaussians, small_integers

pytestmark = pytest.mark.parity

SIZES = [
    *((5, channels) for channels in (1, 2, 3, 7, 8, 15, 16, 17, 33, 100, 3000)),
    *((3, 40, 41, 7), (2, 9, 1, 300), (4, 1, 1, 9), (2, 3, 4, 5, 6)),
]
every_size = pytest.mark.parametrize("size", SIZES, ids=str)
every_epsilon = pytest.mark.parametrize("epsilon", [1e-12, 1.0])


def sample(rng: np.random.Generator, size: tuple[int, ...]) -> tuple[Float32Array, Float32Array]:
    """Rows of different norms, and a gradient."""
    x = gaussians(rng, *size) * np.exp(gaussians(rng, *size[:-1], 1))
    return x, gaussians(rng, *size)


@every_epsilon
@every_size
def test_forward(size: tuple[int, ...], epsilon: float, rng: np.random.Generator) -> None:
    x, _ = sample(rng, size)
    expected = reference.l2_norm(x, epsilon=epsilon)
    actual = ops.l2_norm(x, epsilon=epsilon)
    assert_within_bound(actual, expected, terms=size[-1], magnitude=abs(expected))


@every_epsilon
@every_size
def test_backward(size: tuple[int, ...], epsilon: float, rng: np.random.Generator) -> None:
    x, grad = sample(rng, size)
    expected = reference.l2_norm_backward(grad, x, epsilon=epsilon)
    normalised = abs(reference.l2_norm(x, epsilon=epsilon))
    norms = np.sqrt((x.astype(float) ** 2).sum(axis=-1, keepdims=True))
    along = (abs(grad) * normalised).sum(axis=-1, keepdims=True)
    magnitude = (abs(grad) + normalised * along) / np.maximum(norms, epsilon)
    actual = ops.l2_norm_backward(grad, x, epsilon=epsilon)
    assert_within_bound(actual, expected, terms=size[-1], magnitude=magnitude)


@pytest.mark.parametrize("epsilon", [1e-12, 2.0, 100.0])
def test_the_reference_by_finite_differences(epsilon: float, rng: np.random.Generator) -> None:
    x, grad = rng.standard_normal((2, 2, 3, 2, 4))
    found = reference.l2_norm_backward(grad, x, epsilon=epsilon)
    assert_gradient(found, lambda x: reference.l2_norm(x, epsilon=epsilon), x, grad)


def test_exact_values() -> None:
    assert_exactly_equal(ops.l2_norm([[3.0, 4.0]]), np.float32([[0.6, 0.8]]))
    assert_exactly_equal(ops.l2_norm([[3.0, 4.0]], epsilon=10), np.float32([[0.3, 0.4]]))
    grads = ops.l2_norm_backward([[1.0, 2.0]], [[3.0, 4.0]], epsilon=10)
    assert_exactly_equal(grads, np.float32([[0.1, 0.2]]))


def test_zeros_stay_zeros_with_the_gradient_of_a_division_by_epsilon() -> None:
    zeros, grad = np.zeros((2, 5)), np.full((2, 5), 3.0)
    assert_exactly_equal(ops.l2_norm(zeros, epsilon=0.5), zeros)
    assert_exactly_equal(ops.l2_norm_backward(grad, zeros, epsilon=0.5), 2 * grad)
    assert np.isfinite(ops.l2_norm_backward(grad, zeros)).all()


def test_a_norm_of_epsilon_has_the_gradient_of_the_norm() -> None:
    """As PyTorch's clamp, which passes the gradient at its bound."""
    grad = ops.l2_norm_backward([[1.0, 1.0]], [[2.0, 0.0]], epsilon=2)
    assert_exactly_equal(grad, np.float32([[0.0, 0.5]]))


def test_numbers_beyond_float32_are_those_of_pytorch() -> None:
    """A sum of squares that overflows gives 0; numbers whose squares vanish are below epsilon."""
    x = np.float32([[1e30, -2e30], [1e19, 1e19], [1e-30, 0], [1e-13, 0]])
    output = ops.l2_norm(x)
    expected = np.float32([[0, 0], [0.5**0.5, 0.5**0.5], [1e-18, 0], [0.1, 0]])
    np.testing.assert_allclose(output, expected, rtol=1e-6)
    grad = ops.l2_norm_backward(np.ones((4, 2)), x)
    expected = np.float32([[0, 0], [0, 0], [1e12, 1e12], [1e12, 1e12]])
    np.testing.assert_allclose(grad, expected, rtol=1e-6, atol=1e-25)


def test_nan_and_infinity_stay_in_their_row(rng: np.random.Generator) -> None:
    x = gaussians(rng, 3, 2, 2, 6)
    clean = ops.l2_norm(x)
    x[1, 0, 1, 3], x[1, 1, 0, 2] = np.nan, np.inf
    output = ops.l2_norm(x)
    assert np.isnan(output[1, 0, 1]).all()
    np.testing.assert_array_equal(np.isnan(output[1, 1, 0]), np.arange(6) == 2)
    output[1, 0, 1], output[1, 1, 0] = clean[1, 0, 1], clean[1, 1, 0]
    assert_same_bits(output, clean)


def test_an_image_gives_the_same_bits_alone_and_in_any_batch(rng: np.random.Generator) -> None:
    x, grad = sample(rng, (9, 11, 13, 19))
    output, grad_x = ops.l2_norm(x), ops.l2_norm_backward(grad, x)
    for images in (slice(0, 1), slice(3, 7), slice(8, 9)):
        assert_same_bits(ops.l2_norm(x[images]), output[images])
        assert_same_bits(ops.l2_norm_backward(grad[images], x[images]), grad_x[images])


def test_no_images() -> None:
    x = np.ones((0, 2, 3, 4))
    assert ops.l2_norm(x).shape == ops.l2_norm_backward(x, x).shape == x.shape


def test_layout_and_dtype_do_not_matter(rng: np.random.Generator) -> None:
    x, grad = small_integers(rng, 3, 4, 2, 6), small_integers(rng, 3, 4, 2, 6)
    assert_form_does_not_matter(ops.l2_norm, x)
    assert_form_does_not_matter(ops.l2_norm_backward, grad, x)


@pytest.mark.usefixtures("restore_threads")
@pytest.mark.parametrize("size", [(1, 90, 91, 7), (700, 513)])
def test_threads_do_not_matter(size: tuple[int, ...], rng: np.random.Generator) -> None:
    x, grad = sample(rng, size)
    assert_threads_do_not_matter(ops.l2_norm, x)
    assert_threads_do_not_matter(ops.l2_norm_backward, grad, x)


@pytest.mark.parametrize("epsilon", [1e-12, 1.0])
def test_a_network_learns_through_it(epsilon: float, rng: np.random.Generator) -> None:
    x = rng.uniform(0, 1, (3, 6, 5, 4)).astype(np.float32)
    images = [cnnx.Conv2d(7, 3), cnnx.L2Norm(epsilon=epsilon), cnnx.Scale2d()]
    rows = [cnnx.Flatten(), cnnx.Dense(9), cnnx.L2Norm(epsilon=epsilon)]
    network = cnnx.Model([*images, *rows], input_shape=(6, 5, 4))
    check_gradients(with_random_values(network), x, 1e-5)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: ops.l2_norm(np.ones(3)),
            r"l2_norm: x has shape \(3,\), expected \(batch, ..., channels\)",
        ),
        (
            lambda: ops.l2_norm(np.ones((3, 0))),
            r"l2_norm: x has shape \(3, 0\), expected at least one channel in the last axis",
        ),
        (
            lambda: ops.l2_norm(np.ones((1, 1)), epsilon=0),
            "l2_norm: epsilon is 0.0*, expected a finite number > 0",
        ),
        (
            lambda: ops.l2_norm_backward(np.ones((2, 3)), np.ones((2, 4))),
            r"l2_norm_backward: grad_output has shape \(2, 3\), expected ",
        ),
        (lambda: cnnx.L2Norm(epsilon=-1), "l2_norm: epsilon is -1.0"),
    ],
)
def test_wrong_values_are_refused(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}"):
        call()
