"""softmax over the last axis and its logarithm, forward and backward, against the reference."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
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
    assert_within_ulps,
)
from hypothesis import given
from hypothesis import strategies as st
from samples import gaussians, small_integers

pytestmark = pytest.mark.parity

SHAPES = [
    (1, 1),
    (1, 7),
    (13, 2),
    (5, 3),
    (64, 10),
    (65, 13),
    (7,),
    (2, 3, 4, 6),
    *[(3, n) for n in (4, 5, 7, 8, 9, 15, 16, 17, 20, 24, 31, 32, 33)],
]
both = pytest.mark.parametrize("name", ["softmax", "log_softmax"])
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def forward(library: Any, name: str, x: Any) -> Any:
    return getattr(library, name)(x)


def backward(library: Any, name: str, grad_output: Any, output: Any) -> Any:
    return getattr(library, f"{name}_backward")(grad_output, output)


@both
@every_shape
def test_within_4_ulps(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    for scale in (1, 5, 20):
        x = scale * gaussians(rng, *shape)
        assert_within_ulps(forward(ops, name, x), forward(reference, name, x))


@pytest.mark.parametrize("classes", [100, 1000, 4097])
def test_many_classes_within_bound(classes: int, rng: np.random.Generator) -> None:
    x = gaussians(rng, 3, classes)
    expected = reference.softmax(x)
    assert_within_bound(ops.softmax(x), expected, terms=classes, magnitude=expected)
    np.testing.assert_allclose(ops.softmax(x).sum(axis=1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("classes", [2, 17, 1000, 4097])
def test_logarithms_are_within_4_ulps(classes: int, rng: np.random.Generator) -> None:
    """Also where one probability is nearly 1, and where others are too small for float32."""
    for scale, lead in ((1, 0), (10, 0), (100, 0), (1, 15), (1, 30), (1, 80), (1e30, 0)):
        x = np.float32(scale) * gaussians(rng, 5, classes)
        x[:, classes // 2] += lead
        assert_within_ulps(ops.log_softmax(x), reference.log_softmax(x))


@every_shape
def test_backward_of_the_logarithm_within_bound(
    shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    output, grad_output = ops.log_softmax(gaussians(rng, *shape)), gaussians(rng, *shape)
    total = np.abs(grad_output).sum(axis=-1, keepdims=True)
    assert_within_bound(
        ops.log_softmax_backward(grad_output, output),
        reference.log_softmax_backward(grad_output, output),
        terms=shape[-1],
        magnitude=np.abs(grad_output) + np.exp(output) * total,
    )


@every_shape
def test_backward_within_bound(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    output, grad_output = ops.softmax(gaussians(rng, *shape)), gaussians(rng, *shape)
    mean = (np.abs(grad_output) * output).sum(axis=-1, keepdims=True)
    assert_within_bound(
        ops.softmax_backward(grad_output, output),
        reference.softmax_backward(grad_output, output),
        terms=shape[-1],
        magnitude=output * (np.abs(grad_output) + mean),
    )


def test_backward_is_exact_on_small_integers(rng: np.random.Generator) -> None:
    grad_output, output = small_integers(rng, 5, 13), small_integers(rng, 5, 13)
    assert_exactly_equal(
        ops.softmax_backward(grad_output, output), reference.softmax_backward(grad_output, output)
    )


@pytest.mark.parametrize("classes", [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize("value", [0.0, 1e4, -1e4, 3e38])
def test_equal_inputs_get_equal_outputs_and_nothing_overflows(classes: int, value: float) -> None:
    x = np.full((2, classes), value, np.float32)
    assert_exactly_equal(ops.softmax(x), np.full((2, classes), 1 / classes))
    assert_within_ulps(ops.log_softmax(x), np.full((2, classes), -np.log(classes)))


def test_far_below_the_maximum_is_zero() -> None:
    x = np.array([[0.0, -1000.0, -np.inf], [3e38, -3e38, 0.0]], np.float32)
    assert_exactly_equal(ops.softmax(x), [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    logarithms = np.array([[0.0, -1000.0, -np.inf], [0.0, -np.inf, -3e38]], np.float32)
    assert_exactly_equal(ops.log_softmax(x), logarithms)
    grad_output = np.ones((2, 3), np.float32)
    assert_exactly_equal(
        ops.log_softmax_backward(grad_output, logarithms), [[-2, 1, 1], [-2, 1, 1]]
    )


@both
def test_nan_stays_in_its_row(name: str, rng: np.random.Generator) -> None:
    x = gaussians(rng, 3, 21)
    clean = forward(ops, name, x)
    for column in (0, 10, 20):
        poisoned = x.copy()
        poisoned[1, column] = np.nan
        output = forward(ops, name, poisoned)
        assert np.isnan(output[1]).all()
        assert_same_bits(output[[0, 2]], clean[[0, 2]])


@both
def test_a_row_gives_the_same_bits_alone_and_in_any_batch(
    name: str, rng: np.random.Generator
) -> None:
    x, grad_output = gaussians(rng, 65, 13), gaussians(rng, 65, 13)
    output = forward(ops, name, x)
    grad_input = backward(ops, name, grad_output, output)
    for rows in (slice(0, 1), slice(0, 7), slice(0, 64), slice(64, 65)):
        assert_same_bits(forward(ops, name, x[rows]), output[rows])
        assert_same_bits(backward(ops, name, grad_output[rows], output[rows]), grad_input[rows])


@pytest.mark.parametrize("classes", [1, 2, 3, 4, 5, 6, 8, 9, 15, 16, 17])
def test_rows_at_once_have_the_bits_of_single_rows(classes: int, rng: np.random.Generator) -> None:
    """Sixteen rows of at most sixteen classes are processed at once."""
    x = 5 * gaussians(rng, 39, classes)
    x[3, 0], x[20, classes - 1], x[22, 0], x[24] = np.nan, np.inf, -np.inf, -0.0
    rows = [ops.softmax(x[i : i + 1]) for i in range(len(x))]
    assert_same_bits(ops.softmax(x), np.concatenate(rows))


@both
def test_gradient_of_the_reference_by_finite_differences(
    name: str, rng: np.random.Generator
) -> None:
    x, grad_output = rng.standard_normal((3, 5)), rng.standard_normal((3, 5))
    gradient = backward(reference, name, grad_output, forward(reference, name, x))
    assert_gradient(gradient, partial(forward, reference, name), x, grad_output)


@pytest.mark.usefixtures("restore_threads")
@both
def test_threads_do_not_matter(name: str, rng: np.random.Generator) -> None:
    x, grad_output = gaussians(rng, 5003, 13), gaussians(rng, 5003, 13)
    assert_threads_do_not_matter(partial(forward, ops, name), x)
    assert_threads_do_not_matter(partial(backward, ops, name), grad_output, x)


@both
def test_layout_and_dtype_do_not_matter(name: str, rng: np.random.Generator) -> None:
    x, grad_output = small_integers(rng, 3, 6), small_integers(rng, 3, 6)
    assert_form_does_not_matter(partial(forward, ops, name), x)
    assert_form_does_not_matter(partial(backward, ops, name), grad_output, x)


@given(st.lists(st.integers(1, 4), max_size=3), st.integers(1, 33))
def test_any_shape(leading: list[int], classes: int) -> None:
    x = gaussians(np.random.default_rng(0), *leading, classes)
    assert_within_ulps(ops.softmax(x), reference.softmax(x))


@both
def test_refusals(name: str) -> None:
    x = np.zeros((2, 3), np.float32)
    with pytest.raises(
        ValueError,
        match=rf"^{name}_backward: grad_output has shape \(3, 2\), expected the shape of output, "
        r"\(2, 3\)$",
    ):
        backward(ops, name, x.T, x)
    with pytest.raises(ValueError, match=rf"^{name}: x has shape \(\), expected"):
        forward(ops, name, np.float32(1))
    with pytest.raises(TypeError, match=rf"^{name}: x has dtype complex128, expected real numbers"):
        forward(ops, name, np.zeros((2, 3), complex))
