"""mean_squared_error and its gradient against the reference; the mean is over every element."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import reference
from cnnx import ops
from comparison import (
    assert_form_does_not_matter,
    assert_gradient,
    assert_number_within_bound,
    assert_threads_do_not_matter,
    assert_within_bound,
)
from hypothesis import given
from hypothesis import strategies as st
from samples import Float32Array, gaussians, small_integers

SHAPES = [(1,), (1, 1), (7, 1), (13, 7), (64, 10), (65, 3), (2, 7, 13, 6), (3, 1025)]


def check(prediction: Float32Array, target: Float32Array) -> None:
    largest = (np.abs(prediction) + np.abs(target)).max()
    assert_number_within_bound(
        ops.mean_squared_error(prediction, target),
        reference.mean_squared_error(prediction, target),
        terms=prediction.size,
        magnitude=largest**2,
    )
    assert_within_bound(
        ops.mean_squared_error_backward(prediction, target),
        reference.mean_squared_error_backward(prediction, target),
        terms=1,
        magnitude=2 * largest / prediction.size,
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_the_reference(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    check(small_integers(rng, *shape), small_integers(rng, *shape))
    check(gaussians(rng, *shape), gaussians(rng, *shape))


def test_exact_on_small_integers(rng: np.random.Generator) -> None:
    prediction, target = small_integers(rng, 8, 16), small_integers(rng, 8, 16)
    assert ops.mean_squared_error(prediction, target) == reference.mean_squared_error(
        prediction, target
    )
    np.testing.assert_array_equal(
        ops.mean_squared_error_backward(prediction, target),
        reference.mean_squared_error_backward(prediction, target),
    )


def test_nan_shows_in_the_loss_and_stays_at_its_place(rng: np.random.Generator) -> None:
    prediction, target = gaussians(rng, 5, 13), gaussians(rng, 5, 13)
    prediction[4, 12] = np.nan
    assert np.isnan(ops.mean_squared_error(prediction, target))
    gradient = ops.mean_squared_error_backward(prediction, target)
    assert np.argwhere(np.isnan(gradient)).tolist() == [[4, 12]]


def test_gradient_of_the_reference_by_finite_differences(rng: np.random.Generator) -> None:
    prediction, target = rng.standard_normal((4, 5)), rng.standard_normal((4, 5))
    assert_gradient(
        reference.mean_squared_error_backward(prediction, target),
        lambda v: reference.mean_squared_error(v, target),
        prediction,
    )


@pytest.mark.usefixtures("restore_threads")
def test_threads_do_not_matter(rng: np.random.Generator) -> None:
    prediction, target = gaussians(rng, 5003, 13), gaussians(rng, 5003, 13)
    assert_threads_do_not_matter(ops.mean_squared_error, prediction, target)
    assert_threads_do_not_matter(ops.mean_squared_error_backward, prediction, target)


def test_form_does_not_matter(rng: np.random.Generator) -> None:
    prediction, target = small_integers(rng, 7, 6), small_integers(rng, 7, 6)
    assert_form_does_not_matter(ops.mean_squared_error, prediction, target)
    assert_form_does_not_matter(ops.mean_squared_error_backward, prediction, target)


@given(st.lists(st.integers(1, 7), min_size=1, max_size=4))
def test_any_shape(shape: list[int]) -> None:
    rng = np.random.default_rng(0)
    check(gaussians(rng, *shape), gaussians(rng, *shape))


@pytest.mark.parametrize(
    ("prediction", "target", "sentence"),
    [
        (
            np.zeros((3, 1)),
            np.zeros(3),
            r"prediction has shape \(3, 1\), expected .* target, \(3,\)",
        ),
        (
            np.zeros((3, 2)),
            np.zeros((1, 2)),
            r"prediction has shape \(3, 2\), expected .*, \(1, 2\)",
        ),
        (
            np.zeros((0, 2)),
            np.zeros((0, 2)),
            r"prediction has shape \(0, .*, expected at least one",
        ),
        (
            np.zeros((2, 2)),
            np.zeros((2, 2), complex),
            "target has dtype complex128, expected real",
        ),
    ],
)
def test_refusals(prediction: npt.ArrayLike, target: npt.ArrayLike, sentence: str) -> None:
    for function in (ops.mean_squared_error, ops.mean_squared_error_backward):
        with pytest.raises(
            (ValueError, TypeError), match=f"^mean_squared_error(_backward)?: {sentence}"
        ):
            function(prediction, target)
