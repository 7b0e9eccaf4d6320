"""Rounding to the nearest of 256 values, forward and backward."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, float32_array, integer, real_number
from cnnx.spelling import checked_call


@checked_call
def quantize(x: ArrayLike, scale: float, zero_point: int = 0) -> FloatArray:
    """The nearest of 256 values.

    ``scale * (clip(round(x / scale) + zero_point, 0, 255) - zero_point)``, halves rounded to the
    even neighbour. NaN becomes 0.

    Args:
        x: array of at least one axis.
        scale: difference of two successive values, above 0.
        zero_point: number from 0 to 255 that stands for the value 0.

    Shape:
        Result of the shape of x.

    Raises:
        TypeError: if an argument is not of the type above.
        ValueError: if `scale` or `zero_point` is out of range.

    References:
        B. Jacob and others: Quantization and Training of Neural Networks for Efficient
        Integer-Arithmetic-Only Inference, 2018.

    Example:
        >>> quantize([-3.0, 0.2, 0.3, 200.0], 0.5)
        array([  0. ,   0. ,   0.5, 127.5], dtype=float32)
    """
    settings = _settings("quantize", scale, zero_point)
    return _core.run_op("quantize", settings, float32_array(x, "quantize", "x"))


@checked_call
def quantize_backward(
    grad_output: ArrayLike, x: ArrayLike, scale: float, zero_point: int = 0
) -> FloatArray:
    """Gradient of `quantize` without its rounding: 0 where x is beyond the range.

    Args:
        grad_output: gradient of the result, of the result's shape.
        x: as in `quantize`.
        scale: as in `quantize`.
        zero_point: as in `quantize`.

    Shape:
        Result of the shape of x.

    Raises:
        TypeError: as `quantize`.
        ValueError: as `quantize`, and if the shape of `grad_output` is not that of `x`.

    References:
        Y. Bengio, N. Léonard, A. Courville: Estimating or Propagating Gradients Through Stochastic
        Neurons for Conditional Computation, 2013.

    Example:
        >>> quantize_backward([7.0, 7.0, 7.0], [-3.0, 0.2, 200.0], 0.5)
        array([0., 7., 0.], dtype=float32)
    """
    name = "quantize_backward"
    settings = _settings(name, scale, zero_point)
    grad = float32_array(grad_output, name, "grad_output")
    return _core.run_op_backward("quantize", settings, grad, float32_array(x, name, "x"))[0]


def _settings(function: str, scale: float, zero_point: int) -> dict[str, Any]:
    return {
        "scale": real_number(scale, function, "scale"),
        "zero_point": integer(zero_point, function, "zero_point"),
    }
