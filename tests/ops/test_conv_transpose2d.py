"""conv_transpose2d and its layer against the reference, which scatters: sizes, borders, groups."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import reference
import winograd
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
    """An image batch, the kernel, and its placement in the output."""

    x: tuple[int, int, int, int]
    out_channels: int
    kernel: tuple[int, int] = (3, 3)
    stride: reference.Pair = 1
    padding: reference.Padding = 0
    output_padding: reference.Pair = 0
    dilation: reference.Pair = 1
    groups: int = 1

    @property
    def settings(self) -> dict[str, Any]:
        names = ("stride", "padding", "output_padding", "dilation", "groups")
        return {name: getattr(self, name) for name in names}

    @property
    def tile(self) -> winograd.Tile | None:
        """The largest tile of Winograd's method, which rounds small integers too, or None."""
        settings = {**self.settings, "kernel_size": self.kernel}
        return winograd.largest_tile(self.out_channels, self.x[3], settings)

    def forward(self, library: Any, *arrays: npt.ArrayLike | None) -> Any:
        return library.conv_transpose2d(*arrays, **self.settings)

    def backward(self, library: Any, *arrays: npt.ArrayLike) -> Any:
        return library.conv_transpose2d_backward(*arrays, **self.settings)

    def arrays(
        self, sample: Any, rng: np.random.Generator
    ) -> tuple[Float32Array, Float32Array, Float32Array]:
        weight = sample(rng, *self.kernel, self.out_channels // self.groups, self.x[3])
        return sample(rng, *self.x), weight, sample(rng, self.out_channels)

    def grad_output(self, sample: Any, rng: np.random.Generator) -> Float32Array:
        x, weight, _ = self.arrays(sample, rng)
        return np.asarray(sample(rng, *self.forward(reference, x, weight).shape))


CASES: dict[str, Case] = {
    "one number": Case((1, 1, 1, 1), 1, (1, 1)),
    **{
        f"kernel {k}, stride {s}": Case((2, 5, 7, 6), 5, (k, k), s, k // 2)
        for k in range(1, 6)
        for s in range(1, 4)
    },
    "doubles, kernel 4": Case((2, 7, 5, 20), 12, (4, 4), 2, 1),
    "doubles, kernel 2": Case((3, 7, 5, 33), 17, (2, 2), 2),
    "doubles, kernel 3": Case((1, 7, 5, 16), 16, (3, 3), 2, 1, 1),
    "pointwise": Case((2, 7, 13, 6), 20, (1, 1)),
    "pointwise, moved by its padding": Case((2, 6, 7, 9), 12, (1, 1), 1, 1, 2, 3),
    "pointwise, moved down": Case((3, 4, 5, 8), 6, (1, 1), 1, (1, 0), (2, 0), 3),
    "pointwise, stride 3": Case((2, 4, 5, 6), 20, (1, 1), 3, 0, 2),
    "same": Case((1, 7, 6, 5), 7, padding="same"),
    "same, even kernel": Case((1, 7, 6, 5), 7, (4, 2), padding="same"),
    "same, stride 2": Case((2, 7, 6, 5), 7, (3, 3), 2, "same"),
    "same, stride (3, 2), kernel (5, 4)": Case((2, 4, 6, 5), 7, (5, 4), (3, 2), "same"),
    "same, stride beyond the kernel": Case((1, 3, 4, 6), 7, (2, 2), 3, "same"),
    "same, dilation": Case((1, 5, 6, 3), 7, (3, 2), 2, "same", 0, (2, 3)),
    "valid": Case((1, 5, 6, 3), 7, (3, 2), 2, "valid", 1),
    "stride beyond the kernel": Case((2, 5, 4, 6), 17, (2, 3), (4, 5), (1, 0), (3, 4)),
    "four different sides": Case((2, 7, 8, 6), 7, (3, 4), (2, 1), ((2, 1), (0, 3)), (1, 0)),
    "padding beyond the kernel": Case((1, 9, 9, 3), 5, (2, 2), 1, (3, 4)),
    "all but one pixel is cut off": Case((1, 2, 2, 3), 5, (3, 3), 2, ((2, 2), (4, 0))),
    "output_padding from dilation": Case((1, 5, 6, 3), 5, (2, 2), 1, 1, (2, 1), 3),
    "output_padding, stride 2, dilation 3": Case((2, 5, 6, 12), 9, (3, 3), 2, 0, 2, 3),
    "dilation 2": Case((1, 13, 9, 6), 20, dilation=2, padding=2),
    "dilation (2, 3), stride (3, 2)": Case((1, 6, 7, 4), 9, (3, 2), (3, 2), 1, 0, (2, 3)),
    "many pixels": Case((3, 40, 33, 7), 5, (4, 4), 2, 1),
    "many weights": Case((2, 3, 5, 410), 700, (1, 1)),
    "few outputs": Case((2, 9, 11, 16), 3, (5, 5), 1, 2),
    "one output": Case((2, 9, 11, 16), 1, (3, 3), 1, 1),
    "one output, stride 2": Case((2, 9, 11, 16), 1, (3, 3), 2, 1, 1),
    "one input": Case((2, 9, 11, 1), 6, (5, 5), 1, 2),
    "winograd": Case((2, 13, 11, 20), 24, padding=1),
    "winograd, many channels": Case((1, 7, 6, 40), 70, padding=((1, 2), (0, 1))),
    "winograd, doubles": Case((2, 13, 11, 20), 24, stride=2, padding=1),
    "winograd, groups of 16": Case((2, 8, 9, 48), 48, padding=1, groups=3),
    "2 groups": Case((2, 7, 8, 6), 20, padding=1, groups=2),
    "3 groups of odd size, stride 2": Case((1, 7, 8, 9), 15, (3, 3), 2, 1, 1, groups=3),
    "groups of 4 to 4, stride 2": Case((2, 7, 9, 20), 20, (3, 3), 2, 1, 1, groups=5),
    "groups of 2 to 2, gaps": Case((1, 5, 4, 10), 10, (2, 2), 3, 0, 1, groups=5),
    "groups of 8 to 8": Case((2, 5, 9, 24), 24, (4, 4), 2, 1, groups=3),
    "depthwise": Case((2, 7, 13, 20), 20, padding=1, groups=20),
    "depthwise, doubles": Case((2, 7, 5, 33), 33, (4, 4), 2, 1, groups=33),
    "depthwise, gaps": Case((2, 4, 5, 9), 9, (2, 1), 3, 0, 2, groups=9),
    "depthwise, 2 filters each": Case((1, 7, 8, 6), 12, (3, 3), 2, "same", groups=6),
    "2 inputs to each output": Case((1, 7, 8, 12), 6, (3, 3), 2, "same", groups=6),
    **{f"{n} out": Case((1, 4, 5, 3), n, (3, 3), 2, 1) for n in (8, 15, 16, 17, 31, 33, 65)},
    **{f"{n} in": Case((1, 4, 5, n), 5, (3, 3), 2, 1) for n in (8, 15, 16, 17, 31, 33, 65)},
}
EXACT = {name: case for name, case in CASES.items() if case.tile is None}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
every_exact_case = pytest.mark.parametrize("case", EXACT.values(), ids=EXACT)


@every_exact_case
def test_exact_on_small_integers(case: Case, rng: np.random.Generator) -> None:
    x, weight, bias = case.arrays(small_integers, rng)
    for given_bias in (bias, None):
        assert_exactly_equal(
            case.forward(ops, x, weight, given_bias),
            case.forward(reference, x, weight, given_bias),
        )
    grad_output = case.grad_output(small_integers, rng)
    actual = case.backward(ops, grad_output, x, weight)
    expected = case.backward(reference, grad_output, x, weight)
    for ours, exact in zip(actual, expected, strict=True):
        assert_exactly_equal(ours, exact)


@every_case
def test_within_bound(case: Case, rng: np.random.Generator) -> None:
    x, weight, bias = case.arrays(gaussians, rng)
    group_inputs, taps = case.x[3] // case.groups, weight[..., 0, 0].size
    forward, *backward = winograd.amplifications(case.tile)
    assert_within_bound(
        case.forward(ops, x, weight, bias),
        case.forward(reference, x, weight, bias),
        terms=taps * group_inputs + 1,
        magnitude=case.forward(reference, abs(x), abs(weight), abs(bias)),
        amplification=backward[0],  # the input gradient of a convolution
    )
    grad_output = case.grad_output(gaussians, rng)
    for ours, exact, magnitude, terms, amplification in zip(
        case.backward(ops, grad_output, x, weight),
        case.backward(reference, grad_output, x, weight),
        case.backward(reference, abs(grad_output), abs(x), abs(weight)),
        (weight[..., 0].size, x[..., 0].size, grad_output[..., 0].size),
        (forward, *backward[1:]),
        strict=True,
    ):
        assert_within_bound(
            ours, exact, terms=terms, magnitude=magnitude, amplification=amplification
        )


@pytest.mark.parametrize(
    "case",
    [
        Case((2, 3, 2, 2), 3, (2, 3), 1, ((0, 1), (2, 0))),
        Case((1, 2, 3, 4), 2, (3, 2), (2, 3), "same", groups=2),
        Case((1, 3, 2, 2), 4, (3, 2), 2, 1, (2, 1), (3, 2), groups=2),
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


@pytest.mark.parametrize(
    "name",
    ["doubles, kernel 4", "same, dilation", "depthwise, gaps", "2 groups"],
)
def test_it_is_the_adjoint_of_conv2d(name: str, rng: np.random.Generator) -> None:
    """<y, T(x)> = <conv2d(y), x> with the same weight; "same" has the same sides too."""
    case = CASES[name]
    x, weight, _ = case.arrays(small_integers, rng)
    y = case.grad_output(small_integers, rng)
    settings = case.settings
    settings.pop("output_padding")
    there, back = case.forward(ops, x, weight), ops.conv2d(y, weight, **settings)
    assert back.shape == x.shape
    assert np.vdot(y.astype(np.float64), there) == np.vdot(back.astype(np.float64), x)


def test_the_output_has_the_size_that_the_formula_gives() -> None:
    x = np.ones((1, 5, 4, 1), np.float32)
    for kernel, stride, padding, more, size in (
        (4, 2, 1, 0, (10, 8)),
        (3, 2, 1, 1, (10, 8)),
        (3, 3, 0, (2, 1), (17, 13)),
        (3, 2, ((0, 1), (2, 0)), 0, (10, 7)),
        (5, 1, "valid", 0, (9, 8)),
        (5, (3, 2), "same", 0, (15, 8)),
        (2, 4, "same", 0, (20, 16)),
    ):
        weight = np.ones((kernel, kernel, 1, 1), np.float32)
        output = ops.conv_transpose2d(
            x, weight, stride=stride, padding=padding, output_padding=more
        )
        assert output.shape == (1, *size, 1)


def test_pixels_outside_every_tap_are_the_bias(rng: np.random.Generator) -> None:
    for groups in (1, 6):
        case = Case((2, 3, 3, 6), 6, (2, 2), 3, 0, 2, groups=groups)
        x, weight, bias = case.arrays(gaussians, rng)
        output = case.forward(ops, x, weight, bias)
        for nowhere in (output[:, 2::3], output[:, :, 2::3], output[:, 8:], output[:, :, 8:]):
            assert_exactly_equal(nowhere, np.broadcast_to(bias, nowhere.shape))


@pytest.mark.usefixtures("restore_threads")
@pytest.mark.parametrize(
    "case",
    [
        Case((4, 17, 19, 20), 12, (4, 4), 2, 1),
        Case((1, 33, 31, 33), 7, (3, 3), 1, 1),
        Case((3, 16, 15, 16), 24, (3, 3), 1, 1),
        Case((2, 32, 31, 24), 24, (4, 4), 2, 1, groups=24),
        Case((3, 16, 15, 24), 24, (3, 3), 2, 1, 1, groups=6),
        Case((2, 31, 32, 16), 3, (5, 5), 1, 2),
    ],
)
def test_threads_do_not_matter(case: Case, rng: np.random.Generator) -> None:
    x, weight, bias = case.arrays(gaussians, rng)
    grad_output = case.grad_output(gaussians, rng)
    assert_threads_do_not_matter(partial(case.forward, ops), x, weight, bias)
    assert_threads_do_not_matter(partial(case.backward, ops), grad_output, x, weight)


@pytest.mark.parametrize("name", ["doubles, kernel 4", "winograd", "depthwise", "few outputs"])
def test_an_image_gives_the_same_bits_alone_and_in_any_batch(
    name: str, rng: np.random.Generator
) -> None:
    case = CASES[name]
    case = case._replace(x=(33, *case.x[1:]))
    x, weight, bias = case.arrays(gaussians, rng)
    whole = case.forward(ops, x, weight, bias)
    for count in (1, 7, 32):
        assert_same_bits(case.forward(ops, x[:count], weight, bias), whole[:count])
    assert_same_bits(case.forward(ops, x[-1:], weight, bias), whole[-1:])


def test_layout_and_dtype_do_not_matter(rng: np.random.Generator) -> None:
    case = Case((2, 3, 4, 4), 6, (3, 3), 2, 1, 1, groups=2)
    x, weight, bias = case.arrays(small_integers, rng)
    grad_output = case.grad_output(small_integers, rng)
    assert_form_does_not_matter(partial(case.forward, ops), x, weight, bias)
    assert_form_does_not_matter(partial(case.backward, ops), grad_output, x, weight)


sizes = st.tuples(st.integers(1, 3), st.integers(1, 3))


@given(st.tuples(*[st.integers(1, 9)] * 2), sizes, sizes, sizes, sizes, st.booleans(), st.data())
def test_any_shape(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    channels: tuple[int, int],
    same: bool,
    data: st.DataObject,
) -> None:
    groups = data.draw(st.integers(1, 3))
    more, sides = [], []
    for axis in range(2):
        more.append(data.draw(st.integers(0, max(stride[axis], dilation[axis]) - 1)))
        full = (size[axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + more[axis]
        before = data.draw(st.integers(0, min(4, full)))
        sides.append((before, data.draw(st.integers(0, min(4, full - before)))))
    case = Case(
        (2, *size, groups * channels[0]),
        groups * channels[1],
        kernel,
        stride,
        "same" if same else (sides[0], sides[1]),
        0 if same else (more[0], more[1]),
        dilation,
        groups,
    )
    test_exact_on_small_integers(case, np.random.default_rng(0))


def test_an_empty_batch_gives_an_empty_result_and_no_gradient() -> None:
    x, weight = np.zeros((0, 3, 4, 6), np.float32), np.ones((4, 4, 5, 6), np.float32)
    output = ops.conv_transpose2d(x, weight, np.ones(5), stride=2)
    assert_exactly_equal(output, np.zeros((0, 8, 10, 5)))
    gradients = ops.conv_transpose2d_backward(output, x, weight, stride=2)
    for ours, expected in zip(gradients, (x, np.zeros_like(weight), np.zeros(5)), strict=True):
        assert_exactly_equal(ours, expected)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"x": np.zeros((7, 8, 6))}, r"x has shape \(7, 8, 6\), expected 4 axes"),
        ({"x": np.zeros((1, 0, 8, 6))}, r"x has shape \(1, 0, 8, 6\), expected at least one row"),
        ({"x": np.zeros((1, 7, 8, 6), complex)}, "x has dtype complex128, expected real numbers"),
        ({"weight": np.zeros((3, 6, 4))}, r"weight has shape \(3, 6, 4\), expected 4 axes"),
        ({"weight": np.zeros((3, 0, 4, 6))}, r"weight has shape .*, expected at least one element"),
        (
            {"weight": np.zeros((3, 3, 6, 4))},
            r"weight has shape \(3, 3, 6, 4\), expected in_channels = 6 in axis 3",
        ),
        ({"groups": 4}, r"groups is 4, expected a divisor of in_channels = 6"),
        ({"groups": 0}, r"groups is 0, expected a divisor of in_channels = 6"),
        ({"groups": 2.0}, r"groups is 2.0, expected an integer"),
        ({"padding": -1}, r"padding is \(\(-1, -1\), \(-1, -1\)\), expected 0 to \d+ on every"),
        ({"padding": "full"}, r"padding is 'full', expected an integer, \(height, width\), .*same"),
        (
            {"padding": ((9, 0), (0, 0))},
            r"padding is \(\(9, 0\), \(0, 0\)\) and leaves an output of \(0, 10\), expected at "
            "least one row and column",
        ),
        ({"stride": 0}, r"stride is \(0, 0\), expected 1 to \d+ in height and width"),
        ({"stride": 1.5}, r"stride is 1.5, expected an integer or \(height, width\)"),
        ({"dilation": (1, 0)}, r"dilation is \(1, 0\), expected 1 to \d+ in height and width"),
        (
            {"stride": (1, 2), "output_padding": 1, "dilation": (1, 3)},
            r"output_padding is \(1, 1\), expected less than the larger of stride and dilation, "
            r"\(1, 3\)",
        ),
        ({"output_padding": (0, -1)}, r"output_padding is \(0, -1\), expected 0 or more on each"),
        ({"output_padding": 0.5}, r"output_padding is 0.5, expected an integer or"),
        (
            {"output_padding": 1, "stride": 2, "padding": "same"},
            r'output_padding is \(1, 1\), expected 0 with padding "same", which decides the outp',
        ),
    ],
)
def test_refusals(arguments: dict[str, Any], sentence: str) -> None:
    settings = {"x": np.zeros((1, 7, 8, 6)), "weight": np.zeros((3, 3, 4, 6)), **arguments}
    with pytest.raises((ValueError, TypeError), match=rf"^conv_transpose2d: {sentence}"):
        ops.conv_transpose2d(**settings)
    with pytest.raises(
        (ValueError, TypeError), match=rf"^conv_transpose2d(_backward)?: {sentence}"
    ):
        ops.conv_transpose2d_backward(np.zeros((1, 9, 10, 4)), **settings)


def test_a_bias_or_a_gradient_of_another_shape_is_refused() -> None:
    x, weight = np.zeros((1, 7, 8, 6)), np.zeros((3, 3, 4, 6))
    with pytest.raises(ValueError, match=r"^conv_transpose2d: bias has shape \(6,\), expected \(4"):
        ops.conv_transpose2d(x, weight, np.zeros(6))
    with pytest.raises(
        ValueError,
        match=r"^conv_transpose2d_backward: grad_output has shape \(1, 7, 8, 4\), "
        r"expected \(1, 9, 10, 4\)$",
    ):
        ops.conv_transpose2d_backward(np.zeros((1, 7, 8, 4)), x, weight)
