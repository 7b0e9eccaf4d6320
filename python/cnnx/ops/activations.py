"""Elementwise activations, forward and backward, on arrays of any shape.

Long because each of the functions documents its arguments, results and errors.
"""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import (
    GELU_APPROXIMATIONS,
    FloatArray,
    GeluApproximation,
    float32_array,
    one_of,
    real_number,
    same_shapes,
)
from cnnx.spelling import checked_call

__all__ = [
    "clip",
    "clip_backward",
    "elu",
    "elu_backward",
    "gelu",
    "gelu_backward",
    "hard_shrink",
    "hard_shrink_backward",
    "hard_sigmoid",
    "hard_sigmoid_backward",
    "hard_swish",
    "hard_swish_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "mish",
    "mish_backward",
    "reciprocal",
    "reciprocal_backward",
    "relu",
    "relu6",
    "relu6_backward",
    "relu_backward",
    "selu",
    "selu_backward",
    "sigmoid",
    "sigmoid_backward",
    "silu",
    "silu_backward",
    "soft_shrink",
    "soft_shrink_backward",
    "softplus",
    "softplus_backward",
    "softsign",
    "softsign_backward",
    "tanh",
    "tanh_backward",
]


@checked_call
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


@checked_call
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


@checked_call
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


@checked_call
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


@checked_call
def clip(x: ArrayLike, minimum: float, maximum: float) -> FloatArray:
    """Limit to a range, ``min(max(x, minimum), maximum)``, elementwise; NaN propagates.

    Args:
        x: array of any shape.
        minimum: smallest output.
        maximum: largest output, at least `minimum`.

    Returns:
        Array of the same shape.

    Raises:
        TypeError: if `x` is not of a real dtype, or a limit is not a number.
        ValueError: if a limit is not finite, or `minimum` is above `maximum`.

    Example:
        >>> clip([-3.0, 0.5, 3.0], -1.0, 2.0)
        array([-1. ,  0.5,  2. ], dtype=float32)
    """
    return _apply("clip", x, **_limits("clip", minimum, maximum))


@checked_call
def clip_backward(
    grad_output: ArrayLike, output: ArrayLike, minimum: float, maximum: float
) -> FloatArray:
    """Gradient of `clip` from its output y: `grad_output` where ``minimum < y < maximum``, 0
    elsewhere.

    Args:
        grad_output: gradient of the output, of the output's shape.
        output: result of `clip`.
        minimum: as in `clip`.
        maximum: as in `clip`.

    Returns:
        Gradient of the shape of `output`.

    Raises:
        TypeError: as `clip`.
        ValueError: as `clip`, and if the shapes differ.

    Example:
        >>> clip_backward([1.0, 1.0, 1.0], [-1.0, 0.5, 2.0], -1.0, 2.0)
        array([0., 1., 0.], dtype=float32)
    """
    limits = _limits("clip_backward", minimum, maximum)
    return _from_output("clip", grad_output, output, **limits)


@checked_call
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


@checked_call
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


@checked_call
def elu(x: ArrayLike, *, alpha: float = 1.0) -> FloatArray:
    """Exponential linear unit, ``x > 0 ? x : alpha * (exp(x) - 1)``, elementwise.

    Args:
        x: array of any shape.
        alpha: minus the limit at minus infinity.

    Returns:
        Array of the same shape.

    Raises:
        TypeError: if `x` is not of a real dtype, or `alpha` is not a number.
        ValueError: if `alpha` is not finite.

    Example:
        >>> elu([-100.0, 0.0, 2.0], alpha=0.5)
        array([-0.5,  0. ,  2. ], dtype=float32)

    References:
        Clevert, Unterthiner, Hochreiter: Fast and Accurate Deep Network Learning by Exponential
        Linear Units (ELUs), 2015.
    """
    return _apply("elu", x, alpha=real_number(alpha, "elu", "alpha"))


@checked_call
def elu_backward(grad_output: ArrayLike, x: ArrayLike, *, alpha: float = 1.0) -> FloatArray:
    """Gradient of `elu` from its input: `grad_output` where ``x > 0``, ``grad_output * alpha *
    exp(x)`` elsewhere.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `elu`.
        alpha: as in `elu`.

    Returns:
        Gradient of the shape of `x`.

    Raises:
        TypeError: as `elu`.
        ValueError: as `elu`, and if the shapes differ.

    Example:
        >>> elu_backward([1.0, 1.0], [0.0, 2.0], alpha=0.5)
        array([0.5, 1. ], dtype=float32)
    """
    return _from_input("elu", grad_output, x, alpha=real_number(alpha, "elu_backward", "alpha"))


