"""Elementwise activations, forward and backward, on arrays of any shape.

Long because each of the functions documents its arguments, results and errors.
"""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, float32_array, real_number, same_shapes

__all__ = [
    "gelu",
    "gelu_backward",
    "hard_sigmoid",
    "hard_sigmoid_backward",
    "hard_swish",
    "hard_swish_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "relu",
    "relu6",
    "relu6_backward",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "silu",
    "silu_backward",
    "softplus",
    "softplus_backward",
    "tanh",
    "tanh_backward",
]


def relu(x: ArrayLike) -> FloatArray:
    """Rectified linear unit, ``x < 0 ? 0 : x``, elementwise; NaN propagates.

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
    return _apply("relu", x)


def relu_backward(grad_output: ArrayLike, x: ArrayLike) -> FloatArray:
    """Gradient of `relu` with respect to its input; 0 where ``x <= 0``.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `relu`.

    Returns:
        Gradient of the shape of `x`.

    Raises:
        TypeError: as `relu`.
        ValueError: if the shapes differ.

    Example:
        >>> relu_backward([1.0, 1.0, 1.0], [-1.0, 0.0, 2.0])
        array([0., 0., 1.], dtype=float32)
    """
    grad, saved = same_shapes("relu_backward", "grad_output", grad_output, "x", x)
    # The core reads the output, which is <= 0 where the input is.
    return _core.run_op_backward("relu", {}, grad, saved.shape, output=saved)[0]


def relu6(x: ArrayLike) -> FloatArray:
    """Rectified linear unit capped at 6, ``clip(x, 0, 6)``, elementwise; NaN propagates.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape, in [0, 6].

    Raises:
        TypeError: if `x` is not of a real dtype.

    Example:
        >>> relu6([-1.0, 2.0, 7.0])
        array([0., 2., 6.], dtype=float32)

    References:
        Howard et al.: MobileNets, 2017.
    """
    return _apply("relu6", x)


def relu6_backward(grad_output: ArrayLike, output: ArrayLike) -> FloatArray:
    """Gradient of `relu6` from its output y: `grad_output` where ``0 < y < 6``, 0 elsewhere.

    Args:
        grad_output: gradient of the output, of the output's shape.
        output: result of `relu6`.

    Returns:
        Gradient of the shape of `output`.

    Raises:
        TypeError: as `relu6`.
        ValueError: if the shapes differ.

    Example:
        >>> relu6_backward([1.0, 1.0, 1.0], [0.0, 2.0, 6.0])
        array([0., 1., 0.], dtype=float32)
    """
    return _from_output("relu6", grad_output, output)


def leaky_relu(x: ArrayLike, *, negative_slope: float = 0.01) -> FloatArray:
    """Leaky rectified linear unit, ``x < 0 ? negative_slope * x : x``, elementwise.

    Args:
        x: array of any shape.
        negative_slope: factor of negative inputs.

    Returns:
        Array of the same shape.

    Raises:
        TypeError: if `x` is not of a real dtype, or the slope is not a number.
        ValueError: if the slope is not finite.

    Example:
        >>> leaky_relu([-1.0, 2.0], negative_slope=0.5)
        array([-0.5,  2. ], dtype=float32)

    References:
        Maas, Hannun, Ng: Rectifier nonlinearities improve neural network acoustic models, 2013.
    """
    slope = real_number(negative_slope, "leaky_relu", "negative_slope")
    return _apply("leaky_relu", x, negative_slope=slope)


def leaky_relu_backward(
    grad_output: ArrayLike, x: ArrayLike, *, negative_slope: float = 0.01
) -> FloatArray:
    """Gradient of `leaky_relu` with respect to its input; `negative_slope` at 0.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `leaky_relu`.
        negative_slope: as in `leaky_relu`.

    Returns:
        Gradient of the shape of `x`.

    Raises:
        TypeError: as `leaky_relu`.
        ValueError: if the shapes differ.

    Example:
        >>> leaky_relu_backward([1.0, 1.0], [-1.0, 2.0], negative_slope=0.5)
        array([0.5, 1. ], dtype=float32)
    """
    slope = real_number(negative_slope, "leaky_relu_backward", "negative_slope")
    return _from_input("leaky_relu", grad_output, x, negative_slope=slope)


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
    return _apply("sigmoid", x)


def sigmoid_backward(grad_output: ArrayLike, output: ArrayLike) -> FloatArray:
    """Gradient of `sigmoid` from its output y: ``grad_output * y * (1 - y)``.

    Args:
        grad_output: gradient of the output, of the output's shape.
        output: result of `sigmoid`.

    Returns:
        Gradient of the shape of `output`.

    Raises:
        TypeError: as `sigmoid`.
        ValueError: if the shapes differ.

    Example:
        >>> sigmoid_backward([1.0], [0.5])
        array([0.25], dtype=float32)
    """
    return _from_output("sigmoid", grad_output, output)


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
    return _apply("tanh", x)


def tanh_backward(grad_output: ArrayLike, output: ArrayLike) -> FloatArray:
    """Gradient of `tanh` from its output y: ``grad_output * (1 - y * y)``.

    Args:
        grad_output: gradient of the output, of the output's shape.
        output: result of `tanh`.

    Returns:
        Gradient of the shape of `output`.

    Raises:
        TypeError: as `tanh`.
        ValueError: if the shapes differ.

    Example:
        >>> tanh_backward([1.0], [0.5])
        array([0.75], dtype=float32)
    """
    return _from_output("tanh", grad_output, output)


def gelu(x: ArrayLike) -> FloatArray:
    """Gaussian error linear unit, ``x * Phi(x)``, elementwise; Phi is the standard normal
    distribution.

    This is the exact form, PyTorch's default, not the tanh approximation.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape.

    Raises:
        TypeError: if `x` is not of a real dtype.

    Example:
        >>> gelu([-1.0, 0.0, 1.0]).round(4)
        array([-0.1587,  0.    ,  0.8413], dtype=float32)

    References:
        Hendrycks, Gimpel: Gaussian error linear units, 2016.
    """
    return _apply("gelu", x)


def gelu_backward(grad_output: ArrayLike, x: ArrayLike) -> FloatArray:
    """Gradient of `gelu` from its input: ``grad_output * (Phi(x) + x * phi(x))``, phi the density.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `gelu`.

    Returns:
        Gradient of the shape of `x`.

    Raises:
        TypeError: as `gelu`.
        ValueError: if the shapes differ.

    Example:
        >>> gelu_backward([2.0], [0.0])
        array([1.], dtype=float32)
    """
    return _from_input("gelu", grad_output, x)


def silu(x: ArrayLike) -> FloatArray:
    """Sigmoid linear unit or swish, ``x / (1 + exp(-x))``, elementwise.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape.

    Raises:
        TypeError: if `x` is not of a real dtype.

    Example:
        >>> silu([-1.0, 0.0, 1.0]).round(4)
        array([-0.2689,  0.    ,  0.7311], dtype=float32)

    References:
        Elfwing, Uchibe, Doya: Sigmoid-weighted linear units for neural network function
        approximation in reinforcement learning, 2017.
    """
    return _apply("silu", x)


def silu_backward(grad_output: ArrayLike, x: ArrayLike) -> FloatArray:
    """Gradient of `silu` from its input, with ``s = sigmoid(x)``: ``grad_output * (s + x * s *
    (1 - s))``.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `silu`.

    Returns:
        Gradient of the shape of `x`.

    Raises:
        TypeError: as `silu`.
        ValueError: if the shapes differ.

    Example:
        >>> silu_backward([2.0], [0.0])
        array([1.], dtype=float32)
    """
    return _from_input("silu", grad_output, x)


def hard_swish(x: ArrayLike) -> FloatArray:
    """Hard swish, ``x * clip(x + 3, 0, 6) / 6``, elementwise: a piecewise approximation of `silu`.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape.

    Raises:
        TypeError: if `x` is not of a real dtype.

    Example:
        >>> hard_swish([-4.0, 0.0, 1.5, 4.0])
        array([0.   , 0.   , 1.125, 4.   ], dtype=float32)

    References:
        Howard et al.: Searching for MobileNetV3, 2019.
    """
    return _apply("hard_swish", x)


def hard_swish_backward(grad_output: ArrayLike, x: ArrayLike) -> FloatArray:
    """Gradient of `hard_swish` from its input: 0 where ``x <= -3``, `grad_output` where ``x >= 3``,
    ``grad_output * (x / 3 + 1 / 2)`` between.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `hard_swish`.

    Returns:
        Gradient of the shape of `x`.

    Raises:
        TypeError: as `hard_swish`.
        ValueError: if the shapes differ.

    Example:
        >>> hard_swish_backward([1.0, 1.0, 1.0], [-3.0, 0.0, 3.0])
        array([0. , 0.5, 1. ], dtype=float32)
    """
    return _from_input("hard_swish", grad_output, x)


def hard_sigmoid(x: ArrayLike) -> FloatArray:
    """Hard sigmoid, ``clip(x + 3, 0, 6) / 6``, elementwise: a piecewise linear `sigmoid`.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape, in [0, 1].

    Raises:
        TypeError: if `x` is not of a real dtype.

    Example:
        >>> hard_sigmoid([-4.0, 0.0, 1.5, 4.0])
        array([0.  , 0.5 , 0.75, 1.  ], dtype=float32)

    References:
        Howard et al.: Searching for MobileNetV3, 2019.
    """
    return _apply("hard_sigmoid", x)


def hard_sigmoid_backward(grad_output: ArrayLike, x: ArrayLike) -> FloatArray:
    """Gradient of `hard_sigmoid` from its input: ``grad_output / 6`` where ``-3 < x < 3``, 0
    elsewhere.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `hard_sigmoid`.

    Returns:
        Gradient of the shape of `x`.

    Raises:
        TypeError: as `hard_sigmoid`.
        ValueError: if the shapes differ.

    Example:
        >>> hard_sigmoid_backward([6.0, 6.0, 6.0], [-3.0, 0.0, 3.0])
        array([0., 1., 0.], dtype=float32)
    """
    return _from_input("hard_sigmoid", grad_output, x)


def softplus(x: ArrayLike) -> FloatArray:
    """Softplus, ``log(1 + exp(x))``, elementwise: a smooth `relu`, without overflow.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape, at least 0.

    Raises:
        TypeError: if `x` is not of a real dtype.

    Example:
        >>> softplus([0.0, 100.0])
        array([  0.6931472, 100.       ], dtype=float32)

    References:
        Dugas et al.: Incorporating Second-Order Functional Knowledge for Better Option Pricing,
        2001.
    """
    return _apply("softplus", x)


def softplus_backward(grad_output: ArrayLike, x: ArrayLike) -> FloatArray:
    """Gradient of `softplus` from its input: ``grad_output * sigmoid(x)``.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `softplus`.

    Returns:
        Gradient of the shape of `x`.

    Raises:
        TypeError: as `softplus`.
        ValueError: if the shapes differ.

    Example:
        >>> softplus_backward([2.0, 2.0], [0.0, 100.0])
        array([1., 2.], dtype=float32)
    """
    return _from_input("softplus", grad_output, x)


def _apply(kind: str, x: ArrayLike, **settings: float) -> FloatArray:
    return _core.run_op(kind, settings, float32_array(x, kind, "x"))


def _from_input(kind: str, grad_output: ArrayLike, x: ArrayLike, **settings: float) -> FloatArray:
    """The gradient of an activation whose backward reads its input."""
    grad, saved = same_shapes(f"{kind}_backward", "grad_output", grad_output, "x", x)
    return _core.run_op_backward(kind, settings, grad, saved)[0]


def _from_output(kind: str, grad_output: ArrayLike, output: ArrayLike) -> FloatArray:
    """The gradient of an activation whose backward reads its output."""
    grad, saved = same_shapes(f"{kind}_backward", "grad_output", grad_output, "output", output)
    return _core.run_op_backward(kind, {}, grad, saved.shape, output=saved)[0]
