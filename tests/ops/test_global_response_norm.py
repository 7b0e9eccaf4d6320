"""global_response_norm and its backward against the reference, and the layer."""

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
    *((2, 3, 2, channels) for channels in (1, 2, 3, 7, 8, 15, 16, 17, 33, 100)),
    *((3, 40, 41, 7), (2, 9, 1, 300), (4, 1, 1, 9)),
]
every_size = pytest.mark.parametrize("size", SIZES, ids=str)


def sample(rng: np.random.Generator, size: tuple[int, ...]) -> tuple[Float32Array, ...]:
    """Images whose channels have different norms, weight, bias, and a gradient."""
    x = gaussians(rng, *size) * np.exp(gaussians(rng, size[-1])) + gaussians(rng, size[-1])
    return x, gaussians(rng, size[-1]), gaussians(rng, size[-1]), gaussians(rng, *size)


def relative_norms(x: Float32Array, epsilon: float = 1e-6) -> tuple[Any, Any, Any]:
    """The norms, their divisor and the quotient."""
    norms = np.sqrt((x.astype(float) ** 2).sum(axis=(1, 2), keepdims=True))
    divisor = norms.mean(axis=-1, keepdims=True) + epsilon
    return norms, divisor, norms / divisor


@every_size
def test_forward(size: tuple[int, ...], rng: np.random.Generator) -> None:
    x, weight, bias, _ = sample(rng, size)
    magnitude = abs(x) * (1 + abs(weight) * relative_norms(x)[2]) + abs(bias)
    assert_within_bound(
        ops.global_response_norm(x, weight, bias),
        reference.global_response_norm(x, weight, bias),
        terms=size[1] * size[2],
        magnitude=magnitude,
    )


@every_size
def test_backward(size: tuple[int, ...], rng: np.random.Generator) -> None:
    x, weight, _, grad = sample(rng, size)
    actual = ops.global_response_norm_backward(grad, x, weight)
    expected = reference.global_response_norm_backward(grad, x, weight)
    norms, divisor, relative = relative_norms(x)
    products = (abs(grad * weight * x)).sum(axis=(1, 2), keepdims=True, dtype=float)
    mixed = (products * norms).mean(axis=-1, keepdims=True) / divisor**2
    magnitudes = (
        abs(grad) * (1 + abs(weight) * relative) + (products / divisor + mixed) * abs(x) / norms,
        (abs(grad * x) * relative).sum(axis=(0, 1, 2)),
        abs(grad).sum(axis=(0, 1, 2), dtype=float),
    )
    for found, wanted, magnitude in zip(actual, expected, magnitudes, strict=True):
        terms = size[0] * size[1] * size[2] + size[3]
        assert_within_bound(found, wanted, terms=terms, magnitude=magnitude)


@pytest.mark.parametrize("epsilon", [1e-6, 0.125, 100.0])
def test_the_reference_by_finite_differences(epsilon: float, rng: np.random.Generator) -> None:
    x, grad = rng.standard_normal((2, 2, 3, 2, 4))
    weight, bias = rng.standard_normal((2, 4))
    found = reference.global_response_norm_backward(grad, x, weight, epsilon=epsilon)
    functions: list[tuple[Callable[[Any], Any], Any]] = [
        (lambda x: reference.global_response_norm(x, weight, bias, epsilon=epsilon), x),
        (lambda w: reference.global_response_norm(x, w, bias, epsilon=epsilon), weight),
        (lambda b: reference.global_response_norm(x, weight, b, epsilon=epsilon), bias),
    ]
    for gradient, (function, value) in zip(found, functions, strict=True):
        assert_gradient(gradient, function, value, grad)


def test_maps_of_zeros_stay_zero_and_have_finite_gradients(rng: np.random.Generator) -> None:
    x, weight, bias, grad = sample(rng, (2, 3, 4, 5))
    x[..., 2] = 0
    x[1] = 0
    output = ops.global_response_norm(x, weight, 0 * bias)
    assert_exactly_equal(output[..., 2], 0 * x[..., 2])
    assert_exactly_equal(output[1], 0 * x[1])
    grad_x = ops.global_response_norm_backward(grad, x, weight)[0]
    assert_exactly_equal(grad_x[..., 2], grad[..., 2])
    assert_exactly_equal(grad_x[1], grad[1])


