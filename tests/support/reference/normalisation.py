"""Reference batch, group and layer normalisation, forward and backward."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reference.arrays import Array, real

PIXELS = (0, 1, 2)  # the axes over which a channel's statistics are taken


def batch_norm2d(
    x: npt.ArrayLike,
    weight: npt.ArrayLike | None,
    bias: npt.ArrayLike | None,
    mean: npt.ArrayLike,
    variance: npt.ArrayLike,
    *,
    epsilon: float = 1e-5,
) -> Array:
    normalised = (real(x) - real(mean)) / np.sqrt(real(variance) + epsilon)
    scaled = normalised if weight is None else normalised * real(weight)
    return scaled if bias is None else scaled + real(bias)


def batch_norm2d_training(
    x: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    bias: npt.ArrayLike | None = None,
    *,
    epsilon: float = 1e-5,
) -> tuple[Array, Array, Array]:
    mean, variance = real(x).mean(axis=PIXELS), real(x).var(axis=PIXELS)
    return batch_norm2d(x, weight, bias, mean, variance, epsilon=epsilon), mean, variance


def batch_norm2d_backward(
    grad_output: npt.ArrayLike,
    x: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    epsilon: float = 1e-5,
) -> tuple[Array, Array, Array]:
    """The gradient of batch_norm2d_training: mean and variance are functions of x."""
    grad, mean, variance = real(grad_output), real(x).mean(PIXELS), real(x).var(PIXELS)
    normalised = batch_norm2d(x, None, None, mean, variance, epsilon=epsilon)
    grad_weight, grad_bias = (grad * normalised).sum(PIXELS), grad.sum(PIXELS)
    grad_normalised = grad if weight is None else grad * real(weight)
    centred = (
        grad_normalised
        - grad_normalised.mean(PIXELS)
        - normalised * (grad_normalised * normalised).mean(PIXELS)
    )
    return real(centred / np.sqrt(variance + epsilon)), grad_weight, grad_bias


def batch_norm2d_frozen_backward(
    grad_output: npt.ArrayLike,
    x: npt.ArrayLike,
    weight: npt.ArrayLike | None,
    mean: npt.ArrayLike,
    variance: npt.ArrayLike,
    *,
    epsilon: float = 1e-5,
) -> tuple[Array, Array, Array]:
    """The gradient of batch_norm2d: mean and variance are constants."""
    grad = real(grad_output)
    normalised = batch_norm2d(x, None, None, mean, variance, epsilon=epsilon)
    scale = 1.0 if weight is None else real(weight)
    grad_input = grad * scale / np.sqrt(real(variance) + epsilon)
    return real(grad_input), (grad * normalised).sum(PIXELS), grad.sum(PIXELS)


def in_groups(x: npt.ArrayLike, groups: int) -> tuple[Array, tuple[int, ...]]:
    """(batch, pixels, groups, channels of a group), and the axes of a group's mean."""
    shape = np.shape(x)
    return real(x).reshape(shape[0], -1, groups, shape[-1] // groups), (1, 3)


def normalised_groups(x: npt.ArrayLike, groups: int, epsilon: float) -> tuple[Array, Array]:
    """The normalised numbers, and the standard deviations by which they were divided."""
    parts, axes = in_groups(x, groups)
    deviation = np.sqrt(parts.var(axes, keepdims=True) + epsilon)
    return real((parts - parts.mean(axes, keepdims=True)) / deviation), real(deviation)


def group_norm(
    x: npt.ArrayLike,
    weight: npt.ArrayLike,
    bias: npt.ArrayLike,
    groups: int,
    *,
    epsilon: float = 1e-5,
) -> Array:
    normalised, _ = normalised_groups(x, groups, epsilon)
    return normalised.reshape(np.shape(x)) * real(weight) + real(bias)


def group_norm_backward(
    grad_output: npt.ArrayLike,
    x: npt.ArrayLike,
    weight: npt.ArrayLike,
    groups: int,
    *,
    epsilon: float = 1e-5,
) -> tuple[Array, Array, Array]:
    normalised, deviation = normalised_groups(x, groups, epsilon)
    grad, axes = in_groups(real(grad_output) * real(weight), groups)
    centred = (
        grad
        - grad.mean(axes, keepdims=True)
        - normalised * (grad * normalised).mean(axes, keepdims=True)
    )
    products = real(grad_output) * normalised.reshape(np.shape(x))
    pixels = tuple(range(np.ndim(x) - 1))
    grad_weight, grad_bias = products.sum(pixels), real(grad_output).sum(pixels)
    return real(centred / deviation).reshape(np.shape(x)), grad_weight, grad_bias


def layer_norm(
    x: npt.ArrayLike, weight: npt.ArrayLike, bias: npt.ArrayLike, *, epsilon: float = 1e-5
) -> Array:
    mean, variance = (statistic(real(x), -1, keepdims=True) for statistic in (np.mean, np.var))
    return batch_norm2d(x, weight, bias, mean, variance, epsilon=epsilon)


def layer_norm_backward(
    grad_output: npt.ArrayLike, x: npt.ArrayLike, weight: npt.ArrayLike, *, epsilon: float = 1e-5
) -> tuple[Array, Array, Array]:
    """A row treated as an image of one pixel and one group."""
    rows = real(x).reshape(-1, np.shape(x)[-1])
    grad = real(grad_output).reshape(rows.shape)
    grad_input, *own = group_norm_backward(grad, rows, weight, 1, epsilon=epsilon)
    return grad_input.reshape(np.shape(x)), own[0], own[1]


def lrn_bases(x: Array, size: int, alpha: float, k: float) -> Array:
    """The divisors of lrn before the exponent."""
    return k + alpha / size * window_sums(x**2, (size - 1) // 2, size // 2)


def window_sums(x: Array, before: int, after: int) -> Array:
    """The sums over channels c - before to c + after for every c, by their definition."""
    channels = x.shape[-1]
    windows = [x[..., max(0, c - before) : c + after + 1].sum(axis=-1) for c in range(channels)]
    return np.stack(windows, axis=-1)


def lrn(
    x: npt.ArrayLike, size: int, *, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Array:
    return real(real(x) / lrn_bases(real(x), size, alpha, k) ** beta)


def lrn_backward(
    grad_output: npt.ArrayLike,
    x: npt.ArrayLike,
    size: int,
    *,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
) -> Array:
    grad, x = real(grad_output), real(x)
    bases = lrn_bases(x, size, alpha, k)
    quotients = grad * x * bases ** (-beta - 1)
    sums = window_sums(quotients, size // 2, (size - 1) // 2)
    return real(grad * bases**-beta - 2 * alpha / size * beta * x * sums)


def scale2d(x: npt.ArrayLike, weight: npt.ArrayLike, bias: npt.ArrayLike | None = None) -> Array:
    scaled = real(x) * real(weight)
    return scaled if bias is None else scaled + real(bias)


def scale2d_backward(
    grad_output: npt.ArrayLike, x: npt.ArrayLike, weight: npt.ArrayLike
) -> tuple[Array, Array, Array]:
    grad, x = real(grad_output), real(x)
    pixels = tuple(range(x.ndim - 1))
    return grad * real(weight), real((grad * x).sum(axis=pixels)), real(grad.sum(axis=pixels))


def global_response_norm(
    x: npt.ArrayLike, weight: npt.ArrayLike, bias: npt.ArrayLike, *, epsilon: float = 1e-6
) -> Array:
    """`x + weight * x * n + bias`, where n are the norms of an image's maps by their mean."""
    x, weight, bias = real(x), real(weight), real(bias)
    norms = np.sqrt((x**2).sum(axis=(1, 2), keepdims=True))
    return real(x + weight * x * norms / (norms.mean(axis=-1, keepdims=True) + epsilon) + bias)


def global_response_norm_backward(
    grad_output: npt.ArrayLike, x: npt.ArrayLike, weight: npt.ArrayLike, *, epsilon: float = 1e-6
) -> tuple[Array, Array, Array]:
    """The norm of a map of zeros has the gradient 0."""
    grad, x, weight = real(grad_output), real(x), real(weight)
    norms = np.sqrt((x**2).sum(axis=(1, 2), keepdims=True))
    divisor = norms.mean(axis=-1, keepdims=True) + epsilon
    relative = norms / divisor
    # The gradient of the relative norms, then that of the norms, in which each is in every mean.
    grad_relative = (grad * weight * x).sum(axis=(1, 2), keepdims=True)
    through_mean = (grad_relative * norms).mean(axis=-1, keepdims=True) / divisor**2
    grad_norms = grad_relative / divisor - through_mean
    direction = np.divide(x, norms, out=np.zeros_like(x), where=norms > 0)
    grad_x = grad * (1 + weight * relative) + grad_norms * direction
    grad_weight = (grad * x * relative).sum(axis=(0, 1, 2))
    return real(grad_x), real(grad_weight), grad.sum(axis=(0, 1, 2))


def l2_norm(x: npt.ArrayLike, *, epsilon: float = 1e-12) -> Array:
    """`x / max(norm, epsilon)` along the last axis."""
    x = real(x)
    return real(x / np.maximum(np.sqrt((x**2).sum(axis=-1, keepdims=True)), epsilon))


def l2_norm_backward(
    grad_output: npt.ArrayLike, x: npt.ArrayLike, *, epsilon: float = 1e-12
) -> Array:
    """Of rows whose norm is at least epsilon, orthogonal to them."""
    grad, x = real(grad_output), real(x)
    norms = np.sqrt((x**2).sum(axis=-1, keepdims=True))
    divisors = np.maximum(norms, epsilon)
    normalised = x / divisors
    along = np.where(norms < epsilon, 0, (grad * normalised).sum(axis=-1, keepdims=True))
    return real((grad - normalised * along) / divisors)


def rms_norm(
    x: npt.ArrayLike, weight: npt.ArrayLike | None = None, *, epsilon: float = 1e-6
) -> Array:
    """`x / sqrt(mean of squares + epsilon) * weight` along the last axis."""
    x = real(x)
    quotient = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + epsilon)
    return real(quotient if weight is None else quotient * real(weight))


def rms_norm_backward(
    grad_output: npt.ArrayLike,
    x: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    epsilon: float = 1e-6,
) -> tuple[Array, Array]:
    """Gradients of the input and of the weight, also of ones."""
    grad, x = real(grad_output), real(x)
    divisors = np.sqrt((x**2).mean(axis=-1, keepdims=True) + epsilon)
    normalised = x / divisors
    grad_weight = (grad * normalised).reshape(-1, x.shape[-1]).sum(axis=0)
    inner = grad if weight is None else grad * real(weight)
    along = (inner * normalised).mean(axis=-1, keepdims=True)
    grad_x = real((inner - normalised * along) / divisors)
    return grad_x, real(grad_weight)