@checked_call
def selu(x: ArrayLike) -> FloatArray:
    """Scaled exponential linear unit, ``1.0507 * elu(x, alpha=1.6733)``, elementwise.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape.

    Raises:
        TypeError: if `x` is not of a real dtype.

    Example:
        >>> selu([-100.0, 0.0, 1.0]).round(4)
        array([-1.7581,  0.    ,  1.0507], dtype=float32)

    References:
        Klambauer, Unterthiner, Mayr, Hochreiter: Self-Normalizing Neural Networks, 2017.
    """
    return _apply("selu", x)


@checked_call
def selu_backward(grad_output: ArrayLike, x: ArrayLike) -> FloatArray:
    """Gradient of `selu` from its input: ``1.0507 * grad_output`` where ``x > 0``,
    ``1.7581 * grad_output * exp(x)`` elsewhere.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `selu`.

    Returns:
        Gradient of the shape of `x`.

    Raises:
        TypeError: as `selu`.
        ValueError: if the shapes differ.

    Example:
        >>> selu_backward([1.0, 1.0], [0.0, 2.0]).round(4)
        array([1.7581, 1.0507], dtype=float32)
    """
    return _from_input("selu", grad_output, x)


@checked_call
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


@checked_call
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


@checked_call
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


@checked_call
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


@checked_call
def reciprocal(x: ArrayLike) -> FloatArray:
    """Reciprocal, ``1 / x``, elementwise.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape; infinity where `x` is 0.

    Raises:
        TypeError: if `x` is not of a real dtype.

    Example:
        >>> reciprocal([-2.0, 0.5, 8.0])
        array([-0.5  ,  2.   ,  0.125], dtype=float32)
    """
    return _apply("reciprocal", x)


@checked_call
def reciprocal_backward(grad_output: ArrayLike, output: ArrayLike) -> FloatArray:
    """Gradient of `reciprocal` from its output: ``-grad_output * output**2``.

    Args:
        grad_output: gradient of the output, of the output's shape.
        output: result of `reciprocal`.

    Returns:
        Gradient of the shape of `output`.

    Raises:
        TypeError: as `reciprocal`.
        ValueError: if the shapes differ.

    Example:
        >>> reciprocal_backward([1.0, 1.0], [-0.5, 2.0])
        array([-0.25, -4.  ], dtype=float32)
    """
    return _from_output("reciprocal", grad_output, output)


@checked_call
def softsign(x: ArrayLike) -> FloatArray:
    """Softsign, ``x / (1 + abs(x))``, elementwise.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape, in [-1, 1].

    Raises:
        TypeError: if `x` is not of a real dtype.

    Example:
        >>> softsign([-1.0, 0.0, 3.0])
        array([-0.5 ,  0.  ,  0.75], dtype=float32)

    References:
        Turian, Bergstra, Bengio: Quadratic Features and Deep Architectures for Chunking, 2009.
    """
    return _apply("softsign", x)


@checked_call
def softsign_backward(grad_output: ArrayLike, x: ArrayLike) -> FloatArray:
    """Gradient of `softsign` from its input: ``grad_output / (1 + abs(x))**2``.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `softsign`.

    Returns:
        Gradient of the shape of `x`.

    Raises:
        TypeError: as `softsign`.
        ValueError: if the shapes differ.

    Example:
        >>> softsign_backward([1.0, 1.0], [0.0, 1.0])
        array([1.  , 0.25], dtype=float32)
    """
    return _from_input("softsign", grad_output, x)


@checked_call
def gelu(x: ArrayLike, *, approximate: GeluApproximation = "none") -> FloatArray:
    """Gaussian error linear unit, ``x * Phi(x)``, elementwise; Phi is the standard normal
    distribution.

    Args:
        x: array of any shape.
        approximate: "none" for this exact form, or "tanh" for ``x / 2 * (1 + tanh(sqrt(2 / pi) *
            (x + 0.044715 * x**3)))``.

    Returns:
        Array of the same shape.

    Raises:
        TypeError: if `x` is not of a real dtype.
        ValueError: if `approximate` is another word.

    Example:
        >>> gelu([-1.0, 0.0, 1.0]).round(4)
        array([-0.1587,  0.    ,  0.8413], dtype=float32)

    References:
        Hendrycks, Gimpel: Gaussian error linear units, 2016.
    """
    return _apply("gelu", x, approximate=_gelu_form("gelu", approximate))