def test_nan_stays_in_its_image(rng: np.random.Generator) -> None:
    x, weight, bias, _ = sample(rng, (3, 4, 5, 6))
    clean = ops.global_response_norm(x, weight, bias)
    x[1, 2, 3, 4] = np.nan
    output = ops.global_response_norm(x, weight, bias)
    assert np.isnan(output[1]).all()
    assert_same_bits(output[[0, 2]], clean[[0, 2]])


def test_an_image_gives_the_same_bits_alone_and_in_any_batch(rng: np.random.Generator) -> None:
    x, weight, bias, grad = sample(rng, (9, 11, 13, 19))
    output = ops.global_response_norm(x, weight, bias)
    grad_x = ops.global_response_norm_backward(grad, x, weight)[0]
    for images in (slice(0, 1), slice(3, 7), slice(8, 9)):
        alone = ops.global_response_norm_backward(grad[images], x[images], weight)[0]
        assert_same_bits(ops.global_response_norm(x[images], weight, bias), output[images])
        assert_same_bits(alone, grad_x[images])


def test_no_images_have_no_gradients() -> None:
    x, ones = np.ones((0, 2, 3, 4)), np.ones(4)
    assert ops.global_response_norm(x, ones, ones).shape == x.shape
    grad_x, *others = ops.global_response_norm_backward(x, x, ones)
    assert grad_x.shape == x.shape
    for each in others:
        assert_exactly_equal(each, 0 * ones)


def test_layout_and_dtype_do_not_matter(rng: np.random.Generator) -> None:
    x, grad = small_integers(rng, 3, 4, 2, 6), small_integers(rng, 3, 4, 2, 6)
    weight, bias = small_integers(rng, 6), small_integers(rng, 6)
    assert_form_does_not_matter(ops.global_response_norm, x, weight, bias)
    assert_form_does_not_matter(ops.global_response_norm_backward, grad, x, weight)


@pytest.mark.usefixtures("restore_threads")
@pytest.mark.parametrize("size", [(1, 90, 91, 7), (5, 40, 41, 33)])
def test_threads_do_not_matter(size: tuple[int, ...], rng: np.random.Generator) -> None:
    x, weight, bias, grad = sample(rng, size)
    assert_threads_do_not_matter(ops.global_response_norm, x, weight, bias)
    assert_threads_do_not_matter(ops.global_response_norm_backward, grad, x, weight)


def test_a_new_layer_changes_nothing_and_learns(rng: np.random.Generator) -> None:
    model = cnnx.Model([cnnx.GlobalResponseNorm()], input_shape=(6, 5, 4))
    x = rng.uniform(0, 1, (3, 6, 5, 4)).astype(np.float32)
    assert_same_bits(model(x), x)
    layers = [cnnx.Conv2d(7, 3), cnnx.GlobalResponseNorm(epsilon=0.25), cnnx.GELU()]
    check_gradients(with_random_values(cnnx.Model(layers, input_shape=(6, 5, 4))), x, 1e-5)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: ops.global_response_norm(np.ones((2, 3)), np.ones(3), np.ones(3)),
            r"global_response_norm: x has shape \(2, 3\), expected \(batch, height, width, chan",
        ),
        (
            lambda: ops.global_response_norm(np.ones((1, 2, 2, 3)), np.ones(2), np.ones(3)),
            r"global_response_norm: weight has shape \(2,\), expected \(3,\)",
        ),
        (
            lambda: ops.global_response_norm(np.ones((1, 1, 1, 1)), [1], [1], epsilon=0),
            "global_response_norm: epsilon is 0.0*, expected a finite number > 0",
        ),
        (
            lambda: cnnx.Model([cnnx.Flatten(), cnnx.GlobalResponseNorm()], input_shape=(2, 2, 1)),
            r"layer global_response_norm_1: global_response_norm: x has shape \(1, 4\), ",
        ),
        (lambda: cnnx.GlobalResponseNorm(epsilon=-1), "global_response_norm: epsilon is -1.0"),
    ],
)
def test_wrong_values_are_refused(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}"):
        call()
