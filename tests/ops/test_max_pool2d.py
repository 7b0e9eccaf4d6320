"""max_pool2d and max_pool2d_backward against the reference: always exact, it only moves numbers."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import reference
from cnnx import ops
from comparison import (
    assert_exactly_equal,
    assert_gradient,
)
from hypothesis import given
from pooling_cases import PoolingCase, any_pooling
from samples import Float32Array, gaussians, small_integers

pytestmark = pytest.mark.parity


Case = partial(PoolingCase, "max_pool2d")


CASES: dict[str, PoolingCase] = {
    "one number": Case((1, 1, 1, 1), 1),
    "window 1": Case((2, 7, 13, 6), 1),
    "window 2": Case((2, 8, 12, 6)),
    "window 2, a row and a column left over": Case((2, 7, 13, 20)),
    "window 3": Case((1, 13, 7, 24), 3),
    "window 3, stride 2, padding 1": Case((2, 13, 8, 3), 3, 2, 1),
    "window 3, stride 1": Case((1, 7, 8, 6), 3, 1),
    "window 2, stride 1": Case((1, 7, 8, 6), 2, 1),
    "window 2x3": Case((1, 7, 13, 6), (2, 3)),
    "window 3x1, stride (1, 2)": Case((1, 7, 13, 6), (3, 1), (1, 2)),
    "window 5, padding 4": Case((1, 7, 6, 6), 5, 2, 4),
    "window is the image": Case((2, 7, 5, 20), (7, 5)),
    "stride beyond the window": Case((2, 13, 14, 6), 2, 3),
    "stride beyond the window, padding": Case((1, 7, 8, 6), 2, (5, 4), 1),
    "padding (1, 0)": Case((1, 7, 8, 6), 2, None, (1, 0)),
    "four different sides": Case((1, 7, 8, 6), 3, 2, ((2, 1), (0, 2))),
    "same": Case((1, 7, 7, 6), 2, None, "same"),
    "same, window 3, stride 2": Case((1, 8, 13, 6), 3, 2, "same"),
    "same, window 3, stride 1": Case((1, 5, 6, 6), 3, 1, "same"),
    "same, stride beyond the window": Case((1, 7, 8, 6), 2, 3, "same"),
    "same, window larger than the image": Case((1, 2, 3, 6), 5, 1, "same"),
    "valid": Case((1, 7, 8, 6), 3, 1, "valid"),
    "ceil": Case((1, 7, 8, 6), 2, ceil_mode=True),
    "ceil, window 3, stride 2, padding 1": Case((2, 8, 9, 3), 3, 2, 1, ceil_mode=True),
    "ceil, no window in the padding": Case((1, 5, 6, 6), 2, 3, 1, ceil_mode=True),
    "ceil, four different sides": Case((1, 6, 9, 6), 3, 2, ((2, 1), (0, 2)), ceil_mode=True),
    "ceil, window larger than the image": Case((1, 2, 3, 6), (3, 4), 2, ceil_mode=True),
    "ceil, same": Case((1, 7, 8, 6), 2, 3, "same", ceil_mode=True),
    "dilation 2": Case((2, 7, 8, 17), 3, 1, dilation=2),
    "dilation (1, 3), padding": Case((1, 9, 7, 6), (2, 3), (2, 1), (1, 3), dilation=(1, 3)),
    "dilation 2, same": Case((1, 9, 8, 6), 3, 2, "same", dilation=2),
    "dilation 2, stride of the window": Case((1, 9, 8, 6), 2, 2, dilation=2),
    "dilation 3, ceil": Case((1, 9, 12, 6), 2, 4, 1, dilation=3, ceil_mode=True),
    **{
        f"{n} channels": Case((1, 5, 6, n), 2)
        for n in (1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65)
    },
    **{
        f"{n} channels, window 3, padding 1": Case((1, 5, 6, n), 3, 2, 1)
        for n in (1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65)
    },
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def check(case: PoolingCase, x: Float32Array, rng: np.random.Generator) -> None:
    grad_output = small_integers(rng, *case.forward(reference, x).shape)
    assert_exactly_equal(
        case.forward(ops, x),
        case.forward(reference, x),
    )
    assert_exactly_equal(
        case.backward(ops, grad_output, x),
        case.backward(reference, grad_output, x),
    )


@every_case
def test_equals_the_reference_with_ties(case: PoolingCase, rng: np.random.Generator) -> None:
    check(case, small_integers(rng, *case.x), rng)  # nine values: most windows have ties


@every_case
def test_equals_the_reference(case: PoolingCase, rng: np.random.Generator) -> None:
    check(case, gaussians(rng, *case.x), rng)
    check(case, -abs(gaussians(rng, *case.x)), rng)  # padding must not win as a zero would


def test_first_maximum_in_row_major_order_takes_the_whole_gradient() -> None:
    x = np.array([[1, 5, 5], [5, 2, 5], [0, 0, 0]], np.float32).reshape(1, 3, 3, 1)
    grad_output = np.full((1, 1, 1, 1), 7, np.float32)
    expected = np.zeros((3, 3))
    expected[0, 1] = 7
    assert_exactly_equal(ops.max_pool2d_backward(grad_output, x, 3), expected.reshape(1, 3, 3, 1))


@pytest.mark.parametrize("channels", [1, 3, 8, 16, 20])
def test_minus_infinity_everywhere_still_has_a_first_maximum(channels: int) -> None:
    """The gradient goes to a pixel of the image, never into the padding."""
    x = np.full((1, 3, 3, channels), -np.inf, np.float32)
    check(Case(x.shape, 3, 2, 1), x, np.random.default_rng(0))
    check(Case(x.shape, 2), x, np.random.default_rng(0))


@pytest.mark.parametrize("channels", [1, 3, 8, 16, 20])
@pytest.mark.parametrize("where", [(0, 0), (2, 3), (6, 7)])
def test_nan_passes_and_takes_the_gradient(
    channels: int, where: tuple[int, int], rng: np.random.Generator
) -> None:
    x = gaussians(rng, 2, 7, 8, channels)
    x[0, where[0], where[1], channels // 2] = np.nan
    for case in (Case(x.shape, 2), Case(x.shape, 3, 2, 1), Case(x.shape, 3, 1, "same")):
        check(case, x, rng)


def test_infinity_passes(rng: np.random.Generator) -> None:
    x = gaussians(rng, 1, 6, 6, 5)
    x[0, 1, 1, 2], x[0, 3, 4, 2] = np.inf, -np.inf
    check(Case(x.shape, 2), x, rng)
    check(Case(x.shape, 3, 2, 1), x, rng)


def test_gradient_of_the_reference_by_finite_differences(rng: np.random.Generator) -> None:
    x = rng.permutation(120).reshape(1, 5, 6, 4) / 10.0  # no two are near each other
    for case in (
        Case(x.shape, (2, 3), (1, 2), 1),
        Case(x.shape, 3, 2, "same"),
        Case(x.shape, 2, 2, 1, dilation=2, ceil_mode=True),
    ):
        grad_output = case.grad_output(rng)
        assert_gradient(
            case.backward(reference, grad_output, x),
            partial(case.forward, reference),
            x,
            grad_output,
        )


@given(any_pooling("max_pool2d"))
def test_any_shape(case: PoolingCase) -> None:
    rng = np.random.default_rng(0)
    check(case, small_integers(rng, *case.x), rng)
