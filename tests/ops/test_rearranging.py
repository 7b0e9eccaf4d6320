"""channel_shuffle, slice_channels, depth_to_space and space_to_depth: exact, they move numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference
from cnnx import ops
from comparison import assert_exactly_equal
from image_op_cases import REARRANGING
from image_op_cases import ImageOpCase as Case
from samples import gaussians

pytestmark = pytest.mark.parity


CASES = [
    *(
        Case("channel_shuffle", shape, (groups,))
        for shape in ((2, 3, 5, 12), (7, 12), (2, 3, 12), (1, 1, 1, 12))
        for groups in (1, 2, 3, 4, 12)
    ),
    # Whole tiles of a transpose, parts of them, and as many rows as threads divide.
    *(
        Case("channel_shuffle", (*shape, groups * width), (groups,))
        for shape in ((1, 1, 1), (2, 10, 7))
        for groups, width in ((5, 3), (5, 4), (16, 16), (17, 33), (32, 5), (6, 50), (70, 47))
    ),
    *(
        Case("slice_channels", shape, bounds)
        for shape in ((2, 3, 5, 7), (3, 7), (2, 4, 7))
        for bounds in ((0, 7), (0, 1), (6, 7), (2, 5))
    ),
    *(
        case
        for mode in ("DCR", "CRD")
        for block in (1, 2, 3)
        for channels in (1, 5, 16)
        for case in (
            Case("depth_to_space", (2, 3, 4, channels * block**2), (block,), mode),
            Case("space_to_depth", (2, 3 * block, 4 * block, channels), (block,), mode),
        )
    ),
]
every_case = pytest.mark.parametrize("case", CASES, ids=str)


@every_case
def test_equals_the_reference(case: Case, rng: np.random.Generator) -> None:
    x, grad_output = gaussians(rng, *case.x), case.grad_output(rng)
    assert_exactly_equal(case.forward(ops, x), case.forward(reference, x))
    assert_exactly_equal(
        case.backward(ops, grad_output, x), case.backward(reference, grad_output, x)
    )


def test_the_orders_of_the_words() -> None:
    """The examples of ONNX's operator and of PyTorch's pixel_shuffle, channels last."""
    x = np.arange(8, dtype=np.float32).reshape(1, 1, 1, 8)
    dcr = ops.depth_to_space(x, 2)
    assert_exactly_equal(dcr[0, :, :, 0], [[0, 2], [4, 6]])
    assert_exactly_equal(dcr[0, :, :, 1], [[1, 3], [5, 7]])
    crd = ops.depth_to_space(x, 2, mode="CRD")
    assert_exactly_equal(crd[0, :, :, 0], [[0, 1], [2, 3]])
    assert_exactly_equal(crd[0, :, :, 1], [[4, 5], [6, 7]])
    shuffled = ops.channel_shuffle(x, 2)
    assert_exactly_equal(shuffled[0, 0, 0], [0, 4, 1, 5, 2, 6, 3, 7])


@pytest.mark.parametrize(
    ("name", "shape", "settings", "sentence"),
    [
        ("channel_shuffle", (6,), (2,), r"x has shape \(6,\), expected a batch axis and channels"),
        ("channel_shuffle", (2, 6), (4,), "groups is 4, expected a divisor of the 6 channels"),
        ("channel_shuffle", (2, 6), (0,), "groups is 0, expected a divisor of the 6 channels"),
        ("channel_shuffle", (2, 6), (1.5,), "groups is 1.5, expected an integer"),
        ("slice_channels", (2, 6), (3, 3), "start is 3 and stop is 3, expected 0 <= start < stop"),
        ("slice_channels", (2, 6), (-1, 3), "start is -1 and stop is 3, expected 0 <= start"),
        (
            "slice_channels",
            (2, 6),
            (1, 7),
            "start is 1 and stop is 7, expected .* <= 6, the",
        ),
        ("depth_to_space", (2, 4), (2,), r"x has shape \(2, 4\), expected 4 axes"),
        ("depth_to_space", (1, 2, 2, 4), (0,), "block_size is 0, expected 1 to"),
        ("depth_to_space", (1, 2, 2, 6), (2,), r"x has shape .*, expected channels that .* = 4"),
        ("space_to_depth", (1, 3, 2, 4), (2,), "x has shape .*, expected height and width that"),
    ],
)
def test_refusals(name: str, shape: tuple[int, ...], settings: Any, sentence: str) -> None:
    x = np.zeros(shape, np.float32)
    with pytest.raises((ValueError, TypeError), match=rf"^{name}: {sentence}"):
        getattr(ops, name)(x, *settings)
    with pytest.raises((ValueError, TypeError), match=rf"^{name}(_backward)?: "):
        getattr(ops, f"{name}_backward")(x, x, *settings)


def test_an_unknown_mode_is_refused() -> None:
    for function in (ops.depth_to_space, ops.space_to_depth):
        with pytest.raises(ValueError, match="mode is 'RCD', expected 'DCR' or 'CRD'"):
            function(np.zeros((1, 2, 2, 4)), 2, mode="RCD")


@pytest.mark.parametrize("case", REARRANGING, ids=str)
def test_a_gradient_of_another_shape_is_refused(case: Case) -> None:
    with pytest.raises(ValueError, match=rf"^{case.name}_backward: grad_output has shape"):
        case.backward(ops, np.zeros((5, 1, 1, 1)), np.zeros(case.x))