@checked_call
def gelu_backward(
    grad_output: ArrayLike, x: ArrayLike, *, approximate: GeluApproximation = "none"
) -> FloatArray:
    """Gradient of `gelu` from its input: ``grad_output * (Phi(x) + x * phi(x))``, phi the density,
    or the derivative of the approximation.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `gelu`.
        approximate: as in `gelu`.

    Returns:
        Gradient of the shape of `x`.

    Raises:
        TypeError: as `gelu`.
        ValueError: as `gelu`, and if the shapes differ.

    Example:
        >>> gelu_backward([2.0], [0.0])
        array([1.], dtype=float32)
    """
    form = _gelu_form("gelu_backward", approximate)
    return _from_input("gelu", grad_output, x, approximate=form)


@checked_call
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


@checked_call
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


@checked_call
def mish(x: ArrayLike) -> FloatArray:
    """Mish, ``x * tanh(log(1 + exp(x)))``, elementwise, without overflow.

    Args:
        x: array of any shape.

    Returns:
        Array of the same shape.

    Raises:
        TypeError: if `x` is not of a real dtype.

    Example:
        >>> mish([-1.0, 0.0, 1.0]).round(4)
        array([-0.3034,  0.    ,  0.8651], dtype=float32)

    References:
        Misra: Mish: A Self Regularized Non-Monotonic Activation Function, 2019.
    """
    return _apply("mish", x)


@checked_call
def mish_backward(grad_output: ArrayLike, x: ArrayLike) -> FloatArray:
    """Gradient of `mish` from its input, with ``t = tanh(log(1 + exp(x)))``: ``grad_output * (t +
    x * sigmoid(x) * (1 - t**2))``.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `mish`.

    Returns:
        Gradient of the shape of `x`.

    Raises:
        TypeError: as `mish`.
        ValueError: if the shapes differ.

    Example:
        >>> mish_backward([5.0], [0.0]).round(4)
        array([3.], dtype=float32)
    """
    return _from_input("mish", grad_output, x)


@checked_call
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


@checked_call
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


@checked_call
def hard_sigmoid(x: ArrayLike, *, slope: float = 1 / 6, offset: float = 0.5) -> FloatArray:
    """Hard sigmoid, ``clip(slope * x + offset, 0, 1)``, elementwise: a piecewise linear `sigmoid`.

    Args:
        x: array of any shape.
        slope: slope between the limits, above 0.
        offset: output at 0.

    Returns:
        Array of the same shape, in [0, 1].

    Raises:
        TypeError: if `x` is not of a real dtype, or a setting is not a number.
        ValueError: if `slope` is not above 0, or ``offset / slope`` is not finite.

    Example:
        >>> hard_sigmoid([-4.0, 0.0, 1.5, 4.0])
        array([0.  , 0.5 , 0.75, 1.  ], dtype=float32)

    References:
        Howard et al.: Searching for MobileNetV3, 2019.
    """
    return _apply("hard_sigmoid", x, **_line("hard_sigmoid", slope, offset))


@checked_call
def hard_sigmoid_backward(
    grad_output: ArrayLike, x: ArrayLike, *, slope: float = 1 / 6, offset: float = 0.5
) -> FloatArray:
    """Gradient of `hard_sigmoid` from its input: ``slope * grad_output`` where the output is
    between 0 and 1, 0 elsewhere.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `hard_sigmoid`.
        slope: as in `hard_sigmoid`.
        offset: as in `hard_sigmoid`.

    Returns:
        Gradient of the shape of `x`.

    Raises:
        TypeError: as `hard_sigmoid`.
        ValueError: as `hard_sigmoid`, and if the shapes differ.

    Example:
        >>> hard_sigmoid_backward([6.0, 6.0, 6.0], [-3.0, 0.0, 3.0])
        array([0., 1., 0.], dtype=float32)
    """
    line = _line("hard_sigmoid_backward", slope, offset)
    return _from_input("hard_sigmoid", grad_output, x, **line)


@checked_call
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


@checked_call
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


