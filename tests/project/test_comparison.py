"""The comparison helper must itself be able to fail; needs no compiled package."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from comparison import (
    FLOAT32_EPSILON,
    assert_exactly_equal,
    assert_gradient,
    assert_number_within_bound,
    assert_within_bound,
    assert_within_ulps,
    numerical_gradient,
    rounding_bound,
)

EXPECTED = np.array([[1.0, -2.0, 3.0], [0.5, 0.0, -4.0]])


def nudged(amount: float) -> np.ndarray:
    """The expected array as float32 with its last element moved."""
    moved = EXPECTED.copy()
    moved[-1, -1] += amount
    return np.asarray(moved, dtype=np.float32)


def test_bound_is_the_one_the_design_states() -> None:
    assert rounding_bound(64, [-2.0, 1.0]) == pytest.approx(FLOAT32_EPSILON * 16 * 2)
    assert rounding_bound(64, [-2.0], 3.0) == pytest.approx(FLOAT32_EPSILON * 16 * 2 * 3)
    assert FLOAT32_EPSILON == 2.0**-23


def test_one_element_off_by_twice_the_bound_fails() -> None:
    bound = rounding_bound(100, np.abs(EXPECTED))
    assert_within_bound(nudged(0.5 * bound), EXPECTED, terms=100, magnitude=np.abs(EXPECTED))
    with pytest.raises(AssertionError, match=r"1 of 6 .* at \(1, 2\)"):
        assert_within_bound(nudged(2 * bound), EXPECTED, terms=100, magnitude=np.abs(EXPECTED))
    with pytest.raises(AssertionError, match="not within"):
        assert_number_within_bound(1.0 + 2 * bound, 1.0, terms=100, magnitude=np.abs(EXPECTED))
    assert_number_within_bound(1.0 + 0.5 * bound, 1.0, terms=100, magnitude=np.abs(EXPECTED))


def test_one_element_a_single_step_off_is_not_exactly_equal() -> None:
    assert_exactly_equal(nudged(0.0), EXPECTED)
    with pytest.raises(AssertionError):
        assert_exactly_equal(nudged(4 * FLOAT32_EPSILON), EXPECTED)


@pytest.mark.parametrize("value", [4.0, 5.999, 1e-30, 1e-42, -7.0])
def test_ulps_are_steps_between_neighbours(value: float) -> None:
    expected = np.array([1.0, value])
    actual = expected.astype(np.float32)
    for _ in range(3):
        actual[1] = np.nextafter(actual[1], np.float32(np.inf))
    assert_within_ulps(actual, expected)
    for _ in range(3):
        actual[1] = np.nextafter(actual[1], np.float32(np.inf))
    with pytest.raises(AssertionError, match="1 of 2 elements are beyond 4 ULP"):
        assert_within_ulps(actual, expected)


@pytest.mark.parametrize(
    "compare",
    [
        assert_exactly_equal,
        assert_within_ulps,
        lambda actual, expected: assert_within_bound(actual, expected, terms=1, magnitude=expected),
    ],
)
def test_nan_shape_and_dtype_never_pass(
    compare: Callable[[np.ndarray, np.ndarray], None],
) -> None:
    compare(nudged(0.0), EXPECTED)
    for wrong in (nudged(np.nan), nudged(0.0)[:1], nudged(0.0)[:, :1], nudged(0.0).astype(float)):
        with pytest.raises(AssertionError):
            compare(wrong, EXPECTED)


def test_numerical_gradient_of_a_cube_and_a_wrong_gradient() -> None:
    x = np.array([1.0, -2.0])
    np.testing.assert_allclose(numerical_gradient(lambda v: v**3, x), 3 * x**2, rtol=1e-8)
    np.testing.assert_allclose(numerical_gradient(lambda v: v**3, x, [2.0, 0.0]), [6.0, 0.0])
    with pytest.raises(AssertionError):
        assert_gradient(3 * x**2 * 1.001, lambda v: v**3, x)
