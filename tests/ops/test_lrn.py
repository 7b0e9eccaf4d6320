"""lrn and its backward against the reference."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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
    assert_within_ulps,
)
from samples import gaussians, small_integers

pytestmark = pytest.mark.parity

SETTINGS: list[dict[str, Any]] = [
    {"size": 1},
    {"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 2.0},  # AlexNet
    {"size": 2, "alpha": 1.0, "beta": 0.5},
    {"size": 3, "alpha": 2.0, "beta": 1.0, "k": 0.5},
    {"size": 4, "alpha": 0.5, "beta": -0.5},
    {"size": 40, "alpha": 10.0, "k": 0.25},
]
every_setting = pytest.mark.parametrize("settings", SETTINGS, ids=str)
SIZES = [(2, 3, 2, channels) for channels in (1, 2, 3, 7, 8, 15, 16, 17, 33, 100)] + [(5,)]


@every_setting
def test_forward(settings: dict[str, Any], rng: np.random.Generator) -> None:
    for size in SIZES:
        x = 3 * gaussians(rng, *size)
        assert_within_ulps(ops.lrn(x, **settings), reference.lrn(x, **settings), ulps=12)


@every_setting
def test_backward(settings: dict[str, Any], rng: np.random.Generator) -> None:
    for size in SIZES:
        x, grad_output = gaussians(rng, *size), gaussians(rng, *size)
        assert_within_bound(
            ops.lrn_backward(grad_output, x, **settings),
            reference.lrn_backward(grad_output, x, **settings),
            terms=min(settings["size"], size[-1]),
            magnitude=sizes_of_gradients(grad_output, x, **settings),
        )


def sizes_of_gradients(
    grad_output: Any, x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Any:
    """The absolute values of both terms of the gradient, added up."""
    grad, x = np.abs(grad_output).astype(float), np.abs(x).astype(float)
    bases = reference.lrn_bases(x, size, alpha, k)
    sums = reference.window_sums(grad * x * bases ** (-beta - 1), size // 2, (size - 1) // 2)
    return grad * bases**-beta + 2 * alpha / size * abs(beta) * x * sums


def test_an_even_window_has_one_more_channel_above() -> None:
    x = np.array([2.0, 0.0, 0.0, 0.0, 2.0], np.float32)
    output = ops.lrn(np.maximum(x, 1e-20), 2, alpha=2.0, beta=1.0)
    assert_within_ulps(output[[0, 4]], [0.4, 0.4])
    assert_within_ulps(output[1:4] / np.float32(1e-20), [1.0, 1.0, 0.2], ulps=2)


def test_nan_reaches_its_window_and_infinity_does_not_overflow(rng: np.random.Generator) -> None:
    x = gaussians(rng, 3, 21)
    clean = ops.lrn(x, 5)
    poisoned = x.copy()
    poisoned[1, 10] = np.nan
    output = ops.lrn(poisoned, 5)
    assert np.isnan(output[1, 8:13]).all()
    output[1, 8:13] = clean[1, 8:13]
    assert_same_bits(output, clean)
    assert_exactly_equal(ops.lrn(np.full(3, 3e38), 3), np.zeros(3))


def test_the_reference_by_finite_differences(rng: np.random.Generator) -> None:
    x, grad_output = rng.standard_normal((2, 2, 3, 6))
    for settings in SETTINGS:
        gradient = reference.lrn_backward(grad_output, x, **settings)
        assert_gradient(gradient, partial(reference.lrn, **settings), x, grad_output)


def test_a_pixel_gives_the_same_bits_alone_and_in_any_batch(rng: np.random.Generator) -> None:
    x, grad_output = gaussians(rng, 65, 13), gaussians(rng, 65, 13)
    output, grad_input = ops.lrn(x, 5, alpha=1), ops.lrn_backward(grad_output, x, 5, alpha=1)
    for rows in (slice(0, 1), slice(0, 7), slice(64, 65)):
        assert_same_bits(ops.lrn(x[rows], 5, alpha=1), output[rows])
        alone = ops.lrn_backward(grad_output[rows], x[rows], 5, alpha=1)
        assert_same_bits(alone, grad_input[rows])


def test_layout_and_dtype_do_not_matter(rng: np.random.Generator) -> None:
    x, grad_output = small_integers(rng, 3, 4, 6), small_integers(rng, 3, 4, 6)
    assert_form_does_not_matter(partial(ops.lrn, size=3), x)
    assert_form_does_not_matter(partial(ops.lrn_backward, size=3), grad_output, x)


@pytest.mark.usefixtures("restore_threads")
def test_threads_do_not_matter(rng: np.random.Generator) -> None:
    x, grad_output = gaussians(rng, 3, 40, 41, 7), gaussians(rng, 3, 40, 41, 7)
    assert_threads_do_not_matter(partial(ops.lrn, size=5, alpha=1), x)
    assert_threads_do_not_matter(partial(ops.lrn_backward, size=5, alpha=1), grad_output, x)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: ops.lrn(1.0, 3), r"lrn: x has shape \(\), expected at least one channel"),
        (lambda: ops.lrn([1.0], 0), "lrn: size is 0, expected an integer >= 1"),
        (lambda: ops.lrn([1.0], 3, k=0), "lrn: k is 0.0"),
        (lambda: ops.lrn([1.0], 3, alpha=-1), "lrn: alpha is -1.0"),
        (lambda: ops.lrn([1.0], 3, beta=np.inf), "lrn: beta is inf, expected a finite number"),
        (
            lambda: ops.lrn_backward([1.0], [1.0, 2.0], 3),
            r"lrn_backward: grad_output has shape \(1,\), expected the shape of x, \(2,\)",
        ),
        (lambda: cnnx.LocalResponseNorm(0), "lrn: size is 0, expected an integer from 1 to"),
    ],
)
def test_wrong_values_are_refused(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}"):
        call()
