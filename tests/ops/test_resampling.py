"""Adaptive and global averages, paddings and upsampling against the reference."""

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
    assert_linear_op_within_bound,
    assert_same_bits,
    assert_threads_do_not_matter,
)
from image_op_cases import REARRANGING
from image_op_cases import ImageOpCase as Case
from samples import gaussians, small_integers

pytestmark = pytest.mark.parity


CHANNELS = (1, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 31, 33)
CASES = [
    Case("global_avg_pool2d", (1, 1, 1, 1)),
    Case("global_avg_pool2d", (3, 7, 13, 20)),
    Case("adaptive_avg_pool2d", (1, 1, 1, 1), (1,)),
    Case("adaptive_avg_pool2d", (2, 8, 12, 6), (4,)),
    Case("adaptive_avg_pool2d", (2, 7, 13, 6), ((3, 5),)),
    Case("adaptive_avg_pool2d", (2, 7, 13, 6), ((7, 1),)),
    Case("adaptive_avg_pool2d", (1, 3, 2, 17), ((7, 5),)),
    Case("zero_pad2d", (2, 1, 1, 1), (0,)),
    Case("zero_pad2d", (2, 7, 5, 3), (2,)),
    Case("zero_pad2d", (2, 7, 5, 13), (((1, 2), (3, 0)),)),
    Case("crop2d", (2, 1, 1, 1), (0,)),
    Case("crop2d", (2, 7, 5, 3), (2,)),
    Case("crop2d", (2, 7, 5, 13), (((1, 2), (3, 0)),)),
    Case("crop2d", (1, 6, 9, 4), (((5, 0), (0, 8)),)),
    Case("crop2d", (3, 70, 65, 17), ((3, 1),)),
    *(
        Case("upsample2d", size, (scale,), mode)
        for mode in ("nearest", "bilinear")
        for size, scale in (
            ((1, 1, 1, 1), 1),
            ((2, 7, 5, 3), 1),
            ((2, 1, 1, 5), 3),
            ((2, 7, 5, 13), 2),
            ((1, 3, 13, 6), (3, 2)),
            ((1, 2, 4, 6), (1, 5)),
            ((1, 4, 2, 6), (4, 7)),
        )
    ),
    *(
        Case("upsample2d", input_size, (), mode, size, align_corners)
        for mode, align_corners in (("nearest", None), ("bilinear", False), ("bilinear", True))
        for input_size, size in (
            ((1, 1, 1, 1), 1),
            ((2, 1, 3, 5), (4, 1)),
            ((2, 7, 5, 13), (9, 11)),
            ((1, 5, 13, 6), (13, 5)),
            ((1, 6, 4, 6), (4, 6)),
            ((2, 9, 8, 3), (1, 2)),
        )
    ),
    *(
        Case("pad2d", size, (padding,), mode)
        for mode in ("reflect", "edge")
        for size, padding in (
            ((2, 1, 1, 1), 0),
            ((2, 7, 5, 3), 2),
            ((1, 4, 3, 13), ((3, 3), (2, 0))),
            ((1, 4, 6, 6), ((0, 1), (5, 4))),
        )
    ),
    Case("pad2d", (1, 1, 2, 3), (((4, 1), (0, 9)),), "edge"),
    *(
        case
        for n in CHANNELS
        for case in (
            Case("adaptive_avg_pool2d", (2, 5, 4, n), (2,)),
            Case("zero_pad2d", (2, 3, 2, n), (1,)),
            Case("crop2d", (2, 3, 4, n), (1,)),
            Case("pad2d", (2, 3, 2, n), (1,), "reflect"),
            Case("upsample2d", (2, 3, 2, n), (), "bilinear", (4, 3), True),
            Case("upsample2d", (2, 3, 2, n), (2,), "nearest"),
            Case("upsample2d", (2, 3, 2, n), (2,), "bilinear"),
        )
    ),
]
every_case = pytest.mark.parametrize("case", CASES, ids=str)
ONE_OF_EACH = [
    Case("global_avg_pool2d", (2, 3, 4, 2)),
    Case("adaptive_avg_pool2d", (1, 4, 5, 2), ((3, 2),)),
    Case("zero_pad2d", (1, 3, 2, 2), (((1, 0), (0, 2)),)),
    Case("crop2d", (1, 3, 4, 2), (((1, 0), (0, 2)),)),
    Case("upsample2d", (1, 3, 2, 2), ((2, 3),), "nearest"),
    Case("upsample2d", (1, 3, 2, 2), ((2, 3),), "bilinear"),
    Case("upsample2d", (1, 3, 4, 2), (), "nearest", (4, 3)),
    Case("upsample2d", (1, 3, 4, 2), (), "bilinear", (4, 3)),
    Case("upsample2d", (1, 3, 4, 2), (), "bilinear", (4, 3), True),
    Case("pad2d", (1, 3, 4, 2), (((1, 2), (0, 3)),), "reflect"),
    Case("pad2d", (1, 3, 4, 2), (((1, 2), (0, 3)),), "edge"),
]
each = pytest.mark.parametrize("case", [*ONE_OF_EACH, *REARRANGING], ids=str)


