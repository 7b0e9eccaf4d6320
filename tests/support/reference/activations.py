"""Reference activations and softmax, as functions of whole arrays."""

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


def gelu(x: npt.ArrayLike) -> Array:
    return real(x) * normal_distribution(real(x))


def gelu_backward(grad_output: npt.ArrayLike, x: npt.ArrayLike) -> Array:
    x = real(x)
    density = np.exp(-(x**2) / 2.0) / math.sqrt(2.0 * math.pi)
    return real(grad_output) * (normal_distribution(x) + x * density)


def silu(x: npt.ArrayLike) -> Array:
    return real(x) * sigmoid(x)


def silu_backward(grad_output: npt.ArrayLike, x: npt.ArrayLike) -> Array:
    s = sigmoid(x)
    return real(grad_output) * (s + real(x) * s * (1.0 - s))


def hard_swish(x: npt.ArrayLike) -> Array:
    return real(x) * np.clip(real(x) + 3.0, 0.0, 6.0) / 6.0


def hard_swish_backward(grad_output: npt.ArrayLike, x: npt.ArrayLike) -> Array:
    x = real(x)
    slope = np.where(x < 3.0, x / 3.0 + 0.5, 1.0)
    return real(grad_output) * np.where(x > -3.0, slope, 0.0)


def hard_sigmoid(x: npt.ArrayLike) -> Array:
    return np.clip(real(x) + 3.0, 0.0, 6.0) / 6.0


def hard_sigmoid_backward(grad_output: npt.ArrayLike, x: npt.ArrayLike) -> Array:
    x = real(x)
    return np.where((x > -3.0) & (x < 3.0), real(grad_output) / 6.0, 0.0)


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
