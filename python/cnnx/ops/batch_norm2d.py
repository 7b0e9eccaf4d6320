"""Batch normalisation, forward and backward."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, float32_array, real_number, shown
from cnnx.spelling import checked_call


@checked_call
def batch_norm2d(
    x: ArrayLike,
    weight: ArrayLike | None,
    bias: ArrayLike | None,
    mean: ArrayLike,
    variance: ArrayLike,
    *,
    epsilon: float = 1e-5,
) -> FloatArray:
    """Batch normalisation with a given mean and variance, as in inference.

    ``output = (x - mean) / sqrt(variance + epsilon) * weight + bias``

    Args:
        x: images.
        weight: one factor per channel, or None for ones.
        bias: one number per channel, or None for zeros.
        mean: one number per channel.
        variance: one number per channel, the biased variance.
        epsilon: added to the variance for numerical stability, above 0.

    Shape:
        x and result (batch, height, width, channels); the others (channels,).

    Raises:
        TypeError: if an array is not of a real dtype, or `epsilon` is not a number.
        ValueError: if the shapes do not match, or `epsilon` is not above 0.

    References:
        S. Ioffe, C. Szegedy: Batch Normalization: Accelerating Deep Network Training by Reducing
        Internal Covariate Shift, 2015.

    Example:
        >>> output = batch_norm2d([[[[1.0], [5.0]]]], [2.0], [0.5], mean=[3.0], variance=[4.0])
        >>> output[0, 0, :, 0].round(3)
        array([-1.5,  2.5], dtype=float32)
    """
    name = "batch_norm2d"
    return _core.batch_norm2d(
        float32_array(x, name, "x", ndim=4),
        _channels(weight, name, "weight"),
        _channels(bias, name, "bias"),
        float32_array(mean, name, "mean"),
        float32_array(variance, name, "variance"),
        _epsilon(epsilon, name),
    )


@checked_call
def batch_norm2d_training(
    x: ArrayLike,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    *,
    epsilon: float = 1e-5,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Batch normalisation with the mean and variance of the batch, as in training.

    Args:
        x: images, at least one pixel.
        weight: as in `batch_norm2d`.
        bias: as in `batch_norm2d`.
        epsilon: as in `batch_norm2d`.

    Returns:
        (output, mean, variance). The variance is biased: the mean of the squared deviations.

    Shape:
        x and output (batch, height, width, channels); the others (channels,).

    Raises:
        TypeError: as `batch_norm2d`.
        ValueError: as `batch_norm2d`, and if the batch is empty.

    Example:
        >>> output, mean, variance = batch_norm2d_training([[[[1.0], [5.0]]]])
        >>> mean, variance
        (array([3.], dtype=float32), array([4.], dtype=float32))
        >>> output[0, 0, :, 0].round(3)
        array([-1.,  1.], dtype=float32)
    """
    name = "batch_norm2d_training"
    return _core.batch_norm2d_training(
        float32_array(x, name, "x", ndim=4),
        _channels(weight, name, "weight"),
        _channels(bias, name, "bias"),
        _epsilon(epsilon, name),
    )


@checked_call
def batch_norm2d_backward(
    grad_output: ArrayLike,
    x: ArrayLike,
    weight: ArrayLike | None,
    mean: ArrayLike,
    variance: ArrayLike,
    *,
    epsilon: float = 1e-5,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of `batch_norm2d_training` with respect to its input, weight and bias.

    The input gradient includes the derivatives of mean and variance.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `batch_norm2d_training`.
        weight: as in `batch_norm2d`.
        mean: mean returned by `batch_norm2d_training`.
        variance: variance returned by `batch_norm2d_training`.
        epsilon: as in `batch_norm2d`.

    Returns:
        (grad_input, grad_weight, grad_bias).

    Raises:
        TypeError: as `batch_norm2d`.
        ValueError: as `batch_norm2d_training`, and if the shape of `grad_output` is not that of
            `x`.

    Example:
        >>> x = [[[[1.0], [5.0], [3.0]]]]
        >>> _, mean, variance = batch_norm2d_training(x)
        >>> gradients = batch_norm2d_backward([[[[1.0], [0.0], [2.0]]]], x, None, mean, variance)
        >>> gradients[2]
        array([3.], dtype=float32)
    """
    name = "batch_norm2d_backward"
    return _core.batch_norm2d_backward(
        float32_array(grad_output, name, "grad_output", ndim=4),
        float32_array(x, name, "x", ndim=4),
        _channels(weight, name, "weight"),
        float32_array(mean, name, "mean"),
        float32_array(variance, name, "variance"),
        _epsilon(epsilon, name),
    )


def _channels(value: ArrayLike | None, function: str, argument: str) -> FloatArray | None:
    return None if value is None else float32_array(value, function, argument)


def _epsilon(value: object, function: str) -> float:
    epsilon = real_number(value, function, "epsilon")
    if epsilon <= 0:
        raise ValueError(f"{function}: epsilon is {shown(value)}, expected a number > 0")
    return epsilon
