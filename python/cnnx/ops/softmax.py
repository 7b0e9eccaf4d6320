"""Softmax over the last axis and its logarithm, forward and backward."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, float32_array, same_shapes
from cnnx.spelling import checked_call


@checked_call
def softmax(x: ArrayLike) -> FloatArray:
    """Softmax over the last axis, ``exp(x - max) / sum(exp(x - max))``.

    The error is at most 4 ULP. A NaN makes its whole row NaN.

    Args:
        x: array of at least one axis; the last one is the classes.

    Returns:
        Array of the same shape; every row adds up to 1.

    Raises:
        TypeError: if `x` is not of a real dtype.
        ValueError: if `x` has no axis, or the last axis is empty.

    Example:
        >>> softmax([1.0, 1.0])
        array([0.5, 0.5], dtype=float32)
    """
    return _core.run_op("softmax", {}, float32_array(x, "softmax", "x"))


@checked_call
def softmax_backward(grad_output: ArrayLike, output: ArrayLike) -> FloatArray:
    """Gradient of `softmax` from its output y: ``y * (grad_output - sum(grad_output * y))``.

    Args:
        grad_output: gradient of the result, of the result's shape.
        output: result of `softmax`.

    Returns:
        Array of the same shape.

    Raises:
        TypeError: if an argument is not of a real dtype.
        ValueError: if the shapes differ.

    Example:
        >>> softmax_backward([1.0, 0.0], [0.5, 0.5])
        array([ 0.25, -0.25], dtype=float32)
    """
    grad, saved = same_shapes("softmax_backward", "grad_output", grad_output, "output", output)
    return _core.run_op_backward("softmax", {}, grad, saved.shape, output=saved)[0]


@checked_call
def log_softmax(x: ArrayLike) -> FloatArray:
    """Logarithm of `softmax`, ``x - max - log(sum(exp(x - max)))``, over the last axis.

    The error is at most 4 ULP, also where a probability is nearly 1 or too small for float32. A NaN
    makes its whole row NaN.

    Args:
        x: array of at least one axis; the last one is the classes.

    Returns:
        Array of the same shape.

    Raises:
        TypeError: if `x` is not of a real dtype.
        ValueError: if `x` has no axis, or the last axis is empty.

    Example:
        >>> log_softmax([0.0, 1000.0])
        array([-1000.,     0.], dtype=float32)
    """
    return _core.run_op("log_softmax", {}, float32_array(x, "log_softmax", "x"))


@checked_call
def log_softmax_backward(grad_output: ArrayLike, output: ArrayLike) -> FloatArray:
    """Gradient of `log_softmax` from its output y: ``grad_output - exp(y) * sum(grad_output)``.

    Args:
        grad_output: gradient of the result, of the result's shape.
        output: result of `log_softmax`.

    Returns:
        Array of the same shape.

    Raises:
        TypeError: if an argument is not of a real dtype.
        ValueError: if the shapes differ.

    Example:
        >>> log_softmax_backward([1.0, 0.0], [0.0, -1000.0])
        array([0., 0.], dtype=float32)
    """
    grad, saved = same_shapes("log_softmax_backward", "grad_output", grad_output, "output", output)
    return _core.run_op_backward("log_softmax", {}, grad, saved.shape, output=saved)[0]
