"""max_pool2d and max_pool2d_backward against the reference: always exact, it only moves numbers."""

from __future__ import annotations

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
    assert_threads_do_not_matter,
)
from hypothesis import given
from hypothesis import strategies as st
from samples import Float32Array, gaussians, small_integers

pytestmark = pytest.mark.parity


class Case(NamedTuple):
    """An image batch, and the window that moves over it."""

    x: tuple[int, int, int, int]
    kernel_size: reference.Pair = 2
    stride: reference.Pair | None = None
    padding: reference.Padding = 0

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "stride": self.stride,
            "padding": self.padding,
        }

    def forward(self, library: Any, x: npt.ArrayLike) -> Any:
        """By `library`, which is ops or reference."""
        return library.max_pool2d(x, self.kernel_size, **self.settings)

    def backward(self, library: Any, grad_output: npt.ArrayLike, x: npt.ArrayLike) -> Any:
        return library.max_pool2d_backward(grad_output, x, self.kernel_size, **self.settings)

    def grad_output(self, rng: np.random.Generator) -> Float32Array:
        x = np.zeros(self.x)
        return small_integers(rng, *self.forward(reference, x).shape)


CASES: dict[str, Case] = {
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


def check(case: Case, x: Float32Array, rng: np.random.Generator) -> None:
    grad_output = case.grad_output(rng)
    assert_exactly_equal(
        case.forward(ops, x),
        case.forward(reference, x),
    )
    assert_exactly_equal(
        case.backward(ops, grad_output, x),
        case.backward(reference, grad_output, x),
    )


@every_case
def test_equals_the_reference_with_ties(case: Case, rng: np.random.Generator) -> None:
    check(case, small_integers(rng, *case.x), rng)  # nine values: most windows have ties


@every_case
def test_equals_the_reference(case: Case, rng: np.random.Generator) -> None:
    check(case, gaussians(rng, *case.x), rng)
    check(case, -abs(gaussians(rng, *case.x)), rng)  # padding must not win as a zero would


def test_default_stride_is_the_window(rng: np.random.Generator) -> None:
    x = gaussians(rng, 1, 7, 13, 3)
    assert_exactly_equal(ops.max_pool2d(x, (2, 3)), ops.max_pool2d(x, (2, 3), stride=(2, 3)))


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
    for case in (Case(x.shape, (2, 3), (1, 2), 1), Case(x.shape, 3, 2, "same")):
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
        Case((16, 33, 31, 20), 3, 2, 1),
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
    st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 12), st.integers(1, 18)),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.one_of(st.just("same"), st.tuples(*[st.tuples(st.integers(0, 4), st.integers(0, 4))] * 2)),
)
def test_any_shape(
    shape: tuple[int, int, int, int],
    kernel_size: tuple[int, int],
    stride: tuple[int, int],
    padding: reference.Padding,
) -> None:
    case = fitting(Case(shape, kernel_size, stride, padding))
    rng = np.random.default_rng(0)
    check(case, small_integers(rng, *case.x), rng)


def fitting(case: Case) -> Case:
    """Padding cut to less than the window, and the image grown to hold one window."""
    kernel = reference.pair(case.kernel_size)
    if isinstance(case.padding, str):
        return case
    sides = reference.padding_sides(case.padding, case.x[1:3], kernel, 1)
    (top, bottom), (left, right) = (
        tuple(min(side, kernel[axis] - 1) for side in sides[axis]) for axis in range(2)
    )
    batch, height, width, channels = case.x
    height, width = max(height, kernel[0] - top - bottom), max(width, kernel[1] - left - right)
    return case._replace(x=(batch, height, width, channels), padding=((top, bottom), (left, right)))


def test_an_empty_batch_gives_an_empty_result() -> None:
    x = np.zeros((0, 7, 8, 3), np.float32)
    output = ops.max_pool2d(x, 2)
    assert_exactly_equal(output, np.zeros((0, 3, 4, 3)))
    assert_exactly_equal(ops.max_pool2d_backward(output, x, 2), x)


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
    with pytest.raises((ValueError, TypeError), match=rf"^max_pool2d: {sentence}"):
        ops.max_pool2d(**settings)
    grad_output = np.zeros((1, 3, 4, 3), np.float32)
    with pytest.raises((ValueError, TypeError), match=r"^max_pool2d(_backward)?: "):
        ops.max_pool2d_backward(grad_output, **settings)


def test_a_gradient_of_another_shape_is_refused() -> None:
    with pytest.raises(
        ValueError,
        match=r"^max_pool2d_backward: grad_output has shape \(1, 3, 5, 3\), "
        r"expected \(1, 3, 4, 3\)$",
    ):
        ops.max_pool2d_backward(np.zeros((1, 3, 5, 3)), np.zeros((1, 7, 8, 3)), 2)
