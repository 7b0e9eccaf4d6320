"""adaptive_avg_pool2d, global_avg_pool2d, zero_pad2d and upsample2d against the reference."""

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
    assert_linear_op_within_bound,
    assert_threads_do_not_matter,
)
from samples import Float32Array, gaussians, small_integers

pytestmark = pytest.mark.parity


class Case(NamedTuple):
    """An op on images with settings and no parameters."""

    name: str
    x: tuple[int, int, int, int]
    settings: tuple[Any, ...] = ()
    mode: str | None = None

    @property
    def keywords(self) -> dict[str, Any]:
        return {} if self.mode is None else {"mode": self.mode}

    def forward(self, library: Any, x: npt.ArrayLike) -> Any:
        return getattr(library, self.name)(x, *self.settings, **self.keywords)

    def backward(self, library: Any, grad_output: npt.ArrayLike, x: npt.ArrayLike) -> Any:
        function = getattr(library, f"{self.name}_backward")
        return function(grad_output, x, *self.settings, **self.keywords)

    def grad_output(self, rng: np.random.Generator) -> Float32Array:
        return gaussians(rng, *self.forward(reference, np.zeros(self.x)).shape)


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
        case
        for n in CHANNELS
        for case in (
            Case("adaptive_avg_pool2d", (2, 5, 4, n), (2,)),
            Case("zero_pad2d", (2, 3, 2, n), (1,)),
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
    Case("upsample2d", (1, 3, 2, 2), ((2, 3),), "nearest"),
    Case("upsample2d", (1, 3, 2, 2), ((2, 3),), "bilinear"),
]
each = pytest.mark.parametrize("case", ONE_OF_EACH, ids=str)


@every_case
def test_within_bound(case: Case, rng: np.random.Generator) -> None:
    x, grad_output = gaussians(rng, *case.x), case.grad_output(rng)
    assert_linear_op_within_bound(case, x, grad_output, terms=case.x[1] * case.x[2])


@pytest.mark.parametrize(
    "case",
    [
        Case("zero_pad2d", (2, 7, 5, 13), (((1, 2), (3, 0)),)),
        Case("upsample2d", (2, 7, 5, 13), ((3, 2),), "nearest"),
        Case("upsample2d", (2, 7, 5, 13), ((4, 2),), "bilinear"),
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
    x = gaussians(rng, 9, 63, 31, 20)
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


@each
def test_refusals_of_arrays(case: Case, rng: np.random.Generator) -> None:
    with pytest.raises(
        ValueError, match=rf"^{case.name}: x has shape \(3, 4, 2\), expected 4 axes"
    ):
        case.forward(ops, IMAGE[0])
    with pytest.raises(
        ValueError,
        match=r"^\w+_avg_pool2d|zero_pad2d|upsample2d: x has shape \(1, 0, 4, 2\), "
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
        ("upsample2d", {"scale_factor": 0}, r"scale_factor is \(0, 0\), expected 1 to \d+ in"),
        ("upsample2d", {"scale_factor": 1.5}, "scale_factor is 1.5, expected an integer or"),
        (
            "upsample2d",
            {"scale_factor": 2, "mode": "cubic"},
            "mode is 'cubic', expected 'nearest' or 'bilinear'",
        ),
    ],
)
def test_refusals_of_settings(name: str, arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises((ValueError, TypeError), match=rf"^{name}: {sentence}"):
        getattr(ops, name)(IMAGE, **arguments)
    with pytest.raises((ValueError, TypeError), match=rf"^{name}(_backward)?: {sentence}"):
        getattr(ops, f"{name}_backward")(IMAGE, IMAGE, **arguments)
