"""Global response normalisation, forward and backward."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, float32_array, real_number
from cnnx.spelling import checked_call

_KIND = "global_response_norm"


@checked_call
def global_response_norm(
    x: ArrayLike, weight: ArrayLike, bias: ArrayLike, *, epsilon: float = 1e-6
) -> FloatArray:
    """Global response normalisation of images.

    ``output = x + weight * x * norm / (mean + epsilon) + bias``, where norm is the square root of
    the sum of a channel's squares over the pixels of the image, and mean that of the norms of all
    channels.

    Args:
        x: (batch, height, width, channels).
        weight: (channels,).
        bias: (channels,).
        epsilon: added to the mean of the norms, above 0.

    Returns:
        Array of the same shape.

    Raises:
        TypeError: if an array is not of a real dtype, or `epsilon` is not a number.
        ValueError: if shapes do not fit together, or `epsilon` is out of range.

    References:
        S. Woo, S. Debnath, R. Hu, X. Chen, Z. Liu, I. S. Kweon, S. Xie: ConvNeXt V2: Co-designing
        and Scaling ConvNets with Masked Autoencoders, 2023.

    Example:
        >>> x = [[[[3.0, 1.0], [4.0, 0.0]]]]
        >>> global_response_norm(x, [1.0, 0.0], [0.0, 0.5]).round(2)
        array([[[[ 8.  ,  1.5 ],
                 [10.67,  0.5 ]]]], dtype=float32)
    """
    settings = {"epsilon": real_number(epsilon, _KIND, "epsilon")}
    parameters = [float32_array(weight, _KIND, "weight"), float32_array(bias, _KIND, "bias")]
    return _core.run_op(_KIND, settings, float32_array(x, _KIND, "x"), parameters)


@checked_call
def global_response_norm_backward(
    grad_output: ArrayLike, x: ArrayLike, weight: ArrayLike, *, epsilon: float = 1e-6
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of `global_response_norm`.

    The norm of a map of zeros has the gradient 0.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `global_response_norm`.
        weight: as in `global_response_norm`.
        epsilon: as in `global_response_norm`.

    Returns:
        (grad_input, grad_weight, grad_bias).

    Raises:
        TypeError: as `global_response_norm`.
        ValueError: as `global_response_norm`, and if the shape of `grad_output` is not that of `x`.

    Example:
        >>> grads = global_response_norm_backward([[[[1.0]]]], [[[[2.0]]]], [0.5])
        >>> [each.round(3).tolist() for each in grads]
        [[[[[1.5]]]], [2.0], [1.0]]
    """
    name = f"{_KIND}_backward"
    settings = {"epsilon": real_number(epsilon, name, "epsilon")}
    grad_input, grad_weight, grad_bias = _core.run_op_backward(
        _KIND,
        settings,
        float32_array(grad_output, name, "grad_output"),
        float32_array(x, name, "x"),
        [float32_array(weight, name, "weight")],
    )
    return grad_input, grad_weight, grad_bias
