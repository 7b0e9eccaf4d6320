"""Scale and shift of every channel, forward and backward."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, float32_array
from cnnx.spelling import checked_call


@checked_call
def scale2d(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> FloatArray:
    """Scale and shift of every channel, ``x * weight + bias``.

    Args:
        x: array of any shape whose last axis is the channels.
        weight: one factor per channel.
        bias: one number per channel, or None for zeros.

    Shape:
        x and result (..., channels); weight and bias (channels,).

    Raises:
        TypeError: if an array is not of a real dtype.
        ValueError: if `x` has no channel, or `weight` or `bias` is not one number per channel.

    Example:
        >>> scale2d([[1.0, 2.0], [3.0, 4.0]], [2.0, 0.5], [0.0, 1.0])
        array([[2., 2.],
               [6., 3.]], dtype=float32)
    """
    name = "scale2d"
    parameters = [float32_array(weight, name, "weight")]
    if bias is not None:
        parameters.append(float32_array(bias, name, "bias"))
    settings = {"bias": bias is not None}
    return _core.run_op(name, settings, float32_array(x, name, "x"), parameters)


@checked_call
def scale2d_backward(
    grad_output: ArrayLike, x: ArrayLike, weight: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of `scale2d` with respect to its input, weight and bias.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `scale2d`.
        weight: as in `scale2d`.

    Returns:
        (grad_input, grad_weight, grad_bias): ``grad_output * weight``, and per channel the sums of
        ``grad_output * x`` and of `grad_output`.

    Raises:
        TypeError: as `scale2d`.
        ValueError: as `scale2d`, and if the shape of `grad_output` is not that of `x`.

    Example:
        >>> scale2d_backward([[1.0], [10.0]], [[2.0], [3.0]], [0.5])
        (array([[0.5],
               [5. ]], dtype=float32), array([32.], dtype=float32), array([11.], dtype=float32))
    """
    name = "scale2d_backward"
    grad_input, grad_weight, grad_bias = _core.run_op_backward(
        "scale2d",
        {"bias": True},
        float32_array(grad_output, name, "grad_output"),
        float32_array(x, name, "x"),
        [float32_array(weight, name, "weight")],
    )
    return grad_input, grad_weight, grad_bias
