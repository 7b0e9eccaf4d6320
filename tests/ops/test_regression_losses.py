"""The regression losses and their gradients against the reference."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

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

pytestmark = pytest.mark.parity

SHAPES = [(1,), (1, 1), (7, 1), (13, 7), (64, 10), (65, 3), (2, 7, 13, 6), (3, 1025)]
# (name, settings); small integers differ by less than 3.5, by exactly 4 and by more.
LOSSES: list[tuple[str, dict[str, float]]] = [
    ("mean_squared_error", {}),
    ("mean_absolute_error", {}),
    ("huber", {}),
    ("huber", {"delta": 4.0}),
    ("huber", {"delta": 0.25}),
]
every_loss = pytest.mark.parametrize(
    ("name", "settings"), LOSSES, ids=[f"{name}{settings or ''}" for name, settings in LOSSES]
)


def functions(module: Any, name: str, settings: dict[str, float]) -> list[Callable[..., Any]]:
    """The loss and its gradient."""
    return [partial(getattr(module, each), **settings) for each in (name, f"{name}_backward")]


def check(
    name: str, settings: dict[str, float], prediction: Float32Array, target: Float32Array
) -> None:
    loss, backward = functions(ops, name, settings)
    true_loss, true_backward = functions(reference, name, settings)
    largest = float((np.abs(prediction) + np.abs(target)).max())
    assert_number_within_bound(
        loss(prediction, target),
        true_loss(prediction, target),
        terms=prediction.size,
        magnitude=max(largest, largest**2),
    )
    assert_within_bound(
        backward(prediction, target),
        true_backward(prediction, target),
        terms=1,
        magnitude=2 * max(largest, 1) / prediction.size,
    )


@every_loss
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_the_reference(
    name: str, settings: dict[str, float], shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    check(name, settings, small_integers(rng, *shape), small_integers(rng, *shape))
    check(name, settings, gaussians(rng, *shape), gaussians(rng, *shape))


@every_loss
def test_exact_on_small_integers(
    name: str, settings: dict[str, float], rng: np.random.Generator
) -> None:
    prediction, target = small_integers(rng, 8, 16), small_integers(rng, 8, 16)
    loss, backward = functions(ops, name, settings)
    true_loss, true_backward = functions(reference, name, settings)
    assert loss(prediction, target) == true_loss(prediction, target)
    np.testing.assert_array_equal(
        backward(prediction, target), true_backward(prediction, target).astype(np.float32)
    )


@every_loss
def test_nan_reaches_the_loss_and_only_its_own_gradient(
    name: str, settings: dict[str, float], rng: np.random.Generator
) -> None:
    prediction, target = gaussians(rng, 5, 13), gaussians(rng, 5, 13)
    prediction[4, 12] = np.nan
    loss, backward = functions(ops, name, settings)
    assert np.isnan(loss(prediction, target))
    assert np.argwhere(np.isnan(backward(prediction, target))).tolist() == [[4, 12]]


@every_loss
def test_gradient_of_the_reference_by_finite_differences(
    name: str, settings: dict[str, float], rng: np.random.Generator
) -> None:
    prediction, target = rng.standard_normal((4, 5)), rng.standard_normal((4, 5))
    loss, backward = functions(reference, name, settings)
    assert_gradient(backward(prediction, target), lambda v: loss(v, target), prediction)


def test_at_the_kinks() -> None:
    """The gradient of the absolute error at 0 is 0; both sides of Huber's agree at delta."""
    assert ops.mean_absolute_error_backward([1.0, -0.0], [1.0, 0.0]).tolist() == [0.0, 0.0]
    edges = np.array([2.0, -2.0], np.float32)
    assert ops.huber(edges, np.zeros(2), delta=2.0) == 2.0
    assert ops.huber_backward(edges, np.zeros(2), delta=2.0).tolist() == [1.0, -1.0]


@every_loss
@pytest.mark.usefixtures("restore_threads")
def test_threads_do_not_matter(
    name: str, settings: dict[str, float], rng: np.random.Generator
) -> None:
    prediction, target = gaussians(rng, 5003, 13), gaussians(rng, 5003, 13)
    for function in functions(ops, name, settings):
        assert_threads_do_not_matter(function, prediction, target)


@every_loss
def test_layout_and_dtype_do_not_matter(
    name: str, settings: dict[str, float], rng: np.random.Generator
) -> None:
    prediction, target = small_integers(rng, 7, 6), small_integers(rng, 7, 6)
    for function in functions(ops, name, settings):
        assert_form_does_not_matter(function, prediction, target)


@every_loss
@given(shape=st.lists(st.integers(1, 7), min_size=1, max_size=4))
def test_any_shape(name: str, settings: dict[str, float], shape: list[int]) -> None:
    rng = np.random.default_rng(0)
    check(name, settings, gaussians(rng, *shape), gaussians(rng, *shape))


@every_loss
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
def test_refusals(
    name: str,
    settings: dict[str, float],
    prediction: npt.ArrayLike,
    target: npt.ArrayLike,
    sentence: str,
) -> None:
    for function in functions(ops, name, settings):
        with pytest.raises((ValueError, TypeError), match=f"^{name}(_backward)?: {sentence}"):
            function(prediction, target)


@pytest.mark.parametrize("delta", [0, -1, np.nan, np.inf])
def test_an_invalid_delta_is_refused(delta: float) -> None:
    for function in (ops.huber, ops.huber_backward):
        with pytest.raises(ValueError, match=rf"^huber(_backward)?: delta is {delta}, expected"):
            function([1.0], [2.0], delta=delta)
