"""group_norm, layer_norm and their backwards against the reference."""

from __future__ import annotations

from collections.abc import Callable
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
    """A shape and the number of groups, or None for layer_norm."""

    size: tuple[int, ...]
    groups: int | None = None

    @property
    def name(self) -> str:
        return "layer_norm" if self.groups is None else "group_norm"

    @property
    def settings(self) -> tuple[int, ...]:
        return () if self.groups is None else (self.groups,)

    @property
    def terms(self) -> int:
        """The number of elements of a mean."""
        pixels = 1 if self.groups is None else int(np.prod(self.size[1:-1], dtype=int))
        return pixels * self.size[-1] // (self.groups or 1)

    def forward(
        self,
        library: Any,
        x: npt.ArrayLike,
        weight: npt.ArrayLike,
        bias: npt.ArrayLike,
        **more: Any,
    ) -> Any:
        return getattr(library, self.name)(x, weight, bias, *self.settings, **more)

    def backward(
        self,
        library: Any,
        grad: npt.ArrayLike,
        x: npt.ArrayLike,
        weight: npt.ArrayLike,
        **more: Any,
    ) -> Any:
        function = getattr(library, f"{self.name}_backward")
        return function(grad, x, weight, *self.settings, **more)

    def normalised(self, x: npt.ArrayLike) -> Any:
        ones = np.ones(self.size[-1])
        return self.forward(reference, x, ones, 0 * ones)


class Sample(NamedTuple):
    """A batch with a different mean and deviation per channel, and a gradient for it."""

    x: Float32Array
    weight: Float32Array
    bias: Float32Array
    grad_output: Float32Array


