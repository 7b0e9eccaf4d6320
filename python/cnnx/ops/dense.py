"""Fully connected layer, forward and backward."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, float32_array
from cnnx.spelling import checked_call


@checked_call
def dense(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> FloatArray:
    """Fully connected layer, ``x @ weight + bias``.

    Every output is one chain of fused multiply-adds in the order of the features, starting from
    the bias. The bits are the same on any number of threads and in any batch.

    Args:
        x: rows of features.
        weight: weight matrix.
        bias: one number per output feature, or None.

    Shape:
        x (batch, in_features); weight (in_features, out_features); bias (out_features,);
        result (batch, out_features).

    Raises:
        TypeError: if an array is not of a real dtype.
        ValueError: if the shapes do not fit each other.

    Example:
        >>> dense([[1.0, 2.0]], [[3.0], [4.0]], [0.5])
        array([[11.5]], dtype=float32)
    """
    name = "dense"
    x = float32_array(x, name, "x", ndim=2)
    parameters = [float32_array(weight, name, "weight", ndim=2)]
    if bias is not None:
        parameters.append(float32_array(bias, name, "bias", ndim=1))
    settings = {"out_features": parameters[0].shape[1], "bias": bias is not None}
    return _core.run_op(name, settings, x, parameters)


@checked_call
def dense_backward(
    grad_output: ArrayLike, x: ArrayLike, weight: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of `dense` with respect to its input, weight and bias.

    Args:
        grad_output: gradient of the result, of the result's shape.
        x: as in `dense`.
        weight: as in `dense`.

    Returns:
        (grad_input, grad_weight, grad_bias): ``grad_output @ weight.T``, ``x.T @ grad_output`` and
        ``grad_output.sum(axis=0)``.

    Raises:
        TypeError: as `dense`.
        ValueError: as `dense`, and if the shape of `grad_output` is not the result's.

    Example:
        >>> x, weight = [[1.0, 2.0]], [[3.0], [4.0]]
        >>> grad_input, grad_weight, grad_bias = dense_backward([[10.0]], x, weight)
        >>> grad_input
        array([[30., 40.]], dtype=float32)
        >>> grad_weight
        array([[10.],
               [20.]], dtype=float32)
        >>> grad_bias
        array([10.], dtype=float32)
    """
    name = "dense_backward"
    grad = float32_array(grad_output, name, "grad_output", ndim=2)
    x = float32_array(x, name, "x", ndim=2)
    weight = float32_array(weight, name, "weight", ndim=2)
    settings = {"out_features": weight.shape[1], "bias": True}
    grad_input, grad_weight, grad_bias = _core.run_op_backward("dense", settings, grad, x, [weight])
    return grad_input, grad_weight, grad_bias
