"""batch_norm2d, its training form and its backward against the reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import reference
from cnnx import ops
from comparison import (
    assert_form_does_not_matter,
    assert_gradient,
    assert_same_bits,
    assert_threads_do_not_matter,
    assert_within_bound,
)
from hypothesis import given
from hypothesis import strategies as st
from samples import Float32Array, gaussians, small_integers

pytestmark = pytest.mark.parity

CHANNELS = (1, 3, 7, 8, 15, 16, 17, 31, 33, 64, 100, 600)
# (batch, height, width, channels)
SIZES = [
    *[(2, 3, 5, channels) for channels in CHANNELS],
    # Pixels around the four chains of a sum, a chunk's 16 pixels, and beyond many chunks.
    *[(1, 1, pixels, 5) for pixels in (2, 3, 4, 5, 7, 8, 13, 15, 16, 17)],
    *[(1, pixels, 1, 600) for pixels in (16, 17, 31, 32, 33)],
    (1, 64, 64, 1),
    (1, 64, 65, 1),
    (3, 41, 37, 1),
    (7, 28, 28, 6),
    (64, 8, 8, 17),
    (5, 1, 1, 64),
]
every_size = pytest.mark.parametrize("size", SIZES, ids=str)


class Sample(NamedTuple):
    """A batch with a different mean and deviation per channel, and a gradient for it."""

    x: Float32Array
    weight: Float32Array
    bias: Float32Array
    grad_output: Float32Array

    @property
    def inverse(self) -> Any:
        return 1 / np.sqrt(reference.real(self.x).var((0, 1, 2)) + 1e-5)

    @property
    def magnitude(self) -> Any:
        """Magnitude of the normalised numbers before the mean is subtracted."""
        return (abs(self.x) + abs(self.x).mean((0, 1, 2))) * self.inverse


def sample(rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
    channels = size[3]
    x = gaussians(rng, *size) * np.exp(gaussians(rng, channels)) + gaussians(rng, channels)
    return Sample(
        x, gaussians(rng, channels), gaussians(rng, channels), np.asarray(gaussians(rng, *size))
    )


@every_size
def test_forward(size: tuple[int, ...], rng: np.random.Generator) -> None:
    s = sample(rng, size)
    mean, variance = gaussians(rng, size[3]), np.exp(gaussians(rng, size[3]))
    for weight, bias in ((s.weight, s.bias), (None, s.bias), (s.weight, None), (None, None)):
        magnitude = (abs(s.x) + abs(mean)) / np.sqrt(variance)
        assert_within_bound(
            ops.batch_norm2d(s.x, weight, bias, mean, variance),
            reference.batch_norm2d(s.x, weight, bias, mean, variance),
            terms=1,
            magnitude=magnitude * abs(s.weight) + abs(s.bias),
        )


@every_size
def test_training(size: tuple[int, ...], rng: np.random.Generator) -> None:
    s = sample(rng, size)
    pixels = s.x.size // size[3]
    output, mean, variance = ops.batch_norm2d_training(s.x, s.weight, s.bias)
    expected, expected_mean, expected_variance = reference.batch_norm2d_training(
        s.x, s.weight, s.bias
    )
    magnitude = s.magnitude * abs(s.weight) + abs(s.bias)
    assert_within_bound(output, expected, terms=pixels, magnitude=magnitude)
    assert_within_bound(mean, expected_mean, terms=pixels, magnitude=abs(s.x).mean((0, 1, 2)))
    assert_within_bound(variance, expected_variance, terms=pixels, magnitude=expected_variance)
    # The two forward forms are one formula.
    assert_same_bits(ops.batch_norm2d(s.x, s.weight, s.bias, mean, variance), output)


@every_size
@pytest.mark.parametrize("affine", [True, False])
def test_backward(size: tuple[int, ...], affine: bool, rng: np.random.Generator) -> None:
    s = sample(rng, size)
    pixels, weight = s.x.size // size[3], s.weight if affine else None
    _, mean, variance = ops.batch_norm2d_training(s.x, weight)
    grads = ops.batch_norm2d_backward(s.grad_output, s.x, weight, mean, variance)
    expected_grads = reference.batch_norm2d_backward(s.grad_output, s.x, weight)
    absolute = abs(s.grad_output)
    products = absolute * s.magnitude
    scale = s.inverse * (abs(s.weight) if affine else 1.0)
    means = absolute.mean((0, 1, 2)) + s.magnitude * products.mean((0, 1, 2))
    magnitudes = (scale * (absolute + means), products.sum((0, 1, 2)), absolute.sum((0, 1, 2)))
    for grad, expected, magnitude in zip(grads, expected_grads, magnitudes, strict=True):
        assert_within_bound(grad, expected, terms=pixels, magnitude=magnitude)


@pytest.mark.parametrize("channels", [1, 3, 16, 17])
@pytest.mark.parametrize("pixels", [7, 1000])
def test_a_large_mean_with_a_small_deviation(
    channels: int, pixels: int, rng: np.random.Generator
) -> None:
    """The mean square minus the squared mean would lose all digits of this variance."""
    x = np.asarray(3000 + gaussians(rng, 1, pixels, 1, channels) / 8, dtype=np.float32)
    output, mean, variance = ops.batch_norm2d_training(x)
    expected, expected_mean, expected_variance = reference.batch_norm2d_training(x)
    np.testing.assert_allclose(mean, expected_mean, rtol=3e-7)
    np.testing.assert_allclose(variance, expected_variance, rtol=1e-3)
    np.testing.assert_allclose(output, expected, atol=2e-3)


def test_a_channel_that_is_constant() -> None:
    x = np.full((2, 3, 3, 5), 0.7, dtype=np.float32)
    output, mean, variance = ops.batch_norm2d_training(x, None, np.arange(5))
    np.testing.assert_allclose(mean, 0.7, rtol=1e-6)
    assert (variance < 1e-12).all()
    np.testing.assert_allclose(output, np.broadcast_to(np.arange(5.0), x.shape), atol=1e-3)
    gradients = ops.batch_norm2d_backward(np.ones_like(x), x, None, mean, variance)
    np.testing.assert_allclose(gradients[0], 0, atol=1e-4)


def test_nan_affects_only_its_channel(rng: np.random.Generator) -> None:
    x = gaussians(rng, 2, 5, 5, 19)
    x[1, 2, 3, 7] = np.nan
    output, mean, variance = ops.batch_norm2d_training(x)
    for array in (output, mean, variance):
        channels = np.flatnonzero(np.isnan(array).reshape(-1, 19).any(axis=0))
        assert channels.tolist() == [7]


def test_an_empty_batch_is_normalised_by_given_statistics() -> None:
    empty = np.zeros((0, 3, 3, 2), dtype=np.float32)
    assert ops.batch_norm2d(empty, None, None, [0, 0], [1, 1]).shape == empty.shape


@pytest.mark.parametrize("affine", [True, False])
def test_the_reference_by_finite_differences(affine: bool, rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 2, 3, 2))
    weight, bias = (rng.standard_normal((2, 2))) if affine else (np.ones(2), np.zeros(2))
    grad_output = rng.standard_normal(x.shape)

    def forward(x: Any, weight: Any, bias: Any) -> Any:
        return reference.batch_norm2d_training(x, weight, bias, epsilon=0.1)[0]

    grad_input, grad_weight, grad_bias = reference.batch_norm2d_backward(
        grad_output, x, weight if affine else None, epsilon=0.1
    )
    assert_gradient(grad_input, lambda x: forward(x, weight, bias), x, grad_output)
    assert_gradient(grad_weight, lambda w: forward(x, w, bias), weight, grad_output)
    assert_gradient(grad_bias, lambda b: forward(x, weight, b), bias, grad_output)


def test_the_frozen_reference_by_finite_differences(rng: np.random.Generator) -> None:
    x, grad_output = rng.standard_normal((2, 2, 2, 3, 2))
    weight, bias, mean = rng.standard_normal((3, 2))
    variance = np.array([0.5, 2.0])
    grads = reference.batch_norm2d_frozen_backward(grad_output, x, weight, mean, variance)

    def forward(x: Any, weight: Any, bias: Any) -> Any:
        return reference.batch_norm2d(x, weight, bias, mean, variance)

    assert_gradient(grads[0], lambda x: forward(x, weight, bias), x, grad_output)
    assert_gradient(grads[1], lambda w: forward(x, w, bias), weight, grad_output)
    assert_gradient(grads[2], lambda b: forward(x, weight, b), bias, grad_output)


@given(
    size=st.tuples(*[st.integers(1, 9)] * 3, st.integers(1, 40)),
    epsilon=st.sampled_from([1e-7, 1e-5, 0.5]),
    seed=st.integers(0, 99),
)
def test_any_shape(size: tuple[int, ...], epsilon: float, seed: int) -> None:
    s = sample(np.random.default_rng(seed), size)
    output, mean, variance = ops.batch_norm2d_training(s.x, s.weight, s.bias, epsilon=epsilon)
    expected = reference.batch_norm2d(s.x, s.weight, s.bias, mean, variance, epsilon=epsilon)
    np.testing.assert_allclose(mean, reference.real(s.x).mean((0, 1, 2)), atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(variance, reference.real(s.x).var((0, 1, 2)), atol=1e-9, rtol=1e-4)
    np.testing.assert_allclose(output, expected, atol=1e-4, rtol=1e-4)


def test_layout_and_dtype_do_not_matter(rng: np.random.Generator) -> None:
    x, grad_output = small_integers(rng, 2, 3, 4, 5), small_integers(rng, 2, 3, 4, 5)
    weight, bias, mean = (small_integers(rng, 5) for _ in range(3))
    variance = abs(mean) + 1
    assert_form_does_not_matter(ops.batch_norm2d, x, weight, bias, mean, variance)
    assert_form_does_not_matter(ops.batch_norm2d_training, x, weight, bias)
    assert_form_does_not_matter(ops.batch_norm2d_backward, grad_output, x, weight, mean, variance)


@pytest.mark.parametrize("size", [(64, 16, 16, 17), (2, 130, 130, 3), (33, 4, 4, 600)], ids=str)
def test_threads_do_not_matter(
    size: tuple[int, ...], rng: np.random.Generator, restore_threads: None
) -> None:
    s = sample(rng, size)
    mean, variance = ops.batch_norm2d_training(s.x)[1:]
    assert_threads_do_not_matter(ops.batch_norm2d, s.x, s.weight, s.bias, mean, variance)
    assert_threads_do_not_matter(ops.batch_norm2d_training, s.x, s.weight, s.bias)
    gradients = (s.grad_output, s.x, s.weight, mean, variance)
    assert_threads_do_not_matter(ops.batch_norm2d_backward, *gradients)


X, ONE = np.zeros((2, 3, 4, 5)), np.ones(5)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: ops.batch_norm2d(X[0], None, None, ONE, ONE),
            r"batch_norm2d: x has shape \(3, 4, 5\), expected 4 axes",
        ),
        (
            lambda: ops.batch_norm2d(X, ONE[:4], None, ONE, ONE),
            r"batch_norm2d: weight has shape \(4,\), expected \(5,\)",
        ),
        (
            lambda: ops.batch_norm2d(X, None, [ONE], ONE, ONE),
            r"batch_norm2d: bias has shape \(1, 5\), expected \(5,\)",
        ),
        (
            lambda: ops.batch_norm2d(X, None, None, 1.0, ONE),
            r"batch_norm2d: mean has shape \(\), expected \(5,\)",
        ),
        (
            lambda: ops.batch_norm2d(X, None, None, ONE, X),
            r"batch_norm2d: variance has shape \(2, 3, 4, 5\), expected \(5,\)",
        ),
        (
            lambda: ops.batch_norm2d(X, None, None, ONE, ONE, epsilon=0),
            "batch_norm2d: epsilon is 0, expected a number > 0",
        ),
        (
            lambda: ops.batch_norm2d_training(X[:0]),
            r"batch_norm2d_training: x has shape \(0, 3, 4, 5\), expected at least one pixel",
        ),
        (
            lambda: ops.batch_norm2d_training(X, ONE[1:]),
            r"batch_norm2d_training: weight has shape \(4,\), expected \(5,\)",
        ),
        (
            lambda: ops.batch_norm2d_training(X, bias=ONE[1:]),
            r"batch_norm2d_training: bias has shape \(4,\), expected \(5,\)",
        ),
        (
            lambda: ops.batch_norm2d_training(X, epsilon=float("nan")),
            "batch_norm2d_training: epsilon is nan, expected a finite number",
        ),
        (
            lambda: ops.batch_norm2d_backward(X[:1], X, None, ONE, ONE),
            r"batch_norm2d_backward: grad_output has shape \(1, 3, 4, 5\), expected \(2, 3, 4, 5\)",
        ),
        (
            lambda: ops.batch_norm2d_backward(X[:0], X[:0], None, ONE, ONE),
            r"batch_norm2d_backward: x has shape \(0, 3, 4, 5\), expected at least one pixel",
        ),
        (
            lambda: ops.batch_norm2d_backward(X, X, None, ONE, ONE[1:]),
            r"batch_norm2d_backward: variance has shape \(4,\), expected \(5,\)",
        ),
    ],
)
def test_wrong_arguments_are_refused(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="batch_norm2d_training: x has dtype complex128"):
        ops.batch_norm2d_training(X * 1j)
    with pytest.raises(TypeError, match="batch_norm2d: epsilon is 'small', expected a number"):
        ops.batch_norm2d(X, None, None, ONE, ONE, epsilon="small")  # type: ignore[arg-type]
