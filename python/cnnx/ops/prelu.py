"""Parametric ReLU, forward and backward."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, float32_array
from cnnx.spelling import checked_call


@checked_call
def prelu(x: ArrayLike, weight: ArrayLike) -> FloatArray:
    """Parametric rectified linear unit, ``x < 0 ? weight * x : x``; NaN propagates.

    Args:
        x: array of any shape whose last axis is the channels.
        weight: one slope per channel.

    Shape:
        x and result (..., channels); weight (channels,).

    Raises:
        TypeError: if an array is not of a real dtype.
        ValueError: if `x` has no channel, or `weight` is not one number per channel.

    Example:
        >>> prelu([[-1.0, -1.0], [2.0, 3.0]], [0.5, 0.25])
        array([[-0.5 , -0.25],
               [ 2.  ,  3.  ]], dtype=float32)

    References:
        K. He, X. Zhang, S. Ren, J. Sun: Delving Deep into Rectifiers: Surpassing Human-Level
        Performance on ImageNet Classification, 2015.
    """
    name = "prelu"
    slopes = float32_array(weight, name, "weight")
    return _core.run_op(name, {}, float32_array(x, name, "x"), [slopes])


@checked_call
def prelu_backward(
    grad_output: ArrayLike, x: ArrayLike, weight: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Gradients of `prelu` with respect to its input and to the slopes.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `prelu`.
        weight: as in `prelu`.

    Returns:
        (grad_input, grad_weight): `grad_output` where ``x > 0`` and ``weight * grad_output``
        elsewhere; the sum of ``x * grad_output`` where ``x < 0``, per channel.

    Raises:
        TypeError: as `prelu`.
        ValueError: as `prelu`, and if the shape of `grad_output` is not that of `x`.

    Example:
        >>> prelu_backward([[1.0], [1.0], [4.0]], [[-1.0], [2.0], [-3.0]], [0.5])
        (array([[0.5],
               [1. ],
               [2. ]], dtype=float32), array([-13.], dtype=float32))
    """
    name = "prelu_backward"
    grad_input, grad_weight = _core.run_op_backward(
        "prelu",
        {},
        float32_array(grad_output, name, "grad_output"),
        float32_array(x, name, "x"),
        [float32_array(weight, name, "weight")],
    )
    return grad_input, grad_weight
