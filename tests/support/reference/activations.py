"""Reference activations, softmax and its logarithm, as functions of whole arrays."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from reference.arrays import Array, real


def relu(x: npt.ArrayLike) -> Array:
    return np.where(real(x) < 0, 0.0, real(x))


def relu_backward(grad_output: npt.ArrayLike, x: npt.ArrayLike) -> Array:
    return np.where(real(x) > 0, real(grad_output), 0.0)


def relu6(x: npt.ArrayLike) -> Array:
    return np.clip(real(x), 0.0, 6.0)


def relu6_backward(grad_output: npt.ArrayLike, output: npt.ArrayLike) -> Array:
    return np.where((real(output) > 0) & (real(output) < 6), real(grad_output), 0.0)


def leaky_relu(x: npt.ArrayLike, *, negative_slope: float = 0.01) -> Array:
    return np.where(real(x) < 0, negative_slope * real(x), real(x))


def leaky_relu_backward(
    grad_output: npt.ArrayLike, x: npt.ArrayLike, *, negative_slope: float = 0.01
) -> Array:
    return np.where(real(x) > 0, real(grad_output), negative_slope * real(grad_output))


def clip(x: npt.ArrayLike, minimum: float, maximum: float) -> Array:
    return np.clip(real(x), minimum, maximum)


def clip_backward(
    grad_output: npt.ArrayLike, output: npt.ArrayLike, minimum: float, maximum: float
) -> Array:
    inside = (real(output) > minimum) & (real(output) < maximum)
    return np.where(inside, real(grad_output), 0.0)


def elu(x: npt.ArrayLike, *, alpha: float = 1.0) -> Array:
    x = real(x)
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def elu_backward(grad_output: npt.ArrayLike, x: npt.ArrayLike, *, alpha: float = 1.0) -> Array:
    x = real(x)
    return real(grad_output) * np.where(x > 0, 1.0, alpha * np.exp(np.minimum(x, 0.0)))


SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def selu(x: npt.ArrayLike) -> Array:
    return SELU_SCALE * elu(x, alpha=SELU_ALPHA)


def selu_backward(grad_output: npt.ArrayLike, x: npt.ArrayLike) -> Array:
    return SELU_SCALE * elu_backward(grad_output, x, alpha=SELU_ALPHA)


def reciprocal(x: npt.ArrayLike) -> Array:
    with np.errstate(divide="ignore"):
        return 1.0 / real(x)


def reciprocal_backward(grad_output: npt.ArrayLike, output: npt.ArrayLike) -> Array:
    return -real(grad_output) * real(output) ** 2


def hard_shrink(x: npt.ArrayLike, *, threshold: float = 0.5) -> Array:
    return np.where(np.abs(real(x)) <= threshold, 0.0, real(x))


def hard_shrink_backward(grad: npt.ArrayLike, x: npt.ArrayLike, *, threshold: float = 0.5) -> Array:
    return np.where(np.abs(real(x)) > threshold, real(grad), 0.0)


def soft_shrink(x: npt.ArrayLike, *, threshold: float = 0.5) -> Array:
    return real(x) - np.clip(real(x), -threshold, threshold)


soft_shrink_backward = hard_shrink_backward


def softsign(x: npt.ArrayLike) -> Array:
    return real(x) / (1.0 + np.abs(real(x)))


def softsign_backward(grad_output: npt.ArrayLike, x: npt.ArrayLike) -> Array:
    return real(grad_output) / (1.0 + np.abs(real(x))) ** 2


def prelu(x: npt.ArrayLike, weight: npt.ArrayLike) -> Array:
    return np.where(real(x) < 0, real(weight) * real(x), real(x))


def prelu_backward(
    grad_output: npt.ArrayLike, x: npt.ArrayLike, weight: npt.ArrayLike
) -> tuple[Array, Array]:
    grad, x = real(grad_output), real(x)
    grad_input = np.where(x > 0, grad, real(weight) * grad)
    products = np.where(x < 0, x * grad, 0.0)
    return grad_input, real(products.reshape(-1, x.shape[-1]).sum(axis=0))


def sigmoid(x: npt.ArrayLike) -> Array:
    x = real(x)
    decay = np.exp(-np.abs(x))  # never overflows
    return np.where(x < 0, decay, 1.0) / (1.0 + decay)


def sigmoid_backward(grad_output: npt.ArrayLike, output: npt.ArrayLike) -> Array:
    return real(grad_output) * real(output) * (1.0 - real(output))


def tanh(x: npt.ArrayLike) -> Array:
    return np.tanh(real(x))


def tanh_backward(grad_output: npt.ArrayLike, output: npt.ArrayLike) -> Array:
    return real(grad_output) * (1.0 - real(output) ** 2)


def normal_distribution(x: Array) -> Array:
    """The standard normal distribution function at x."""
    return real(np.vectorize(math.erfc, otypes=[float])(-x / math.sqrt(2.0)) / 2.0)


def gelu(x: npt.ArrayLike, *, approximate: str = "none") -> Array:
    x = real(x)
    return x * (normal_distribution(x) if approximate == "none" else sigmoid(tanh_argument(x)))


def gelu_backward(
    grad_output: npt.ArrayLike, x: npt.ArrayLike, *, approximate: str = "none"
) -> Array:
    x = real(x)
    if approximate == "tanh":
        near = np.clip(x, -1e3, 1e3)  # beyond, the derivative is 0 or 1
        slope = math.sqrt(8.0 / math.pi) * (1.0 + 3.0 * 0.044715 * near**2)
        s, other = sigmoid(tanh_argument(near)), sigmoid(-tanh_argument(near))
        return real(grad_output) * (s + near * slope * s * other)
    density = np.exp(-(x**2) / 2.0) / math.sqrt(2.0 * math.pi)
    return real(grad_output) * (normal_distribution(x) + x * density)


def tanh_argument(x: Array) -> Array:
    """Twice the argument of the tanh in the approximation of GELU."""
    return math.sqrt(8.0 / math.pi) * (x + 0.044715 * x**3)


def silu(x: npt.ArrayLike) -> Array:
    return real(x) * sigmoid(x)


def silu_backward(grad_output: npt.ArrayLike, x: npt.ArrayLike) -> Array:
    s = sigmoid(x)
    return real(grad_output) * (s + real(x) * s * (1.0 - s))


def mish(x: npt.ArrayLike) -> Array:
    return real(x) * np.tanh(softplus(x))


def mish_backward(grad_output: npt.ArrayLike, x: npt.ArrayLike) -> Array:
    t = np.tanh(softplus(x))
    return real(grad_output) * (t + real(x) * sigmoid(x) * (1.0 - t**2))


def hard_swish(x: npt.ArrayLike) -> Array:
    return real(x) * np.clip(real(x) + 3.0, 0.0, 6.0) / 6.0


def hard_swish_backward(grad_output: npt.ArrayLike, x: npt.ArrayLike) -> Array:
    x = real(x)
    slope = np.where(x < 3.0, x / 3.0 + 0.5, 1.0)
    return real(grad_output) * np.where(x > -3.0, slope, 0.0)


def hard_sigmoid(x: npt.ArrayLike, *, slope: float = 1 / 6, offset: float = 0.5) -> Array:
    return np.clip(slope * real(x) + offset, 0.0, 1.0)


def hard_sigmoid_backward(
    grad_output: npt.ArrayLike, x: npt.ArrayLike, *, slope: float = 1 / 6, offset: float = 0.5
) -> Array:
    x = real(x)
    inside = (x > -offset / slope) & (x < (1.0 - offset) / slope)
    return np.where(inside, slope * real(grad_output), 0.0)


def softplus(x: npt.ArrayLike) -> Array:
    return np.logaddexp(0.0, real(x))


def softplus_backward(grad_output: npt.ArrayLike, x: npt.ArrayLike) -> Array:
    return real(grad_output) * sigmoid(x)


def softmax(x: npt.ArrayLike) -> Array:
    x = real(x)
    exponentials = np.exp(x - x.max(axis=-1, keepdims=True))
    return real(exponentials / exponentials.sum(axis=-1, keepdims=True))


def softmax_backward(grad_output: npt.ArrayLike, output: npt.ArrayLike) -> Array:
    grad_output, output = real(grad_output), real(output)
    return real(output * (grad_output - (grad_output * output).sum(axis=-1, keepdims=True)))


def log_softmax(x: npt.ArrayLike) -> Array:
    x = real(x)
    top = x.max(axis=-1, keepdims=True)
    largest = x.argmax(axis=-1)[..., np.newaxis] == np.arange(x.shape[-1])
    others = np.where(largest, 0.0, np.exp(x - top)).sum(axis=-1, keepdims=True)
    return real((x - top) - np.log1p(others))


def log_softmax_backward(grad_output: npt.ArrayLike, output: npt.ArrayLike) -> Array:
    grad_output = real(grad_output)
    return real(grad_output - np.exp(real(output)) * grad_output.sum(axis=-1, keepdims=True))


def quantize(x: npt.ArrayLike, scale: float, zero_point: int = 0) -> Array:
    byte = np.clip(np.rint(real(x) / scale) + zero_point, 0, 255)
    return scale * (byte - zero_point)


def quantize_backward(
    grad_output: npt.ArrayLike, x: npt.ArrayLike, scale: float, zero_point: int = 0
) -> Array:
    byte = real(x) / scale + zero_point
    return np.where((byte >= 0) & (byte <= 255), real(grad_output), 0.0)
