"""The rounding of `quantize` to 256 values, and its gradient."""

from __future__ import annotations

import cnnx
import numpy as np
import pytest
import reference
from cnnx import ops
from samples import gaussians

pytestmark = pytest.mark.parity


@pytest.mark.parametrize(("scale", "zero_point"), [(0.1, 0), (0.013, 255), (0.5, 7), (3.0, 128)])
@pytest.mark.parametrize("length", [1, 3, 8, 17, 1003])
def test_values_and_gradients_are_the_references(
    scale: float, zero_point: int, length: int
) -> None:
    rng = np.random.default_rng(length)
    scale = float(np.float32(scale))
    x, grad_output = 20 * scale * gaussians(rng, 2, length), gaussians(rng, 2, length)
    expected = reference.quantize(x, scale, zero_point)
    np.testing.assert_allclose(ops.quantize(x, scale, zero_point), expected, rtol=1e-6, atol=0)
    np.testing.assert_array_equal(
        ops.quantize_backward(grad_output, x, scale, zero_point),
        reference.quantize_backward(grad_output, x, scale, zero_point).astype(np.float32),
    )


def test_halves_are_rounded_to_the_even_neighbour() -> None:
    halves = np.array([-0.5, 0.5, 1.5, 2.5, 254.5], np.float32)
    np.testing.assert_array_equal(ops.quantize(halves, 1.0), [0, 0, 2, 2, 254])
    np.testing.assert_array_equal(ops.quantize(halves, 1.0, 1), [0, 0, 2, 2, 254])


def test_values_beyond_the_range_and_nan() -> None:
    x = np.array([-np.inf, -1e30, 1e30, np.inf, np.nan], np.float32)
    np.testing.assert_array_equal(ops.quantize(x, 2.0, 10), [-20, -20, 490, 490, 0])


@pytest.mark.parametrize(
    ("scale", "zero_point", "sentence"),
    [
        (0.0, 0, "quantize: scale is 0.0+, expected a finite number > 0"),
        (1.0, 256, "quantize: zero_point is 256, expected an integer from 0 to 255"),
        (1.0, -1, "quantize: zero_point is -1, expected an integer from 0 to 255"),
    ],
)
def test_refusals(scale: float, zero_point: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        ops.quantize([1.0], scale, zero_point)
    with pytest.raises(ValueError, match=sentence):
        cnnx.Quantize(scale, zero_point)
