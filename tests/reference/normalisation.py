"""The truth of normalisation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reference.arrays import Array, real

PIXELS = (0, 1, 2)  # the axes that a channel's statistics are taken over


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
    """Of batch_norm2d_training: mean and variance are functions of x."""
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
    """Of batch_norm2d: mean and variance are constants."""
    grad = real(grad_output)
    normalised = batch_norm2d(x, None, None, mean, variance, epsilon=epsilon)
    scale = 1.0 if weight is None else real(weight)
    grad_input = grad * scale / np.sqrt(real(variance) + epsilon)
    return real(grad_input), (grad * normalised).sum(PIXELS), grad.sum(PIXELS)
