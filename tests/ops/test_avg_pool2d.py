"""avg_pool2d and avg_pool2d_backward against the reference."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import reference
from cnnx import ops
from comparison import (
    assert_exactly_equal,
    assert_gradient,
    assert_linear_op_within_bound,
)
from hypothesis import given
from hypothesis import strategies as st
from pooling_cases import PoolingCase, any_pooling
from samples import gaussians, small_integers

pytestmark = pytest.mark.parity


Case = partial(PoolingCase, "avg_pool2d")
OVER_PIXELS = {"count_include_pad": False}  # the sum is divided by the pixels of the image alone


CEIL_AND_DILATION: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("ceil", ((1, 7, 8, 6), 2), {"ceil_mode": True}),
    ("ceil, window 3, stride 2, padding 1", ((2, 8, 9, 3), 3, 2, 1), {"ceil_mode": True}),
    ("ceil, no window in the padding", ((1, 5, 6, 6), 2, 3, 1), {"ceil_mode": True}),
    ("ceil, four different sides", ((1, 6, 9, 6), 3, 2, ((2, 1), (0, 2))), {"ceil_mode": True}),
    ("ceil, window larger than the image", ((1, 2, 3, 6), (3, 4), 2), {"ceil_mode": True}),
    ("ceil, same", ((1, 7, 8, 6), 2, 3, "same"), {"ceil_mode": True}),
    ("dilation 2", ((2, 7, 8, 17), 3, 1), {"dilation": 2}),
    ("dilation (1, 3), padding", ((1, 9, 7, 6), (2, 3), (2, 1), (1, 3)), {"dilation": (1, 3)}),
    ("dilation 2, same", ((1, 9, 8, 6), 3, 2, "same"), {"dilation": 2}),
    ("dilation 3, ceil", ((1, 9, 12, 6), 2, 4, 1), {"dilation": 3, "ceil_mode": True}),
]
CASES: dict[str, PoolingCase] = {
    "one number": Case((1, 1, 1, 1), 1),
    "window 1": Case((2, 7, 13, 6), 1),
    "window 2": Case((2, 8, 12, 6)),
    "window 2, a row and a column left over": Case((2, 7, 13, 20)),
    "window 3": Case((1, 13, 7, 24), 3),
    "window 3, stride 2, padding 1": Case((2, 13, 8, 3), 3, 2, 1),
    "window 3, stride 2, padding 1, real pixels": Case(
        (2, 13, 8, 3), 3, 2, 1, count_include_pad=False
    ),
    "window 3, stride 1": Case((1, 7, 8, 6), 3, 1),
    "window 2x4": Case((1, 7, 13, 6), (2, 4)),
    "window 3x1, stride (1, 2)": Case((1, 7, 13, 6), (3, 1), (1, 2)),
    "window 5, padding 4": Case((1, 7, 6, 6), 5, 2, 4),
    "window 5, padding 4, real pixels": Case((1, 7, 6, 6), 5, 2, 4, **OVER_PIXELS),
    "window is the image": Case((2, 8, 4, 20), (8, 4)),
    "stride beyond the window": Case((2, 13, 14, 6), 2, 3),
    "stride beyond the window, padding": Case((1, 7, 8, 6), 2, (5, 4), 1),
    "padding (1, 0), real pixels": Case((1, 7, 8, 6), 2, None, (1, 0), **OVER_PIXELS),
    "four different sides": Case((1, 7, 8, 6), 4, 2, ((2, 1), (0, 3))),
    "four different sides, real pixels": Case(
        (1, 7, 8, 6), 4, 2, ((2, 1), (0, 3)), count_include_pad=False
    ),
    "same": Case((1, 7, 7, 6), 2, None, "same"),
    "same, window 3, stride 2": Case((1, 8, 13, 6), 3, 2, "same"),
    "same, stride beyond the window": Case((1, 7, 8, 6), 2, 3, "same"),
    "same, window larger than the image": Case((1, 2, 3, 6), 5, 1, "same"),
    "valid": Case((1, 7, 8, 6), 3, 1, "valid"),
    **{
        f"{name}{', real pixels' if over else ''}": Case(*case, **settings, **over)  # type: ignore[arg-type]
        for over in ({}, OVER_PIXELS)
        for name, case, settings in CEIL_AND_DILATION
    },
    **{
        f"{n} channels": Case((1, 5, 6, n), 2, None, 1)
        for n in (1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65)
    },
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def check_exactly(case: PoolingCase, rng: np.random.Generator) -> None:
    """On multiples of every divisor, so that each quotient is a small integer."""
    x = small_integers(rng, *case.x)
    divisors = reference.average_divisors(
        reference.real(x), case.windows, case.count_include_pad is not False
    )
    multiple = math.lcm(*divisors.astype(int).flat)
    assert multiple < 2**17, "sums would not be exact"
    x *= multiple
    assert_exactly_equal(
        case.forward(ops, x),
        case.forward(reference, x),
    )
    grad_output = small_integers(rng, *divisors.shape) * np.float32(multiple)
    assert_exactly_equal(
        case.backward(ops, grad_output, x),
        case.backward(reference, grad_output, x),
    )


@every_case
def test_exact_on_small_integers(case: PoolingCase, rng: np.random.Generator) -> None:
    check_exactly(case, rng)


@every_case
def test_within_bound(case: PoolingCase, rng: np.random.Generator) -> None:
    x, grad_output = gaussians(rng, *case.x), case.grad_output(rng)
    height, width = reference.pair(case.kernel_size)
    assert_linear_op_within_bound(case, x, grad_output, terms=height * width)


def test_same_divides_by_real_pixels_whatever_the_flag() -> None:
    x = np.ones((1, 5, 5, 3), np.float32)
    for count_include_pad in (True, False):
        output = ops.avg_pool2d(x, 2, padding="same", count_include_pad=count_include_pad)
        assert_exactly_equal(output, np.ones((1, 3, 3, 3)))
    corner = ops.avg_pool2d(x, 2, padding=((0, 1), (0, 1)))[0, 2, 2, 0]
    assert corner == 0.25
    corner = ops.avg_pool2d(x, 2, padding=((0, 1), (0, 1)), count_include_pad=False)[0, 2, 2, 0]
    assert corner == 1.0


def test_the_part_of_a_window_beyond_the_padding_never_counts() -> None:
    """PyTorch's divisor."""
    x = np.ones((1, 1, 4, 1), np.float32)
    settings: dict[str, Any] = {"stride": (1, 2), "padding": (0, 1), "ceil_mode": True}
    output = ops.avg_pool2d(x, (1, 3), **settings)
    assert_exactly_equal(output[0, 0, :, 0], np.float32([2 / 3, 1, 1 / 2]))
    output = ops.avg_pool2d(x, (1, 3), count_include_pad=False, **settings)
    assert_exactly_equal(output, np.ones((1, 1, 3, 1)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_reach_only_their_windows(bad: float, rng: np.random.Generator) -> None:
    x = small_integers(rng, 2, 8, 8, 20)
    x[1, 3, 4, 19] = bad
    for case in (Case(x.shape, 2), Case(x.shape, 2, 1, 1)):
        assert_exactly_equal(case.forward(ops, x), case.forward(reference, x))


def test_gradient_of_the_reference_by_finite_differences(rng: np.random.Generator) -> None:
    x = rng.standard_normal((1, 5, 6, 2))
    for case in (
        Case(x.shape, (2, 3), (1, 2), 1),
        Case(x.shape, (2, 3), (1, 2), 1, **OVER_PIXELS),
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


@given(any_pooling("avg_pool2d", count_include_pad=st.booleans()))
def test_any_shape(case: PoolingCase) -> None:
    check_exactly(case, np.random.default_rng(0))
