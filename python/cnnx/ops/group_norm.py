"""Group and layer normalisation, forward and backward."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, float32_array, integer, real_number
from cnnx.spelling import checked_call


@checked_call
def group_norm(
    x: ArrayLike, weight: ArrayLike, bias: ArrayLike, groups: int, *, epsilon: float = 1e-5
) -> FloatArray:
    """Group normalisation: each group of channels by its mean and variance over an image.

    ``output = (x - mean) / sqrt(variance + epsilon) * weight + bias``

    Args:
        x: images, or rows of features.
        weight: one factor per channel.
        bias: one number per channel.
        groups: number of groups of neighbouring channels, a divisor of the channels.
        epsilon: added to the variance for numerical stability, above 0.

    Shape:
        x and result (batch, height, width, channels) or (batch, channels); weight and bias
        (channels,).

    Raises:
        TypeError: if an array is not of a real dtype, `groups` is not an integer, or `epsilon` is
            not a number.
        ValueError: if the shapes do not match, `groups` does not divide the channels, or `epsilon`
            is not above 0.

    References:
        Y. Wu, K. He: Group Normalization, 2018.

    Example:
        >>> x = [[[[1.0, 5.0, 0.0, 8.0]]]]
        >>> group_norm(x, [1, 1, 2, 2], [0, 0, 0, 3], 2)[0, 0, 0].round(3)
        array([-1.,  1., -2.,  5.], dtype=float32)
    """
    name = "group_norm"
    settings = {
        "groups": integer(groups, name, "groups"),
        "epsilon": real_number(epsilon, name, "epsilon"),
    }
    return _forward(name, settings, x, weight, bias)


@checked_call
def group_norm_backward(
    grad_output: ArrayLike,
    x: ArrayLike,
    weight: ArrayLike,
    groups: int,
    *,
    epsilon: float = 1e-5,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of `group_norm` with respect to its input, weight and bias.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `group_norm`.
        weight: as in `group_norm`.
        groups: as in `group_norm`.
        epsilon: as in `group_norm`.

    Returns:
        (grad_input, grad_weight, grad_bias).

    Raises:
        TypeError: as `group_norm`.
        ValueError: as `group_norm`, and if the shape of `grad_output` is not that of `x`.

    Example:
        >>> gradients = group_norm_backward([[1.0, 0.0]], [[1.0, 5.0]], [2.0, 2.0], 1)
        >>> [gradient.round(3).tolist() for gradient in gradients[1:]]
        [[-1.0, 0.0], [1.0, 0.0]]
    """
    name = "group_norm_backward"
    settings = {
        "groups": integer(groups, name, "groups"),
        "epsilon": real_number(epsilon, name, "epsilon"),
    }
    return _backward("group_norm", settings, grad_output, x, weight)


@checked_call
def layer_norm(
    x: ArrayLike, weight: ArrayLike, bias: ArrayLike, *, epsilon: float = 1e-5
) -> FloatArray:
    """Layer normalisation over the last axis, the channels.

    ``output = (x - mean) / sqrt(variance + epsilon) * weight + bias``

    Args:
        x: array of at least two axes; the last one is the channels.
        weight: one factor per channel.
        bias: one number per channel.
        epsilon: added to the variance for numerical stability, above 0.

    Shape:
        x and result (batch, ..., channels); weight and bias (channels,).

    Raises:
        TypeError: if an array is not of a real dtype, or `epsilon` is not a number.
        ValueError: if the shapes do not match, or `epsilon` is not above 0.

    References:
        J. L. Ba, J. R. Kiros, G. E. Hinton: Layer Normalization, 2016.

    Example:
        >>> layer_norm([[1.0, 5.0], [0.0, 8.0]], [1, 2], [0, 3]).round(3)
        array([[-1.,  5.],
               [-1.,  5.]], dtype=float32)
    """
    name = "layer_norm"
    settings = {"epsilon": real_number(epsilon, name, "epsilon")}
    return _forward(name, settings, x, weight, bias)


@checked_call
def layer_norm_backward(
    grad_output: ArrayLike, x: ArrayLike, weight: ArrayLike, *, epsilon: float = 1e-5
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of `layer_norm` with respect to its input, weight and bias.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `layer_norm`.
        weight: as in `layer_norm`.
        epsilon: as in `layer_norm`.

    Returns:
        (grad_input, grad_weight, grad_bias).

    Raises:
        TypeError: as `layer_norm`.
        ValueError: as `layer_norm`, and if the shape of `grad_output` is not that of `x`.

    Example:
        >>> gradients = layer_norm_backward([[1.0, 0.0]], [[1.0, 5.0]], [2.0, 2.0])
        >>> [gradient.round(3).tolist() for gradient in gradients[1:]]
        [[-1.0, 0.0], [1.0, 0.0]]
    """
    name = "layer_norm_backward"
    settings = {"epsilon": real_number(epsilon, name, "epsilon")}
    return _backward("layer_norm", settings, grad_output, x, weight)


def _forward(
    kind: str, settings: dict[str, float], x: ArrayLike, weight: ArrayLike, bias: ArrayLike
) -> FloatArray:
    parameters = [float32_array(weight, kind, "weight"), float32_array(bias, kind, "bias")]
    return _core.run_op(kind, settings, float32_array(x, kind, "x"), parameters)


def _backward(
    kind: str,
    settings: dict[str, float],
    grad_output: ArrayLike,
    x: ArrayLike,
    weight: ArrayLike,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    function = f"{kind}_backward"
    grad_input, grad_weight, grad_bias = _core.run_op_backward(
        kind,
        settings,
        float32_array(grad_output, function, "grad_output"),
        float32_array(x, function, "x"),
        [float32_array(weight, function, "weight")],
    )
    return grad_input, grad_weight, grad_bias
