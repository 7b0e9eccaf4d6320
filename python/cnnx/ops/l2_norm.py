"""L2 normalisation and RMS normalisation, forward and backward."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, float32_array, real_number
from cnnx.spelling import checked_call


@checked_call
def l2_norm(x: ArrayLike, *, epsilon: float = 1e-12) -> FloatArray:
    """L2 normalisation of every row of channels.

    ``output = x / max(norm, epsilon)``, where norm is the square root of the sum of the squares
    along the last axis, as ``torch.nn.functional.normalize`` of the channels.

    Args:
        x: images or features, (batch, ..., channels).
        epsilon: the least divisor, above 0: a row whose norm is smaller is divided by it, so that
            zeros stay zeros.

    Returns:
        Array of the same shape. A row whose sum of squares exceeds float32, from numbers of about
        1e19 on, is 0.

    Raises:
        TypeError: if `x` is not of a real dtype, or `epsilon` is not a number.
        ValueError: if `x` has no channels, or `epsilon` is out of range.

    Example:
        >>> l2_norm([[3.0, 4.0], [0.0, 0.0]])
        array([[0.6, 0.8],
               [0. , 0. ]], dtype=float32)
    """
    settings = {"epsilon": real_number(epsilon, "l2_norm", "epsilon")}
    return _core.run_op("l2_norm", settings, float32_array(x, "l2_norm", "x"), [])


@checked_call
def l2_norm_backward(grad_output: ArrayLike, x: ArrayLike, *, epsilon: float = 1e-12) -> FloatArray:
    """Gradient of `l2_norm`.

    A row whose norm is below epsilon has the gradient of a division by a constant.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `l2_norm`.
        epsilon: as in `l2_norm`.

    Returns:
        Gradient of `x`.

    Raises:
        TypeError: as `l2_norm`.
        ValueError: as `l2_norm`, and if the shape of `grad_output` is not that of `x`.

    Example:
        >>> l2_norm_backward([[1.0, 0.0]], [[3.0, 4.0]]).round(3)
        array([[ 0.128, -0.096]], dtype=float32)
    """
    name = "l2_norm_backward"
    (grad_input,) = _core.run_op_backward(
        "l2_norm",
        {"epsilon": real_number(epsilon, name, "epsilon")},
        float32_array(grad_output, name, "grad_output"),
        float32_array(x, name, "x"),
        [],
    )
    return grad_input


@checked_call
def rms_norm(x: ArrayLike, weight: ArrayLike | None = None, *, epsilon: float = 1e-6) -> FloatArray:
    """RMS normalisation of every row of channels.

    ``output = x / sqrt(mean + epsilon) * weight``, where mean is that of the squares along the last
    axis, as ``torch.nn.RMSNorm``.

    Args:
        x: images or features, (batch, ..., channels).
        weight: one factor per channel, (channels,), or None for ones.
        epsilon: added to the mean of the squares, above 0: zeros stay zeros, and rows of numbers
            below its root stay small.

    Returns:
        Array of the same shape. A row whose sum of squares exceeds float32, from numbers of about
        1e19 on, is 0.

    Raises:
        TypeError: if an array is not of a real dtype, or `epsilon` is not a number.
        ValueError: if shapes do not fit together, or `epsilon` is out of range.

    References:
        B. Zhang, R. Sennrich: Root Mean Square Layer Normalization, 2019.

    Example:
        >>> rms_norm([[1.0, 7.0]], [1.0, 2.0]).round(3)
        array([[0.2, 2.8]], dtype=float32)
    """
    settings = {
        "epsilon": real_number(epsilon, "rms_norm", "epsilon"),
        "affine": weight is not None,
    }
    parameters = [] if weight is None else [float32_array(weight, "rms_norm", "weight")]
    return _core.run_op("rms_norm", settings, float32_array(x, "rms_norm", "x"), parameters)


@checked_call
def rms_norm_backward(
    grad_output: ArrayLike,
    x: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    epsilon: float = 1e-6,
) -> tuple[FloatArray, FloatArray]:
    """Gradients of `rms_norm`.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `rms_norm`.
        weight: as in `rms_norm`.
        epsilon: as in `rms_norm`.

    Returns:
        (grad_input, grad_weight).

    Raises:
        TypeError: as `rms_norm`.
        ValueError: as `rms_norm`, and if the shape of `grad_output` is not that of `x`.

    Example:
        >>> grad_input, grad_weight = rms_norm_backward([[1.0, 0.0]], [[1.0, 7.0]], [1.0, 2.0])
        >>> grad_input.round(3), grad_weight.round(3)
        (array([[ 0.196, -0.028]], dtype=float32), array([0.2, 0. ], dtype=float32))
    """
    name = "rms_norm_backward"
    values = float32_array(x, name, "x")
    factors = np.ones(values.shape[-1:], np.float32) if weight is None else weight
    grad_input, grad_weight = _core.run_op_backward(
        "rms_norm",
        {"epsilon": real_number(epsilon, name, "epsilon"), "affine": True},
        float32_array(grad_output, name, "grad_output"),
        values,
        [float32_array(factors, name, "weight")],
    )
    return grad_input, grad_weight
