"""Elementwise activations, forward and backward, on arrays of any shape."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, float32_array, real_number, same_shapes


def relu(x: ArrayLike) -> FloatArray:
    """Rectified linear unit, ``x < 0 ? 0 : x``, elementwise; NaN passes through.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape.

    Raises:
        TypeError: if `x` is not of a real dtype.

    Example:
        >>> relu([-1.0, 0.0, 2.0])
        array([0., 0., 2.], dtype=float32)
    """
    return _core.relu(float32_array(x, "relu", "x"))


def relu_backward(grad_output: ArrayLike, x: ArrayLike) -> FloatArray:
    """Gradient of `relu` with respect to its input; 0 where ``x <= 0``.

    Example:
        >>> relu_backward([1.0, 1.0, 1.0], [-1.0, 0.0, 2.0])
        array([0., 0., 1.], dtype=float32)
    """
    grad, saved = same_shapes("relu_backward", "grad_output", grad_output, "x", x)
    return _core.relu_backward(grad, saved)


def leaky_relu(x: ArrayLike, *, negative_slope: float = 0.01) -> FloatArray:
    """Leaky rectified linear unit, ``x < 0 ? negative_slope * x : x``, elementwise.

    Args:
        x: array of any shape.
        negative_slope: what negative inputs are multiplied by.

    Returns:
        Array of the same shape.

    Raises:
        TypeError: if `x` is not of a real dtype, or the slope no number.
        ValueError: if the slope is not finite.

    Example:
        >>> leaky_relu([-1.0, 2.0], negative_slope=0.5)
        array([-0.5,  2. ], dtype=float32)

    References:
        Maas, Hannun, Ng: Rectifier nonlinearities improve neural network acoustic models, 2013.
    """
    slope = real_number(negative_slope, "leaky_relu", "negative_slope")
    return _core.leaky_relu(float32_array(x, "leaky_relu", "x"), slope)


def leaky_relu_backward(
    grad_output: ArrayLike, x: ArrayLike, *, negative_slope: float = 0.01
) -> FloatArray:
    """Gradient of `leaky_relu` with respect to its input; `negative_slope` at 0.

    Example:
        >>> leaky_relu_backward([1.0, 1.0], [-1.0, 2.0], negative_slope=0.5)
        array([0.5, 1. ], dtype=float32)
    """
    grad, saved = same_shapes("leaky_relu_backward", "grad_output", grad_output, "x", x)
    slope = real_number(negative_slope, "leaky_relu_backward", "negative_slope")
    return _core.leaky_relu_backward(grad, saved, slope)


def sigmoid(x: ArrayLike) -> FloatArray:
    """Logistic function, ``1 / (1 + exp(-x))``, elementwise.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape, in [0, 1].

    Raises:
        TypeError: if `x` is not of a real dtype.

    Example:
        >>> sigmoid([0.0])
        array([0.5], dtype=float32)
    """
    return _core.sigmoid(float32_array(x, "sigmoid", "x"))


def sigmoid_backward(grad_output: ArrayLike, output: ArrayLike) -> FloatArray:
    """Gradient of `sigmoid` from its output y: ``grad_output * y * (1 - y)``.

    Example:
        >>> sigmoid_backward([1.0], [0.5])
        array([0.25], dtype=float32)
    """
    grad, saved = same_shapes("sigmoid_backward", "grad_output", grad_output, "output", output)
    return _core.sigmoid_backward(grad, saved)


def tanh(x: ArrayLike) -> FloatArray:
    """Hyperbolic tangent, elementwise.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape, in [-1, 1].

    Raises:
        TypeError: if `x` is not of a real dtype.

    Example:
        >>> tanh([0.0])
        array([0.], dtype=float32)
    """
    return _core.tanh(float32_array(x, "tanh", "x"))


def tanh_backward(grad_output: ArrayLike, output: ArrayLike) -> FloatArray:
    """Gradient of `tanh` from its output y: ``grad_output * (1 - y * y)``.

    Example:
        >>> tanh_backward([1.0], [0.5])
        array([0.75], dtype=float32)
    """
    grad, saved = same_shapes("tanh_backward", "grad_output", grad_output, "output", output)
    return _core.tanh_backward(grad, saved)