@every_case
def test_within_bound(case: Case, rng: np.random.Generator) -> None:
    x, grad_output = gaussians(rng, *case.x), case.grad_output(rng)
    assert_linear_op_within_bound(case, x, grad_output, terms=case.x[1] * case.x[2])


@pytest.mark.parametrize(
    "case",
    [
        Case("zero_pad2d", (2, 7, 5, 13), (((1, 2), (3, 0)),)),
        Case("crop2d", (2, 7, 5, 13), (((1, 2), (3, 0)),)),
        Case("upsample2d", (2, 7, 5, 13), ((3, 2),), "nearest"),
        Case("upsample2d", (2, 7, 5, 13), ((4, 2),), "bilinear"),
        Case("upsample2d", (2, 7, 5, 13), (), "nearest", (3, 11)),
        Case("upsample2d", (2, 9, 5, 13), (), "bilinear", (5, 9), True),
        Case("pad2d", (2, 7, 5, 13), (((1, 2), (3, 0)),), "reflect"),
        Case("pad2d", (2, 7, 5, 13), (((1, 2), (3, 0)),), "edge"),
        Case("global_avg_pool2d", (2, 4, 8, 13)),
    ],
    ids=str,
)
def test_exact_on_small_integers(case: Case, rng: np.random.Generator) -> None:
    """Cases whose weights are all powers of two."""
    x = small_integers(rng, *case.x)
    grad_output = small_integers(rng, *case.grad_output(rng).shape)
    assert_exactly_equal(case.forward(ops, x), case.forward(reference, x))
    assert_exactly_equal(
        case.backward(ops, grad_output, x), case.backward(reference, grad_output, x)
    )


def test_a_size_that_is_a_multiple_has_the_bits_of_the_factor(rng: np.random.Generator) -> None:
    x = gaussians(rng, 2, 5, 7, 6)
    for mode in ("nearest", "bilinear"):
        factor, size = Case("upsample2d", x.shape, ((2, 3),), mode), (10, 21)
        sized = Case("upsample2d", x.shape, (), mode, size)
        grad_output = factor.grad_output(rng)
        assert_same_bits(sized.forward(ops, x), factor.forward(ops, x))
        assert_same_bits(sized.backward(ops, grad_output, x), factor.backward(ops, grad_output, x))


def test_long_sums_are_accurate() -> None:
    x = np.full((1, 300, 300, 3), 0.1, np.float32)
    assert_exactly_equal(ops.global_avg_pool2d(x).round(6), np.full((1, 3), np.float32(0.1)))


@each
def test_gradients_of_the_reference_by_finite_differences(
    case: Case, rng: np.random.Generator
) -> None:
    x, grad_output = rng.standard_normal(case.x), case.grad_output(rng)
    assert_gradient(
        case.backward(reference, grad_output, x), partial(case.forward, reference), x, grad_output
    )


@pytest.mark.usefixtures("restore_threads")
@each
def test_threads_do_not_matter(case: Case, rng: np.random.Generator) -> None:
    x = gaussians(rng, 9, 62, 32, 20)
    grad_output = gaussians(rng, *case.forward(ops, x).shape)
    assert_threads_do_not_matter(partial(case.forward, ops), x)
    assert_threads_do_not_matter(partial(case.backward, ops), grad_output, x)


@each
def test_layout_and_dtype_do_not_matter(case: Case, rng: np.random.Generator) -> None:
    x = small_integers(rng, *case.x)
    grad_output = small_integers(rng, *case.grad_output(rng).shape)
    assert_form_does_not_matter(partial(case.forward, ops), x)
    assert_form_does_not_matter(partial(case.backward, ops), grad_output, x)


@each
def test_an_empty_batch_gives_an_empty_result(case: Case) -> None:
    case = case._replace(x=(0, *case.x[1:]))
    x = np.zeros(case.x, np.float32)
    output = case.forward(ops, x)
    assert output.shape[0] == 0
    assert_exactly_equal(case.backward(ops, output, x), x)


IMAGE = np.zeros((1, 3, 4, 2), np.float32)


