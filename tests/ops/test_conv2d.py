"""conv2d and conv2d_backward against the reference: borders, tails, groups, NaN, refusals."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import reference
import winograd
from cnnx import ops
from comparison import (
    assert_exactly_equal,
    assert_form_does_not_matter,
    assert_gradient,
    assert_threads_do_not_matter,
    assert_within_bound,
)
from conv2d_cases import CASES, Case
from hypothesis import given
from hypothesis import strategies as st
from samples import Float32Array, gaussians, small_integers

pytestmark = pytest.mark.parity

EXACT = {name: case for name, case in CASES.items() if case.tile is None}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
every_exact_case = pytest.mark.parametrize("case", EXACT.values(), ids=EXACT)


@every_exact_case
def test_forward_is_exact_on_small_integers(case: Case, rng: np.random.Generator) -> None:
    x, weight, bias = case.arrays(small_integers, rng)
    for given_bias in (bias, None):
        assert_exactly_equal(
            case.forward(ops, x, weight, given_bias),
            case.forward(reference, x, weight, given_bias),
        )


@every_exact_case
def test_backward_is_exact_on_small_integers(case: Case, rng: np.random.Generator) -> None:
    x, weight, _ = case.arrays(small_integers, rng)
    grad_output = case.grad_output(small_integers, rng)
    actual = case.backward(ops, grad_output, x, weight)
    expected = case.backward(reference, grad_output, x, weight)
    for ours, exact in zip(actual, expected, strict=True):
        assert_exactly_equal(ours, exact)


@every_case
def test_forward_within_bound(case: Case, rng: np.random.Generator) -> None:
    x, weight, bias = case.arrays(gaussians, rng)
    assert_within_bound(
        case.forward(ops, x, weight, bias),
        case.forward(reference, x, weight, bias),
        terms=weight[..., 0].size + 1,
        magnitude=case.forward(reference, abs(x), abs(weight), abs(bias)),
        amplification=winograd.amplifications(case.tile)[0],
    )


@every_case
def test_backward_within_bound(case: Case, rng: np.random.Generator) -> None:
    x, weight, _ = case.arrays(gaussians, rng)
    grad_output = case.grad_output(gaussians, rng)
    terms_of_input = weight[:, :, 0, : case.out_channels // case.groups].size
    terms_of_weight = grad_output[..., 0].size
    amplifications = winograd.amplifications(case.tile)[1:]
    for ours, exact, magnitude, terms, amplification in zip(
        case.backward(ops, grad_output, x, weight),
        case.backward(reference, grad_output, x, weight),
        case.backward(reference, abs(grad_output), abs(x), abs(weight)),
        (terms_of_input, terms_of_weight, terms_of_weight),
        amplifications,
        strict=True,
    ):
        assert_within_bound(
            ours, exact, terms=terms, magnitude=magnitude, amplification=amplification
        )


@pytest.mark.parametrize(
    "case",
    [
        Case((2, 4, 5, 2), 3, (2, 3), padding=((0, 1), (2, 0))),
        Case((1, 5, 6, 4), 2, (3, 2), stride=(2, 3), padding="same", groups=2),
        Case((1, 7, 6, 2), 2, (3, 2), dilation=(2, 3), groups=2),
    ],
)
def test_gradients_of_the_reference_by_finite_differences(
    case: Case, rng: np.random.Generator
) -> None:
    x, weight, bias = (array.astype(np.float64) for array in case.arrays(gaussians, rng))
    grad_output = case.grad_output(gaussians, rng)
    grad_input, grad_weight, grad_bias = case.backward(reference, grad_output, x, weight)
    assert_gradient(grad_input, lambda v: case.forward(reference, v, weight, bias), x, grad_output)
    assert_gradient(grad_weight, lambda v: case.forward(reference, x, v, bias), weight, grad_output)
    assert_gradient(grad_bias, lambda v: case.forward(reference, x, weight, v), bias, grad_output)


def test_same_is_the_padding_of_the_formula() -> None:
    # height: ceil(7 / 2) = 4 outputs, 3 * 2 + 4 - 7 = 3 pixels: 1 above, 2 below. width: none.
    size, kernel, stride = (7, 6), (4, 2), (2, 3)
    assert reference.padding_sides("same", size, kernel, stride) == ((1, 2), (0, 0))
    x, weight = np.ones((1, *size, 1), np.float32), np.ones((*kernel, 1, 1), np.float32)
    output = ops.conv2d(x, weight, stride=stride, padding="same")
    assert_exactly_equal(output, np.array([[6, 6], [8, 8], [8, 8], [4, 4]])[None, :, :, None])


@pytest.mark.parametrize("name", ["16 to 7 channels", "groups, dilation, stride", "stride 2"])
def test_nan_and_infinity_reach_only_dependent_outputs(name: str, rng: np.random.Generator) -> None:
    case = CASES[name]
    x, weight, _ = case.arrays(small_integers, rng)
    grad_output = case.grad_output(small_integers, rng)
    weight[weight == 0] = 1  # infinity times 0 would be NaN
    for bad in (np.nan, np.inf):
        poisoned_x, poisoned_grad = x.copy(), grad_output.copy()
        poisoned_x[0, 4, 5, 5] = poisoned_grad[0, 1, 2, 3] = bad
        with np.errstate(invalid="ignore"):
            expected_output = case.forward(reference, poisoned_x, weight)
            expected_grad_input, _, _ = case.backward(reference, poisoned_grad, x, weight)
        assert 0 < np.count_nonzero(~np.isfinite(expected_output)) < expected_output.size
        assert_exactly_equal(case.forward(ops, poisoned_x, weight), expected_output)
        grad_input, grad_weight, grad_bias = case.backward(ops, poisoned_grad, x, weight)
        assert_exactly_equal(grad_input, expected_grad_input)
        assert np.isfinite(np.delete(grad_weight, 3, axis=3)).all()
        assert np.isfinite(np.delete(grad_bias, 3)).all()
        assert not np.isfinite(grad_bias[3])


@pytest.mark.usefixtures("restore_threads")
@pytest.mark.parametrize(
    "case",
    [
        Case((4, 17, 19, 6), 20, padding=1),
        Case((1, 33, 31, 7), 33, padding=1),
        Case((1, 33, 31, 16), 33, padding=1),
        Case((3, 33, 31, 8), 16, stride=2, padding="same"),
        Case((2, 32, 32, 24), 24, padding=1, groups=24),
        Case((3, 32, 30, 24), 24, stride=2, padding=1, groups=6),
        Case((64, 5, 5, 16), 32, (5, 5)),
        *(case for name, case in CASES.items() if name.startswith("many weights")),
    ],
)
def test_threads_do_not_matter(case: Case, rng: np.random.Generator) -> None:
    x, weight, bias = case.arrays(gaussians, rng)
    grad_output = case.grad_output(gaussians, rng)
    assert_threads_do_not_matter(partial(case.forward, ops), x, weight, bias)
    assert_threads_do_not_matter(partial(case.backward, ops), grad_output, x, weight)


def test_an_image_gives_the_same_bits_alone_and_in_any_batch(rng: np.random.Generator) -> None:
    x, weight, bias = Case((65, 7, 9, 6), 20).arrays(gaussians, rng)
    whole = ops.conv2d(x, weight, bias, padding=1)
    for count in (1, 7, 64):
        np.testing.assert_array_equal(ops.conv2d(x[:count], weight, bias, padding=1), whole[:count])
    np.testing.assert_array_equal(ops.conv2d(x[-1:], weight, bias, padding=1), whole[-1:])


def test_layout_and_dtype_do_not_matter(rng: np.random.Generator) -> None:
    case = Case((2, 5, 6, 4), 6, padding=1, groups=2)
    x, weight, bias = case.arrays(small_integers, rng)
    grad_output = case.grad_output(small_integers, rng)
    assert_form_does_not_matter(partial(case.forward, ops), x, weight, bias)
    assert_form_does_not_matter(partial(case.backward, ops), grad_output, x, weight)


sizes = st.integers(1, 3)


@given(
    st.integers(1, 3),
    st.tuples(st.integers(1, 9), st.integers(1, 19)),
    st.tuples(sizes, sizes, sizes),
    st.tuples(sizes, sizes),
    st.tuples(sizes, sizes),
    st.tuples(sizes, sizes),
    st.one_of(st.just("same"), st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2)),
)
def test_any_shape(
    batch: int,
    size: tuple[int, int],
    channels: tuple[int, int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    padding: reference.Padding,
) -> None:
    groups, group_in, group_out = channels
    sides = reference.padding_sides(padding, size, kernel, stride, dilation)
    for axis in range(2):  # a kernel must fit into the padded image
        room = size[axis] + sum(sides[axis])
        if (kernel[axis] - 1) * dilation[axis] + 1 > room:
            kernel = (1, 1)
    case = Case(
        (batch, *size, groups * group_in),
        groups * group_out,
        kernel,
        stride,
        padding,
        dilation,
        groups,
    )
    rng = np.random.default_rng(0)
    test_forward_is_exact_on_small_integers(case, rng)
    test_backward_is_exact_on_small_integers(case, rng)


def test_an_empty_batch_gives_an_empty_result_and_no_gradient() -> None:
    x, weight = np.zeros((0, 7, 8, 6), np.float32), np.ones((3, 3, 6, 4), np.float32)
    output = ops.conv2d(x, weight)
    assert_exactly_equal(output, np.zeros((0, 5, 6, 4)))
    nothing: tuple[Float32Array, ...] = (
        x,
        np.zeros_like(weight),
        np.zeros(4, np.float32),
    )
    for ours, expected in zip(ops.conv2d_backward(output, x, weight), nothing, strict=True):
        assert_exactly_equal(ours, expected)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"x": np.zeros((7, 8, 6))}, r"x has shape \(7, 8, 6\), expected 4 axes"),
        ({"x": np.zeros((1, 0, 8, 6))}, r"x has shape \(1, 0, 8, 6\), expected at least one row"),
        ({"x": np.zeros((1, 7, 8, 6), complex)}, "x has dtype complex128, expected real numbers"),
        ({"weight": np.zeros((3, 6, 4))}, r"weight has shape \(3, 6, 4\), expected 4 axes"),
        (
            {"weight": np.zeros((3, 3, 4, 8))},
            r"weight has shape \(3, 3, 4, 8\), expected in_channels/groups = 6 in axis 2",
        ),
        (
            {"groups": 2},
            r"weight has shape \(3, 3, 6, 4\), expected in_channels/groups = 3 in axis 2",
        ),
        ({"groups": 4}, r"groups is 4, expected a divisor of in_channels = 6"),
        ({"groups": 0}, r"groups is 0, expected a divisor of in_channels = 6"),
        ({"groups": 2.0}, r"groups is 2.0, expected an integer"),
        (
            {"groups": 3, "weight": np.zeros((3, 3, 2, 4))},
            r"weight has shape \(3, 3, 2, 4\), expected a multiple of groups = 3 in axis 3",
        ),
        (
            {"padding": -1},
            r"padding is \(\(-1, -1\), \(-1, -1\)\), expected 0 to \d+ on every side",
        ),
        ({"padding": ((0, 0), (0, -2))}, r"padding is \(\(0, 0\), \(0, -2\)\), expected 0 to"),
        ({"padding": "full"}, r"padding is 'full', expected an integer, \(height, width\), .*same"),
        ({"stride": 0}, r"stride is \(0, 0\), expected 1 to \d+ in height and width"),
        ({"stride": 1.5}, r"stride is 1.5, expected an integer or \(height, width\)"),
        ({"dilation": (1, 0)}, r"dilation is \(1, 0\), expected 1 to \d+ in height and width"),
        (
            {"weight": np.zeros((8, 3, 6, 4))},
            r"kernel_size is \(8, 3\) and covers \(8, 3\), expected at most the input's \(7, 8\)",
        ),
        (
            {"dilation": 3, "padding": ((0, 0), (0, 0)), "weight": np.zeros((4, 3, 6, 4))},
            r"kernel_size is \(4, 3\) and covers \(10, 7\), expected at most the input's \(7, 8\)",
        ),
    ],
)
def test_refusals(arguments: dict[str, Any], sentence: str) -> None:
    settings = {"x": np.zeros((1, 7, 8, 6)), "weight": np.zeros((3, 3, 6, 4)), **arguments}
    with pytest.raises((ValueError, TypeError), match=rf"^conv2d: {sentence}"):
        ops.conv2d(**settings)
    with pytest.raises((ValueError, TypeError), match=rf"^conv2d(_backward)?: {sentence}"):
        ops.conv2d_backward(np.zeros((1, 5, 6, 4)), **settings)


def test_a_bias_or_a_gradient_of_another_shape_is_refused() -> None:
    x, weight = np.zeros((1, 7, 8, 6)), np.zeros((3, 3, 6, 4))
    with pytest.raises(ValueError, match=r"^conv2d: bias has shape \(3,\), expected \(4,\)$"):
        ops.conv2d(x, weight, np.zeros(3))
    with pytest.raises(ValueError, match=r"^conv2d: bias has shape \(4, 1\), expected 1 axes$"):
        ops.conv2d(x, weight, np.zeros((4, 1)))
    with pytest.raises(
        ValueError,
        match=r"^conv2d_backward: grad_output has shape \(1, 5, 6, 3\), expected \(1, 5, 6, 4\)$",
    ):
        ops.conv2d_backward(np.zeros((1, 5, 6, 3)), x, weight)