@checked_call
def hard_shrink(x: ArrayLike, *, threshold: float = 0.5) -> FloatArray:
    """Hard shrinkage, ``x`` where ``abs(x) > threshold``, else 0, elementwise; NaN propagates.

    Args:
        x: array of any shape.
        threshold: the largest magnitude that becomes 0, from 0 on.

    Returns:
        Array of the same shape.

    Raises:
        TypeError: if `x` is not of a real dtype, or the threshold is not a number.
        ValueError: if the threshold is negative or not finite.

    Example:
        >>> hard_shrink([-2.0, 0.5, 1.0])
        array([-2.,  0.,  1.], dtype=float32)
    """
    return _apply("hard_shrink", x, threshold=real_number(threshold, "hard_shrink", "threshold"))


@checked_call
def hard_shrink_backward(
    grad_output: ArrayLike, x: ArrayLike, *, threshold: float = 0.5
) -> FloatArray:
    """Gradient of `hard_shrink` from its input: `grad_output` where ``abs(x) > threshold``, else 0.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `hard_shrink`.
        threshold: as in `hard_shrink`.

    Returns:
        Gradient of the shape of `x`.

    Raises:
        TypeError: as `hard_shrink`.
        ValueError: as `hard_shrink`, and if the shapes differ.

    Example:
        >>> hard_shrink_backward([1.0, 1.0, 1.0], [-2.0, 0.5, 1.0])
        array([1., 0., 1.], dtype=float32)
    """
    threshold = real_number(threshold, "hard_shrink_backward", "threshold")
    return _from_input("hard_shrink", grad_output, x, threshold=threshold)


@checked_call
def soft_shrink(x: ArrayLike, *, threshold: float = 0.5) -> FloatArray:
    """Soft shrinkage, ``x - clip(x, -threshold, threshold)``, elementwise; NaN propagates.

    Args:
        x: array of any shape.
        threshold: the largest magnitude that becomes 0, from 0 on.

    Returns:
        Array of the same shape.

    Raises:
        TypeError: if `x` is not of a real dtype, or the threshold is not a number.
        ValueError: if the threshold is negative or not finite.

    Example:
        >>> soft_shrink([-2.0, 0.5, 1.0])
        array([-1.5,  0. ,  0.5], dtype=float32)
    """
    return _apply("soft_shrink", x, threshold=real_number(threshold, "soft_shrink", "threshold"))


@checked_call
def soft_shrink_backward(
    grad_output: ArrayLike, x: ArrayLike, *, threshold: float = 0.5
) -> FloatArray:
    """Gradient of `soft_shrink` from its input: `grad_output` where ``abs(x) > threshold``, else 0.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `soft_shrink`.
        threshold: as in `soft_shrink`.

    Returns:
        Gradient of the shape of `x`.

    Raises:
        TypeError: as `soft_shrink`.
        ValueError: as `soft_shrink`, and if the shapes differ.

    Example:
        >>> soft_shrink_backward([1.0, 1.0, 1.0], [-2.0, 0.5, 1.0])
        array([1., 0., 1.], dtype=float32)
    """
    threshold = real_number(threshold, "soft_shrink_backward", "threshold")
    return _from_input("soft_shrink", grad_output, x, threshold=threshold)


def _limits(function: str, minimum: float, maximum: float) -> dict[str, float]:
    return {
        "minimum": real_number(minimum, function, "minimum"),
        "maximum": real_number(maximum, function, "maximum"),
    }


def _line(function: str, slope: float, offset: float) -> dict[str, float]:
    return {
        "slope": real_number(slope, function, "slope"),
        "offset": real_number(offset, function, "offset"),
    }


def _gelu_form(function: str, approximate: GeluApproximation) -> str:
    return one_of(approximate, GELU_APPROXIMATIONS, function, "approximate")


def _apply(kind: str, x: ArrayLike, **settings: float | str) -> FloatArray:
    return _core.run_op(kind, settings, float32_array(x, kind, "x"))


def _from_input(
    kind: str, grad_output: ArrayLike, x: ArrayLike, **settings: float | str
) -> FloatArray:
    """The gradient of an activation whose backward reads its input."""
    grad, saved = same_shapes(f"{kind}_backward", "grad_output", grad_output, "x", x)
    return _core.run_op_backward(kind, settings, grad, saved)[0]


def _from_output(
    kind: str, grad_output: ArrayLike, output: ArrayLike, **settings: float
) -> FloatArray:
    """The gradient of an activation whose backward reads its output."""
    grad, saved = same_shapes(f"{kind}_backward", "grad_output", grad_output, "output", output)
    return _core.run_op_backward(kind, settings, grad, saved.shape, output=saved)[0]
