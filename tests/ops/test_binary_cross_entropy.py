"""binary_cross_entropy on logits and its gradient against the reference; the mean is over all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import reference
from cnnx import ops
from comparison import (
    assert_gradient,
    assert_number_within_bound,
    assert_same_bits,
    assert_threads_do_not_matter,
    assert_within_bound,
)
from hypothesis import given
from hypothesis import strategies as st
from samples import Float32Array, every_second, gaussians, on_a_float_boundary, small_integers

pytestmark = pytest.mark.parity

SHAPES = [(1, 1), (7, 1), (1, 7), (13, 7), (64, 10), (65, 3), (5, 1025)]


def zeros_and_ones(rng: np.random.Generator, *shape: int) -> Float32Array:
    return rng.integers(0, 2, shape).astype(np.float32)


def check(logits: Float32Array, targets: Float32Array) -> None:
    assert_number_within_bound(
        ops.binary_cross_entropy(logits, targets),
        reference.binary_cross_entropy(logits, targets),
        terms=logits.size,
        magnitude=np.log(2) + 2 * np.abs(logits).max(),
    )
    assert_within_bound(
        ops.binary_cross_entropy_backward(logits, targets),
        reference.binary_cross_entropy_backward(logits, targets),
        terms=1,
        magnitude=(reference.sigmoid(logits) + targets) / logits.size,
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_the_reference(shape: tuple[int, int], rng: np.random.Generator) -> None:
    for targets in (zeros_and_ones(rng, *shape), rng.random(shape, dtype=np.float32)):
        check(small_integers(rng, *shape), targets)
        check(gaussians(rng, *shape), targets)
        check(30 * gaussians(rng, *shape), targets)


def test_known_values() -> None:
    assert ops.binary_cross_entropy(
        np.zeros((4, 1), np.float32), np.ones((4, 1), np.float32)
    ) == pytest.approx(np.log(2), rel=3e-7)
    far = np.array([[1000.0], [-1000.0], [1000.0], [-1000.0]], np.float32)
    targets = np.array([[1.0], [0.0], [0.0], [1.0]], np.float32)
    assert ops.binary_cross_entropy(far, targets) == 500.0  # the mean of 0, 0, 1000 and 1000
    np.testing.assert_array_equal(
        ops.binary_cross_entropy_backward(far, targets), [[0.0], [0.0], [0.25], [-0.25]]
    )


def test_nan_reaches_the_loss_and_only_its_own_gradient(rng: np.random.Generator) -> None:
    logits, targets = gaussians(rng, 5, 13), zeros_and_ones(rng, 5, 13)
    logits[4, 12] = np.nan
    assert np.isnan(ops.binary_cross_entropy(logits, targets))
    gradient = ops.binary_cross_entropy_backward(logits, targets)
    assert np.argwhere(np.isnan(gradient)).tolist() == [[4, 12]]


def test_gradient_of_the_reference_by_finite_differences(rng: np.random.Generator) -> None:
    logits, targets = rng.standard_normal((4, 5)), rng.random((4, 5))
    assert_gradient(
        reference.binary_cross_entropy_backward(logits, targets),
        lambda v: reference.binary_cross_entropy(v, targets),
        logits,
    )


@pytest.mark.usefixtures("restore_threads")
def test_threads_do_not_matter(rng: np.random.Generator) -> None:
    logits, targets = gaussians(rng, 5003, 13), zeros_and_ones(rng, 5003, 13)
    assert_threads_do_not_matter(ops.binary_cross_entropy, logits, targets)
    assert_threads_do_not_matter(ops.binary_cross_entropy_backward, logits, targets)


def test_layout_and_dtype_do_not_matter(rng: np.random.Generator) -> None:
    logits, targets = small_integers(rng, 7, 6), zeros_and_ones(rng, 7, 6)
    for function in (ops.binary_cross_entropy, ops.binary_cross_entropy_backward):
        expected = function(logits, targets)
        for same in (every_second(logits), logits.astype(np.int16), on_a_float_boundary(logits)):
            assert_same_bits(function(same, targets), expected)
        for dtype in ("int8", "uint8", "int64", "bool", "float64"):
            assert_same_bits(function(logits, targets.astype(dtype)), expected)
        assert_same_bits(function(logits.tolist(), every_second(targets)), expected)


@given(st.integers(1, 20), st.integers(1, 40))
def test_any_shape(rows: int, outputs: int) -> None:
    rng = np.random.default_rng(0)
    check(gaussians(rng, rows, outputs), rng.random((rows, outputs), dtype=np.float32))


@pytest.mark.parametrize(
    ("logits", "targets", "sentence"),
    [
        (
            [[0.0], [0.0]],
            [1, 0],
            r"logits has shape \(2, 1\), expected the shape of targets, \(2,\)",
        ),
        ([[0.0], [0.0]], [[1], [2]], "target 2 at row 1 is out of range, expected 0 to 1"),
        (
            [[0.0], [0.0]],
            [[-0.5], [0]],
            "target -0.5[0-9]* at row 0 is out of range, expected 0 to 1",
        ),
        ([[0.0], [0.0]], [[1], [np.nan]], "target nan at row 1 is out of range, expected 0 to 1"),
        (
            np.zeros((0, 2)),
            np.zeros((0, 2)),
            r"logits has shape \(0, .*, expected at least one row",
        ),
        ([[0j]], [[1]], "logits has dtype complex128, expected real numbers"),
    ],
)
def test_refusals(logits: npt.ArrayLike, targets: npt.ArrayLike, sentence: str) -> None:
    for function in (ops.binary_cross_entropy, ops.binary_cross_entropy_backward):
        with pytest.raises(
            (ValueError, TypeError), match=f"^binary_cross_entropy(_backward)?: {sentence}"
        ):
            function(logits, targets)
