"""Comparisons of a float32 result with its reference: exactly, within a rounding bound, or in ULPs.

Not part of the package. Every comparison also checks the shape and the dtype float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import reference
from cnnx import ops
from samples import FORMS, INTEGER_FORMS

FLOAT32_EPSILON = float(np.finfo(np.float32).eps)


def rounding_bound(terms: int, magnitude: npt.ArrayLike, amplification: float = 1.0) -> float:
    """Bound of the rounding error of float32 over a sum of `terms` products.

    `magnitude` is the reference on absolute values: op(|x|, |w|). The error of a chain of K rounded
    additions is a random walk, hence the square root; the 8 covers the first few terms.
    `amplification` is the ratio of the numbers that an algorithm adds up to the products of the
    formula.
    """
    share = FLOAT32_EPSILON * (np.sqrt(terms) + 8) * amplification
    return float(share * np.max(np.abs(magnitude)))


def assert_exactly_equal(actual: npt.NDArray[Any], expected: npt.ArrayLike) -> None:
    """For integers so small that float32 rounds nothing, and for rules such as those for NaN."""
    _assert_float32_of_shape(actual, expected)
    np.testing.assert_array_equal(actual, np.asarray(expected))


def assert_within_bound(
    actual: npt.NDArray[Any],
    expected: npt.ArrayLike,
    *,
    terms: int,
    magnitude: npt.ArrayLike,
    amplification: float = 1.0,
) -> None:
    _assert_float32_of_shape(actual, expected)
    error = np.abs(actual.astype(np.float64) - np.asarray(expected))
    bound = rounding_bound(terms, magnitude, amplification)
    _assert_all(error <= bound, f"the bound {bound:.3g}", error, actual, expected)


def assert_linear_op_within_bound(
    case: Any, x: npt.NDArray[Any], grad_output: npt.NDArray[Any], *, terms: int
) -> None:
    """Outputs and input gradients of a linear op without weights, whose sums have `terms` terms."""
    assert_within_bound(
        case.forward(ops, x),
        case.forward(reference, x),
        terms=terms,
        magnitude=case.forward(reference, abs(x)),
    )
    assert_within_bound(
        case.backward(ops, grad_output, x),
        case.backward(reference, grad_output, x),
        terms=terms,
        magnitude=case.backward(reference, abs(grad_output), x),
    )


def assert_within_ulps(
    actual: npt.NDArray[Any], expected: npt.ArrayLike, *, ulps: float = 4.0
) -> None:
    """Each element lies within `ulps` float32 steps of its exact value."""
    _assert_float32_of_shape(actual, expected)
    exact = np.asarray(expected, dtype=np.float64)
    with np.errstate(over="ignore"):
        step = np.abs(np.spacing(exact.astype(np.float32))).astype(np.float64)
    error = np.abs(actual.astype(np.float64) - exact) / step
    _assert_all(error <= ulps, f"{ulps:g} ULP", error, actual, expected)


def assert_number_within_bound(
    actual: float, expected: float, *, terms: int, magnitude: npt.ArrayLike
) -> None:
    """For losses, which are Python floats."""
    assert isinstance(actual, float), type(actual)
    bound = rounding_bound(terms, magnitude)
    assert abs(actual - expected) <= bound, f"{actual} is not within {bound:.3g} of {expected}"


def assert_same_bits(actual: object, expected: object) -> None:
    """Arrays, floats, or tuples of them: equal to the sign of a zero."""
    if isinstance(expected, tuple):
        assert isinstance(actual, tuple)
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            assert_same_bits(one, other)
        return
    one, other = np.asarray(actual), np.asarray(expected)
    assert (one.shape, one.dtype) == (other.shape, other.dtype)
    assert one.tobytes() == other.tobytes(), "the bits differ"


def assert_form_does_not_matter(
    function: Callable[..., object], *arrays: npt.NDArray[np.float32]
) -> None:
    """Strided, unaligned, wider or integer arrays of the same numbers give the same bits.

    The arrays hold small integers, which every dtype can represent.
    """
    copies = [array.copy() for array in arrays]
    expected = function(*arrays)
    for form in (FORMS | INTEGER_FORMS).values():
        assert_same_bits(function(*[form(array) for array in arrays]), expected)
    for array, copy in zip(arrays, copies, strict=True):
        assert_same_bits(array, copy)  # an op never writes to its inputs


def assert_threads_do_not_matter(
    function: Callable[..., object], *arrays: npt.NDArray[np.float32]
) -> None:
    """Needs the fixture restore_threads."""
    import cnnx

    cnnx.set_num_threads(1)
    expected = function(*arrays)
    for count in (2, 3, 8):
        cnnx.set_num_threads(count)
        assert_same_bits(function(*arrays), expected)


def numerical_gradient(
    function: Callable[[npt.NDArray[np.float64]], npt.ArrayLike],
    x: npt.NDArray[np.float64],
    grad_output: npt.ArrayLike = 1.0,
    *,
    step: float = 1e-6,
) -> npt.NDArray[np.float64]:
    """Derivative of sum(function(x) * grad_output) by central differences, in float64."""
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[index] = step
        change = np.asarray(function(x + shift)) - np.asarray(function(x - shift))
        gradient[index] = np.sum(change * np.asarray(grad_output)) / (2 * step)
    return gradient


def assert_gradient(
    gradient: npt.NDArray[np.float64],
    function: Callable[[npt.NDArray[np.float64]], npt.ArrayLike],
    x: npt.NDArray[np.float64],
    grad_output: npt.ArrayLike = 1.0,
) -> None:
    """The reference's gradient agrees with finite differences of the reference."""
    expected = numerical_gradient(function, x, grad_output)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-7)


def _assert_float32_of_shape(actual: npt.NDArray[Any], expected: npt.ArrayLike) -> None:
    assert isinstance(actual, np.ndarray), type(actual)
    assert actual.dtype == np.float32, actual.dtype
    assert actual.shape == np.shape(expected), (actual.shape, np.shape(expected))


def _assert_all(
    good: npt.NDArray[np.bool_],
    limit: str,
    error: npt.NDArray[np.float64],
    actual: npt.NDArray[Any],
    expected: npt.ArrayLike,
) -> None:
    """Written as "all are good": NaN errors fail."""
    if good.all():
        return
    worst = np.unravel_index(int(np.argmax(error)), error.shape)  # a NaN is the largest
    raise AssertionError(
        f"{np.count_nonzero(~good)} of {good.size} elements are beyond {limit}; the worst, "
        f"{error[worst]:.3g} off, is {actual[worst]!r} at {tuple(map(int, worst))}, "
        f"expected {np.asarray(expected)[worst]!r}"
    )
