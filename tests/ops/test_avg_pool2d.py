"""avg_pool2d and avg_pool2d_backward against the reference."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
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
from hypothesis import given
from hypothesis import strategies as st
from samples import Float32Array, gaussians, small_integers

pytestmark = pytest.mark.parity


class Case(NamedTuple):
    """An image batch, the window that moves over it, and what the sum is divided by."""

    x: tuple[int, int, int, int]
    kernel_size: reference.Pair = 2
    stride: reference.Pair | None = None
    padding: reference.Padding = 0
    count_include_pad: bool = True

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "stride": self.stride,
            "padding": self.padding,
            "count_include_pad": self.count_include_pad,
        }

    def forward(self, library: Any, x: npt.ArrayLike) -> Any:
        """By `library`, which is ops or reference."""
        return library.avg_pool2d(x, self.kernel_size, **self.settings)

    def backward(self, library: Any, grad_output: npt.ArrayLike, x: npt.ArrayLike) -> Any:
        return library.avg_pool2d_backward(grad_output, x, self.kernel_size, **self.settings)

    def grad_output(self, rng: np.random.Generator) -> Float32Array:
        x = np.zeros(self.x)
        return gaussians(rng, *self.forward(reference, x).shape)


CASES: dict[str, Case] = {
    "one number": Case((1, 1, 1, 1), 1),
    "window 1": Case((2, 7, 13, 6), 1),
    "window 2": Case((2, 8, 12, 6)),
    "window 2, a row and a column left over": Case((2, 7, 13, 20)),
    "window 3": Case((1, 13, 7, 24), 3),
    "window 3, stride 2, padding 1": Case((2, 13, 8, 3), 3, 2, 1),
    "window 3, stride 2, padding 1, real pixels": Case((2, 13, 8, 3), 3, 2, 1, False),
    "window 3, stride 1": Case((1, 7, 8, 6), 3, 1),
    "window 2x4": Case((1, 7, 13, 6), (2, 4)),
    "window 3x1, stride (1, 2)": Case((1, 7, 13, 6), (3, 1), (1, 2)),
    "window 5, padding 4": Case((1, 7, 6, 6), 5, 2, 4),
    "window 5, padding 4, real pixels": Case((1, 7, 6, 6), 5, 2, 4, False),
    "window is the image": Case((2, 8, 4, 20), (8, 4)),
    "stride beyond the window": Case((2, 13, 14, 6), 2, 3),
    "stride beyond the window, padding": Case((1, 7, 8, 6), 2, (5, 4), 1),
    "padding (1, 0), real pixels": Case((1, 7, 8, 6), 2, None, (1, 0), False),
    "four different sides": Case((1, 7, 8, 6), 4, 2, ((2, 1), (0, 3))),
    "four different sides, real pixels": Case((1, 7, 8, 6), 4, 2, ((2, 1), (0, 3)), False),
    "same": Case((1, 7, 7, 6), 2, None, "same"),
    "same, window 3, stride 2": Case((1, 8, 13, 6), 3, 2, "same"),
    "same, stride beyond the window": Case((1, 7, 8, 6), 2, 3, "same"),
    "same, window larger than the image": Case((1, 2, 3, 6), 5, 1, "same"),
    "valid": Case((1, 7, 8, 6), 3, 1, "valid"),
    **{
        f"{n} channels": Case((1, 5, 6, n), 2, None, 1)
        for n in (1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65)
    },
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def check_exactly(case: Case, rng: np.random.Generator) -> None:
    """On multiples of every divisor, so that each quotient is a small integer."""
    x = small_integers(rng, *case.x)
    divisors = reference.average_divisors(
        reference.real(x),
        case.kernel_size,
        case.stride or case.kernel_size,
        case.padding,
        case.count_include_pad,
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
def test_exact_on_small_integers(case: Case, rng: np.random.Generator) -> None:
    check_exactly(case, rng)


@every_case
def test_within_bound(case: Case, rng: np.random.Generator) -> None:
    x, grad_output = gaussians(rng, *case.x), case.grad_output(rng)
    kernel_height, kernel_width = reference.pair(case.kernel_size)
    window = kernel_height * kernel_width
    assert_within_bound(
        case.forward(ops, x),
        case.forward(reference, x),
        terms=window,
        magnitude=case.forward(reference, abs(x)),
    )
    assert_within_bound(
        case.backward(ops, grad_output, x),
        case.backward(reference, grad_output, x),
        terms=window,
        magnitude=case.backward(reference, abs(grad_output), x),
    )


def test_same_divides_by_real_pixels_whatever_the_flag() -> None:
    x = np.ones((1, 5, 5, 3), np.float32)
    for count_include_pad in (True, False):
        output = ops.avg_pool2d(x, 2, padding="same", count_include_pad=count_include_pad)
        assert_exactly_equal(output, np.ones((1, 3, 3, 3)))
    corner = ops.avg_pool2d(x, 2, padding=((0, 1), (0, 1)))[0, 2, 2, 0]
    assert corner == 0.25
    corner = ops.avg_pool2d(x, 2, padding=((0, 1), (0, 1)), count_include_pad=False)[0, 2, 2, 0]
    assert corner == 1.0


def test_default_stride_is_the_window(rng: np.random.Generator) -> None:
    x = gaussians(rng, 1, 7, 13, 3)
    assert_same_bits(ops.avg_pool2d(x, (2, 3)), ops.avg_pool2d(x, (2, 3), stride=(2, 3)))


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
        Case(x.shape, (2, 3), (1, 2), 1, False),
        Case(x.shape, 3, 2, "same"),
    ):
        grad_output = case.grad_output(rng)
        assert_gradient(
            case.backward(reference, grad_output, x),
            partial(case.forward, reference),
            x,
            grad_output,
        )


@pytest.mark.usefixtures("restore_threads")
@pytest.mark.parametrize(
    "case",
    [
        Case((16, 33, 31, 20), 2),
        Case((16, 33, 31, 20), 3, 2, 1, False),
        Case((1, 33, 31, 20), 3, 1, "same"),
    ],
    ids=str,
)
def test_threads_do_not_matter(case: Case, rng: np.random.Generator) -> None:
    x, grad_output = gaussians(rng, *case.x), case.grad_output(rng)
    assert_threads_do_not_matter(partial(case.forward, ops), x)
    assert_threads_do_not_matter(partial(case.backward, ops), grad_output, x)


def test_form_does_not_matter(rng: np.random.Generator) -> None:
    case = Case((2, 7, 8, 6), 3, 2, 1)
    x, grad_output = small_integers(rng, *case.x), small_integers(rng, 2, 4, 4, 6)
    assert_form_does_not_matter(partial(case.forward, ops), x)
    assert_form_does_not_matter(partial(case.backward, ops), grad_output, x)


@given(
    st.tuples(st.integers(1, 3), st.integers(4, 12), st.integers(4, 12), st.integers(1, 18)),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.one_of(st.just("same"), st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2)),
    st.booleans(),
)
def test_any_shape(
    shape: tuple[int, int, int, int],
    kernel_size: tuple[int, int],
    stride: tuple[int, int],
    padding: Any,
    count_include_pad: bool,
) -> None:
    if padding != "same":  # each side smaller than the window
        padding = tuple(
            tuple(min(side, kernel_size[axis] - 1) for side in padding[axis]) for axis in range(2)
        )
    case = Case(shape, kernel_size, stride, padding, count_include_pad)
    check_exactly(case, np.random.default_rng(0))


def test_an_empty_batch_gives_an_empty_result() -> None:
    x = np.zeros((0, 7, 8, 3), np.float32)
    output = ops.avg_pool2d(x, 2)
    assert_exactly_equal(output, np.zeros((0, 3, 4, 3)))
    assert_exactly_equal(ops.avg_pool2d_backward(output, x, 2), x)


PADDED = r"expected 0 or more and less than the window's"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"x": np.zeros((7, 8, 3))}, r"x has shape \(7, 8, 3\), expected 4 axes"),
        ({"x": np.zeros((1, 7, 0, 3))}, r"x has shape \(1, 7, 0, 3\), expected at least one"),
        ({"kernel_size": 0}, r"kernel_size is \(0, 0\), expected 1 to \d+ in height and width"),
        ({"kernel_size": 8}, r"kernel_size is \(8, 8\), expected at most the input's \(7, 8\)"),
        ({"kernel_size": 2.0}, r"kernel_size is 2.0, expected an integer or \(height, width\)"),
        ({"stride": (1, -1)}, r"stride is \(1, -1\), expected 1 to \d+ in height and width"),
        ({"padding": -1}, rf"padding at the top is -1, {PADDED} height, 2"),
        ({"padding": 2}, rf"padding at the top is 2, {PADDED} height, 2"),
        ({"padding": ((0, 3), (0, 0))}, rf"padding at the bottom is 3, {PADDED} height, 2"),
        ({"padding": ((0, 0), (4, 0))}, rf"padding at the left is 4, {PADDED} width, 2"),
        ({"padding": ((0, 0), (0, 5))}, rf"padding at the right is 5, {PADDED} width, 2"),
        ({"padding": "full"}, r"padding is 'full', expected an integer, \(height, width\), .*same"),
        ({"padding": 0.5}, r"padding is 0.5, expected an integer, \(height, width\), .*same"),
        ({"x": np.zeros((1, 7, 8, 3), complex)}, "x has dtype complex128, expected real numbers"),
    ],
)
def test_refusals(arguments: dict[str, Any], sentence: str) -> None:
    settings = {"x": np.zeros((1, 7, 8, 3), np.float32), "kernel_size": 2, **arguments}
    with pytest.raises((ValueError, TypeError), match=rf"^avg_pool2d: {sentence}"):
        ops.avg_pool2d(**settings)
    grad_output = np.zeros((1, 3, 4, 3), np.float32)
    with pytest.raises((ValueError, TypeError), match=r"^avg_pool2d(_backward)?: "):
        ops.avg_pool2d_backward(grad_output, **settings)


def test_a_gradient_of_another_shape_is_refused() -> None:
    with pytest.raises(
        ValueError,
        match=r"^avg_pool2d_backward: grad_output has shape \(1, 3, 5, 3\), "
        r"expected \(1, 3, 4, 3\)$",
    ):
        ops.avg_pool2d_backward(np.zeros((1, 3, 5, 3)), np.zeros((1, 7, 8, 3)), 2)
