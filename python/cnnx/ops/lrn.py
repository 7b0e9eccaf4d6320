"""Local response normalisation, forward and backward."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, float32_array, integer, real_number, same_shapes
from cnnx.spelling import checked_call


@checked_call
def lrn(
    x: ArrayLike, size: int, *, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> FloatArray:
    """Local response normalisation over the last axis, the channels.

    ``output[c] = x[c] / (k + alpha / size * sum(x[j]**2))**beta``, where j runs from ``c - (size -
    1) // 2`` to ``c + size // 2``, as in ONNX. Channels outside the array count as 0. PyTorch
    agrees for odd sizes; of even ones its window has one channel more below c.

    Args:
        x: array of at least one axis; the last one is the channels.
        size: number of channels whose squares are added.
        alpha: factor of their mean, at least 0.
        beta: exponent of the divisor.
        k: number that the mean is added to, above 0.

    Returns:
        Array of the same shape.

    Raises:
        TypeError: if `x` is not of a real dtype, `size` is not an integer, or another setting is
            not a number.
        ValueError: if `x` has no channel, or a setting is out of range.

    References:
        A. Krizhevsky, I. Sutskever, G. E. Hinton: ImageNet Classification with Deep Convolutional
        Neural Networks, 2012.

    Example:
        >>> lrn([1.0, 2.0, 2.0], 3, alpha=3.0, beta=0.5, k=4.0).round(3)
        array([0.333, 0.555, 0.577], dtype=float32)
    """
    settings = _settings("lrn", size, alpha, beta, k)
    return _core.run_op("lrn", settings, float32_array(x, "lrn", "x"))


@checked_call
def lrn_backward(
    grad_output: ArrayLike,
    x: ArrayLike,
    size: int,
    *,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
) -> FloatArray:
    """Gradient of `lrn` with respect to its input.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `lrn`.
        size: as in `lrn`.
        alpha: as in `lrn`.
        beta: as in `lrn`.
        k: as in `lrn`.

    Returns:
        Gradient of the shape of `x`.

    Raises:
        TypeError: as `lrn`.
        ValueError: as `lrn`, and if the shapes differ.

    Example:
        >>> lrn_backward([1.0, 0.0], [2.0, 0.0], 1, alpha=1.0, beta=1.0, k=1.0)
        array([-0.12,  0.  ], dtype=float32)
    """
    name = "lrn_backward"
    settings = _settings(name, size, alpha, beta, k)
    grad, saved = same_shapes(name, "grad_output", grad_output, "x", x)
    return _core.run_op_backward("lrn", settings, grad, saved)[0]


def _settings(
    function: str, size: int, alpha: float, beta: float, k: float
) -> dict[str, float | int]:
    return {
        "size": integer(size, function, "size"),
        "alpha": real_number(alpha, function, "alpha"),
        "beta": real_number(beta, function, "beta"),
        "k": real_number(k, function, "k"),
    }