def sample(rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
    channels = size[-1]
    x = gaussians(rng, *size) * np.exp(gaussians(rng, channels)) + gaussians(rng, channels)
    return Sample(x, gaussians(rng, channels), gaussians(rng, channels), gaussians(rng, *size))


CHANNELS = (1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 40, 100, 600)
CASES = [
    *[Case((2, 3, 5, channels)) for channels in CHANNELS],
    *[Case((2, 3, 5, channels), 1) for channels in CHANNELS],
    *[Case((3, 2, 3, channels), channels) for channels in (2, 3, 5, 17, 40)],
    *[Case((2, 4, 3, channels), groups) for channels, groups in ((6, 2), (34, 2), (40, 5))],
    *[Case((3, channels), groups) for channels, groups in ((6, 2), (51, 3), (40, 5), (17, 1))],
    *[Case((3, channels)) for channels in (2, 15, 16, 17, 48, 1000)],
    # Rows and pixels around the four chains of a sum, a chunk's 64 pixels, and beyond many chunks.
    *[Case((rows, 5)) for rows in (1, 2, 3, 4, 5, 63, 64, 65, 2000)],
    *[Case((1, 1, pixels, 6), 2) for pixels in (1, 2, 3, 4, 5, 7, 63, 64, 65)],
    *[Case((1, pixels, 1, 600), 4) for pixels in (63, 64, 65, 130)],
    Case((1, 64, 65, 2), 2),
    Case((2, 41, 37, 6), 3),
    Case((33, 4, 4, 12), 3),
    Case((4, 3, 2, 2, 7)),
    Case((257, 600)),
]
every_case = pytest.mark.parametrize("case", CASES, ids=str)


@every_case
def test_forward(case: Case, rng: np.random.Generator) -> None:
    s = sample(rng, case.size)
    assert_within_bound(
        case.forward(ops, s.x, s.weight, s.bias),
        case.forward(reference, s.x, s.weight, s.bias),
        terms=case.terms,
        magnitude=magnitude_of(case, s.x) * abs(s.weight) + abs(s.bias),
    )


@every_case
def test_backward(case: Case, rng: np.random.Generator) -> None:
    s = sample(rng, case.size)
    grads = case.backward(ops, s.grad_output, s.x, s.weight)
    expected_grads = case.backward(reference, s.grad_output, s.x, s.weight)
    size = magnitude_of(case, s.x)
    inverse = inverse_of(case, s.x)
    weighted = np.abs(s.grad_output * s.weight).max()
    pixels = tuple(range(len(case.size) - 1))
    magnitudes = (
        inverse * weighted * (1 + size.max() ** 2),
        (abs(s.grad_output) * size).sum(pixels),
        abs(s.grad_output).sum(pixels),
    )
    terms = s.x.size // case.size[-1] + case.terms
    for grad, exact, magnitude in zip(grads, expected_grads, magnitudes, strict=True):
        assert_within_bound(grad, exact, terms=terms, magnitude=magnitude)


def inverse_of(case: Case, x: npt.ArrayLike) -> Any:
    """The largest inverse standard deviation."""
    parts, axes = reference.in_groups(rows_of(case, x), case.groups or 1)
    return 1 / np.sqrt(parts.var(axes).min() + 1e-5)


def magnitude_of(case: Case, x: npt.ArrayLike) -> Any:
    """Magnitude of the normalised numbers before the mean is subtracted."""
    parts, axes = reference.in_groups(rows_of(case, x), case.groups or 1)
    spread = np.sqrt(parts.var(axes, keepdims=True) + 1e-5)
    size = (abs(parts) + abs(parts).mean(axes, keepdims=True)) / spread
    return size.reshape(np.shape(x))


def rows_of(case: Case, x: npt.ArrayLike) -> Any:
    return np.reshape(x, (-1, case.size[-1])) if case.groups is None else x


@pytest.mark.parametrize(
    "case", [Case((1, 7, 5, 6), 2), Case((3, 40)), Case((2, 600)), Case((1, 64, 64, 2), 1)], ids=str
)
def test_a_large_mean_with_a_small_deviation(case: Case, rng: np.random.Generator) -> None:
    """The mean square minus the squared mean would lose all digits of this variance."""
    s = sample(rng, case.size)
    x = np.asarray(10_000 + gaussians(rng, *case.size), np.float32)
    ones, zeros = np.ones(case.size[-1]), np.zeros(case.size[-1])
    # A float32 mean is off by up to 5e-4, no more.
    np.testing.assert_allclose(
        case.forward(ops, x, ones, zeros), case.normalised(x), rtol=2e-5, atol=6e-4
    )
    grads = case.backward(ops, s.grad_output, x, s.weight)
    expected_grads = case.backward(reference, s.grad_output, x, s.weight)
    for grad, exact in zip(grads, expected_grads, strict=True):
        np.testing.assert_allclose(grad, exact, rtol=0, atol=2e-3 * np.abs(exact).max())


@pytest.mark.parametrize(
    "case", [Case((2, 3, 3, 6), 2), Case((2, 3, 3, 1)), Case((5, 40))], ids=str
)
def test_a_constant_group_becomes_the_bias(case: Case) -> None:
    channels = case.size[-1]
    x, bias = np.full(case.size, 0.7, np.float32), np.arange(float(channels))
    output = case.forward(ops, x, np.ones(channels), bias, epsilon=1e-12)
    np.testing.assert_allclose(output, np.broadcast_to(bias, x.shape), atol=0.1)
    output = case.forward(ops, x, np.ones(channels), bias)
    np.testing.assert_allclose(output, np.broadcast_to(bias, x.shape), atol=1e-4)
    gradient = case.backward(ops, np.ones_like(x), x, np.ones(channels))[0]
    np.testing.assert_allclose(gradient, 0, atol=1e-3)


def test_layer_norm_is_group_norm_of_rows(rng: np.random.Generator) -> None:
    s = sample(rng, (65, 40))
    assert_same_bits(
        ops.layer_norm(s.x, s.weight, s.bias), ops.group_norm(s.x, s.weight, s.bias, 1)
    )
    assert_same_bits(
        ops.layer_norm_backward(s.grad_output, s.x, s.weight),
        ops.group_norm_backward(s.grad_output, s.x, s.weight, 1),
    )


@pytest.mark.parametrize(
    "case",
    [Case((9, 6, 7, 6), 3), Case((9, 1, 1, 6), 3), Case((65, 40)), Case((9, 5, 4, 17))],
    ids=str,
)
def test_an_image_gives_the_same_bits_alone_and_in_any_batch(
    case: Case, rng: np.random.Generator
) -> None:
    s = sample(rng, case.size)
    output = case.forward(ops, s.x, s.weight, s.bias)
    grad_input = case.backward(ops, s.grad_output, s.x, s.weight)[0]
    for part in (slice(0, 1), slice(2, 7), slice(8, 9)):
        assert_same_bits(case.forward(ops, s.x[part], s.weight, s.bias), output[part])
        grads = case.backward(ops, s.grad_output[part], s.x[part], s.weight)
        assert_same_bits(grads[0], grad_input[part])


@pytest.mark.parametrize("case", [Case((2, 5, 5, 38), 2), Case((2, 5, 5, 38))], ids=str)
def test_nan_stays_in_its_group(case: Case, rng: np.random.Generator) -> None:
    s = sample(rng, case.size)
    s.x[1, 2, 3, 7] = np.nan
    wrong = np.isnan(case.forward(ops, s.x, s.weight, s.bias))
    expected = np.zeros_like(wrong)
    expected[(1, 2, 3) if case.groups is None else (1, slice(None), slice(None), slice(19))] = True
    np.testing.assert_array_equal(wrong, expected)


@pytest.mark.parametrize("case", [Case((0, 3, 3, 6), 3), Case((0, 6), 2), Case((0, 3, 6))], ids=str)
def test_an_empty_batch_has_no_gradient(case: Case) -> None:
    x, ones = np.zeros(case.size, np.float32), np.ones(6)
    assert_exactly_equal(case.forward(ops, x, ones, ones), x)
    grad_input, grad_weight, grad_bias = case.backward(ops, x, x, ones)
    assert_exactly_equal(grad_input, x)
    assert_exactly_equal(grad_weight, np.zeros(6))
    assert_exactly_equal(grad_bias, np.zeros(6))


SMALL = [Case((2, 2, 3, 4), 2), Case((2, 4), 2), Case((2, 3, 4))]
small = pytest.mark.parametrize("case", SMALL, ids=str)


@small
def test_the_reference_by_finite_differences(case: Case, rng: np.random.Generator) -> None:
    x, grad_output = rng.standard_normal((2, *case.size))
    weight, bias = rng.standard_normal((2, 4))
    forward = partial(case.forward, reference, epsilon=0.1)
    grads = case.backward(reference, grad_output, x, weight, epsilon=0.1)
    assert_gradient(grads[0], lambda x: forward(x, weight, bias), x, grad_output)
    assert_gradient(grads[1], lambda w: forward(x, w, bias), weight, grad_output)
    assert_gradient(grads[2], lambda b: forward(x, weight, b), bias, grad_output)


@given(
    leading=st.lists(st.integers(1, 7), min_size=3, max_size=3),
    groups=st.integers(1, 7),
    channels=st.integers(1, 40),
    epsilon=st.sampled_from([1e-3, 0.5]),
    seed=st.integers(0, 99),
)
def test_any_shape(
    leading: list[int], groups: int, channels: int, epsilon: float, seed: int
) -> None:
    for case in (Case((*leading, groups * channels), groups), Case((*leading, channels))):
        s = sample(np.random.default_rng(seed), case.size)
        output = case.forward(ops, s.x, s.weight, s.bias, epsilon=epsilon)
        exact = case.forward(reference, s.x, s.weight, s.bias, epsilon=epsilon)
        np.testing.assert_allclose(output, exact, atol=1e-4, rtol=1e-4)
        grads = case.backward(ops, s.grad_output, s.x, s.weight, epsilon=epsilon)
        expected_grads = case.backward(reference, s.grad_output, s.x, s.weight, epsilon=epsilon)
        for grad, true in zip(grads, expected_grads, strict=True):
            np.testing.assert_allclose(grad, true, atol=1e-3, rtol=1e-3)


@small
def test_layout_and_dtype_do_not_matter(case: Case, rng: np.random.Generator) -> None:
    x, grad_output = small_integers(rng, *case.size), small_integers(rng, *case.size)
    weight, bias = small_integers(rng, 4), small_integers(rng, 4)
    assert_form_does_not_matter(partial(case.forward, ops), x, weight, bias)
    assert_form_does_not_matter(partial(case.backward, ops), grad_output, x, weight)


@pytest.mark.usefixtures("restore_threads")
@pytest.mark.parametrize(
    "case",
    [
        Case((64, 16, 16, 18), 3),
        Case((2, 130, 130, 4), 2),  # fewer images than threads
        Case((1, 30, 30, 600), 4),
        Case((64, 16, 16, 17)),
        Case((530, 600)),
        Case((530, 600), 3),
    ],
    ids=str,
)
def test_threads_do_not_matter(case: Case, rng: np.random.Generator) -> None:
    s = sample(rng, case.size)
    assert_threads_do_not_matter(partial(case.forward, ops), s.x, s.weight, s.bias)
    assert_threads_do_not_matter(partial(case.backward, ops), s.grad_output, s.x, s.weight)


X, ONE = np.zeros((2, 3, 4, 6)), np.ones(6)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: ops.group_norm(X[0], ONE, ONE, 2),
            r"group_norm: x has shape \(3, 4, 6\), expected \(batch, height, width, channels\) or ",
        ),
        (
            lambda: ops.group_norm(X[:, :0], ONE, ONE, 2),
            r"group_norm: x has shape \(2, 0, 4, 6\), expected at least one row, column and chan",
        ),
        (
            lambda: ops.group_norm(X[0, 0, :, :0], [], [], 1),
            r"group_norm: x has shape \(4, 0\), expected at least one feature",
        ),
        (
            lambda: ops.group_norm(X, ONE, ONE, 4),
            "group_norm: groups is 4, expected a divisor of the 6 channels",
        ),
        (
            lambda: ops.group_norm_backward(X, X, ONE, 0),
            "group_norm: groups is 0, expected a divisor of the 6 channels",
        ),
        (
            lambda: ops.group_norm(X, ONE[:4], ONE, 2),
            r"group_norm: weight has shape \(4,\), expected \(6,\)",
        ),
        (
            lambda: ops.group_norm(X, ONE, X, 2),
            r"group_norm: bias has shape \(2, 3, 4, 6\), expected \(6,\)",
        ),
        (
            lambda: ops.group_norm(X, ONE, ONE, 2, epsilon=0),
            "group_norm: epsilon is 0.*, expected a finite number > 0",
        ),
        (
            lambda: ops.group_norm_backward(X[:1], X, ONE, 2),
            r"group_norm_backward: grad_output has shape \(1, 3, 4, 6\), expected \(2, 3, 4, 6\)",
        ),
        (
            lambda: ops.layer_norm(ONE, ONE, ONE),
            r"layer_norm: x has shape \(6,\), expected \(batch, ..., channels\)",
        ),
        (
            lambda: ops.layer_norm(X[..., :0], [], []),
            r"layer_norm: x has shape \(2, 3, 4, 0\), expected at least one channel in the last",
        ),
        (
            lambda: ops.layer_norm(X, ONE, 1.0),
            r"layer_norm: bias has shape \(\), expected \(6,\)",
        ),
        (
            lambda: ops.layer_norm(X, ONE, ONE, epsilon=float("nan")),
            "layer_norm: epsilon is nan, expected a finite number",
        ),
        (
            lambda: ops.layer_norm_backward(X, X, ONE[1:]),
            r"layer_norm_backward: weight has shape \(5,\), expected \(6,\)",
        ),
        (
            lambda: ops.layer_norm_backward(X, X, ONE, epsilon=-1.0),
            "layer_norm: epsilon is -1.*, expected a finite number > 0",
        ),
    ],
)
def test_wrong_arguments_are_refused(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}") as caught:
        call()
    assert "\n" not in str(caught.value)


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match=r"^layer_norm: x has dtype complex128"):
        ops.layer_norm(X * 1j, ONE, ONE)
    with pytest.raises(TypeError, match=r"^group_norm: groups is 2.0, expected an integer"):
        ops.group_norm(X, ONE, ONE, 2.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^layer_norm: epsilon is 'small', expected a number"):
        ops.layer_norm(X, ONE, ONE, epsilon="small")  # type: ignore[arg-type]