@pytest.mark.parametrize("case", ONE_OF_EACH, ids=str)
def test_refusals_of_arrays(case: Case, rng: np.random.Generator) -> None:
    with pytest.raises(
        ValueError, match=rf"^{case.name}: x has shape \(3, 4, 2\), expected 4 axes"
    ):
        case.forward(ops, IMAGE[0])
    with pytest.raises(
        ValueError,
        match=r"^(\w+_avg_pool2d|zero_pad2d|pad2d|crop2d|upsample2d): x has shape \(1, 0, 4, 2\), "
        "expected at least one row, column and channel",
    ):
        case.forward(ops, IMAGE[:, :0])
    with pytest.raises(TypeError, match=rf"^{case.name}: x has dtype complex64, expected real"):
        case.forward(ops, IMAGE.astype(np.complex64))
    grad_output = case.grad_output(rng)
    with pytest.raises(
        ValueError, match=rf"^{case.name}_backward: grad_output has shape .*, expected \(\d, "
    ):
        case.backward(ops, grad_output[..., :1], np.zeros(case.x))


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("adaptive_avg_pool2d", {"output_size": 0}, r"output_size is \(0, 0\), expected 1 to \d+"),
        ("adaptive_avg_pool2d", {"output_size": 2.0}, "output_size is 2.0, expected an integer or"),
        ("zero_pad2d", {"padding": -1}, r"padding is \(\(-1, -1\), \(-1, -1\)\), expected 0 to"),
        ("zero_pad2d", {"padding": "same"}, r"padding is 'same', expected an integer, \(height, "),
        (
            "zero_pad2d",
            {"padding": 1.5},
            r"padding is 1.5, expected an integer, \(height, width\) or \(\(top, bottom\), ",
        ),
        (
            "crop2d",
            {"cropping": 1.5},
            r"cropping is 1.5, expected an integer, \(height, width\) or \(\(top, bottom\), ",
        ),
        (
            "crop2d",
            {"cropping": -1},
            r"cropping is \(\(-1, -1\), \(-1, -1\)\), expected 0 to \d+ on",
        ),
        ("crop2d", {"cropping": "same"}, r"cropping is 'same', expected an integer, \(height, "),
        ("crop2d", {"cropping": (1, 2.0)}, r"cropping is \(1, 2.0\), expected an integer or"),
        (
            "crop2d",
            {"cropping": ((1, 2), (0, 0))},
            r"cropping is \(\(1, 2\), \(0, 0\)\) and x has shape \(1, 3, 4, 2\), expected at least "
            "one row and one column that stay$",
        ),
        ("crop2d", {"cropping": ((0, 0), (4, 0))}, "cropping is .*, expected at least one row and"),
        ("crop2d", {"cropping": 2**24}, "cropping is .*, expected at least one row and one column"),
        ("upsample2d", {"scale_factor": 0}, r"scale_factor is \(0, 0\), expected 1 to \d+ in"),
        ("upsample2d", {"scale_factor": 1.5}, "scale_factor is 1.5, expected an integer or"),
        (
            "upsample2d",
            {"scale_factor": 2, "mode": "cubic"},
            "mode is 'cubic', expected 'nearest' or 'bilinear'",
        ),
        ("upsample2d", {"size": (0, 3)}, r"size is \(0, 3\), expected 1 to \d+ in"),
        ("upsample2d", {"size": 2.5}, "size is 2.5, expected an integer or"),
        (
            "upsample2d",
            {"scale_factor": 2, "size": 5},
            r"scale_factor is \(2, 2\) and size is \(5, 5\), expected one of them",
        ),
        (
            "upsample2d",
            {"scale_factor": 2, "align_corners": True},
            "align_corners is true, expected false with mode nearest",
        ),
        (
            "pad2d",
            {"padding": ((0, 0), (0, 4))},
            "padding at the right is 4, expected 0 to 3, less than the image's width, 4",
        ),
        ("pad2d", {"padding": -1, "mode": "edge"}, r"padding at the top is -1, expected 0 to \d+$"),
        ("pad2d", {"padding": "same"}, r"padding is 'same', expected an integer, \(height, "),
        (
            "pad2d",
            {"padding": 1, "mode": "wrap"},
            "mode is 'wrap', expected 'reflect' or 'edge'",
        ),
    ],
)
def test_refusals_of_settings(name: str, arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises((ValueError, TypeError), match=rf"^{name}: {sentence}"):
        getattr(ops, name)(IMAGE, **arguments)
    with pytest.raises((ValueError, TypeError), match=rf"^{name}(_backward)?: {sentence}"):
        getattr(ops, f"{name}_backward")(IMAGE, IMAGE, **arguments)
