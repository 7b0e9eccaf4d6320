"""What max_pool2d and avg_pool2d share: defaults, threads, array forms, empty batches, refusals."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from cnnx import ops
from comparison import (
    assert_exactly_equal,
    assert_form_does_not_matter,
    assert_same_bits,
    assert_threads_do_not_matter,
)
from pooling_cases import PoolingCase
from samples import gaussians, small_integers

pytestmark = pytest.mark.parity

both_ops = pytest.mark.parametrize("op", ["max_pool2d", "avg_pool2d"])


def forward_and_backward(op: str) -> tuple[Any, Any]:
    return getattr(ops, op), getattr(ops, f"{op}_backward")


@both_ops
def test_default_stride_is_the_window(op: str, rng: np.random.Generator) -> None:
    x = gaussians(rng, 1, 7, 13, 3)
    pool, _ = forward_and_backward(op)
    assert_same_bits(pool(x, (2, 3)), pool(x, (2, 3), stride=(2, 3)))


@pytest.mark.usefixtures("restore_threads")
@pytest.mark.parametrize(
    "case",
    [
        PoolingCase("max_pool2d", (16, 33, 31, 20), 2),
        PoolingCase("max_pool2d", (16, 33, 31, 20), 3, 2, 1),
        PoolingCase("max_pool2d", (1, 33, 31, 20), 3, 1, "same"),
        PoolingCase("max_pool2d", (3, 33, 31, 20), 2, ceil_mode=True),
        PoolingCase("max_pool2d", (3, 33, 31, 20), 3, 2, 2, dilation=(5, 3)),
        PoolingCase("avg_pool2d", (16, 33, 31, 20), 2),
        PoolingCase("avg_pool2d", (16, 33, 31, 20), 3, 2, 1, count_include_pad=False),
        PoolingCase("avg_pool2d", (1, 33, 31, 20), 3, 1, "same"),
        PoolingCase("avg_pool2d", (3, 33, 31, 20), 2, ceil_mode=True),
        PoolingCase("avg_pool2d", (3, 33, 31, 20), 3, 2, 2, dilation=(5, 3)),
    ],
    ids=str,
)
def test_threads_do_not_matter(case: PoolingCase, rng: np.random.Generator) -> None:
    x, grad_output = gaussians(rng, *case.x), case.grad_output(rng)
    assert_threads_do_not_matter(partial(case.forward, ops), x)
    assert_threads_do_not_matter(partial(case.backward, ops), grad_output, x)


@both_ops
def test_layout_and_dtype_do_not_matter(op: str, rng: np.random.Generator) -> None:
    case = PoolingCase(op, (2, 7, 8, 6), 3, 2, 1)
    x, grad_output = small_integers(rng, *case.x), small_integers(rng, 2, 4, 4, 6)
    assert_form_does_not_matter(partial(case.forward, ops), x)
    assert_form_does_not_matter(partial(case.backward, ops), grad_output, x)


@both_ops
def test_an_empty_batch_gives_an_empty_result(op: str) -> None:
    pool, pool_backward = forward_and_backward(op)
    x = np.zeros((0, 7, 8, 3), np.float32)
    output = pool(x, 2)
    assert_exactly_equal(output, np.zeros((0, 3, 4, 3)))
    assert_exactly_equal(pool_backward(output, x, 2), x)


PADDED = r"expected 0 or more and less than the window's"


@both_ops
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
        ({"dilation": 0}, r"dilation is \(0, 0\), expected 1 to \d+ in height and width"),
        ({"dilation": 8}, r"kernel_size is \(2, 2\) with dilation \(8, 8\), expected at most the"),
        ({"dilation": 3, "padding": 4}, rf"padding at the top is 4, {PADDED} height, 4"),
        (
            {"x": np.zeros((1, 1, 8, 3)), "dilation": 3, "padding": (2, 0)},
            r"dilation is \(3, 3\), expected windows of \(2, 2\) that each read a pixel",
        ),
        (
            {"kernel_size": 10, "ceil_mode": True, "stride": 2},
            r"kernel_size is \(10, 10\), expected",
        ),
        ({"ceil_mode": 1}, "ceil_mode is 1, expected True or False"),
        ({"padding": "full"}, r"padding is 'full', expected an integer, \(height, width\), .*same"),
        ({"padding": 0.5}, r"padding is 0.5, expected an integer, \(height, width\), .*same"),
        ({"x": np.zeros((1, 7, 8, 3), complex)}, "x has dtype complex128, expected real numbers"),
    ],
)
def test_refusals(op: str, arguments: dict[str, Any], sentence: str) -> None:
    pool, pool_backward = forward_and_backward(op)
    settings = {"x": np.zeros((1, 7, 8, 3), np.float32), "kernel_size": 2, **arguments}
    with pytest.raises((ValueError, TypeError), match=rf"^{op}: {sentence}"):
        pool(**settings)
    grad_output = np.zeros((1, 3, 4, 3), np.float32)
    with pytest.raises((ValueError, TypeError), match=rf"^{op}(_backward)?: "):
        pool_backward(grad_output, **settings)


@both_ops
def test_a_gradient_of_another_shape_is_refused(op: str) -> None:
    _, pool_backward = forward_and_backward(op)
    with pytest.raises(
        ValueError,
        match=rf"^{op}_backward: grad_output has shape \(1, 3, 5, 3\), "
        r"expected \(1, 3, 4, 3\)$",
    ):
        pool_backward(np.zeros((1, 3, 5, 3)), np.zeros((1, 7, 8, 3)), 2)
