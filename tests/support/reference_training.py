"""Reference training: optimizers by PyTorch's formulas and one whole training loop, in float64.

Not part of the package; its ops are those of `reference`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from reference import (
    Array,
    Padding,
    conv2d,
    conv2d_backward,
    cross_entropy,
    cross_entropy_backward,
    dense,
    dense_backward,
    max_pool2d,
    max_pool2d_backward,
    real,
    relu,
    relu_backward,
)

# An update returns the new parameter and saves its slots in the state, which is {} at first.
State: TypeAlias = "dict[str, Array]"
Update: TypeAlias = "Callable[[Array, Array, State], Array]"


def sgd(
    learning_rate: float,
    *,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> Update:
    def update(parameter: Array, gradient: Array, state: State) -> Array:
        gradient = gradient + weight_decay * parameter
        velocity = momentum * state.get("velocity", np.zeros_like(parameter)) + gradient
        state["velocity"] = velocity
        direction = gradient + momentum * velocity if nesterov else velocity
        return parameter - learning_rate * direction

    return update


def adam(
    learning_rate: float = 1e-3,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
) -> Update:
    def update(parameter: Array, gradient: Array, state: State) -> Array:
        step = state.get("step", np.zeros(())) + 1.0
        mean = betas[0] * state.get("mean", 0.0 * parameter) + (1 - betas[0]) * gradient
        square = betas[1] * state.get("square", 0.0 * parameter) + (1 - betas[1]) * gradient**2
        state.update(step=step, mean=mean, square=square)
        unbiased_mean = mean / (1 - betas[0] ** step)
        unbiased_square = square / (1 - betas[1] ** step)
        return real(
            parameter - learning_rate * unbiased_mean / (np.sqrt(unbiased_square) + epsilon)
        )

    return update


def adamw(
    learning_rate: float = 1e-3,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
    weight_decay: float = 0.01,
) -> Update:
    plain = adam(learning_rate, betas=betas, epsilon=epsilon)

    def update(parameter: Array, gradient: Array, state: State) -> Array:
        return plain(parameter * (1 - learning_rate * weight_decay), gradient, state)

    return update


def rmsprop(
    learning_rate: float = 0.01,
    *,
    alpha: float = 0.99,
    epsilon: float = 1e-8,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
) -> Update:
    def update(parameter: Array, gradient: Array, state: State) -> Array:
        gradient = gradient + weight_decay * parameter
        square = alpha * state.get("square", 0.0 * parameter) + (1 - alpha) * gradient**2
        direction = gradient / (np.sqrt(square) + epsilon)
        velocity = momentum * state.get("velocity", 0.0 * parameter) + direction
        state.update(square=square, velocity=velocity)
        return real(parameter - learning_rate * velocity)

    return update


def orthogonal(matrix: Array, iterations: int) -> Array:
    """Newton-Schulz iteration with Jordan's coefficients."""
    found = matrix / np.linalg.norm(matrix)
    for _ in range(iterations):
        gram = found.T @ found
        found = 3.4445 * found + found @ (-4.7750 * gram + 2.0315 * gram @ gram)
    return real(found)


def muon(
    learning_rate: float = 0.02,
    *,
    momentum: float = 0.95,
    nesterov: bool = True,
    weight_decay: float = 0.0,
    iterations: int = 5,
) -> Update:
    """The direction of an array of two or more axes as a matrix whose columns are the last axis."""

    def update(parameter: Array, gradient: Array, state: State) -> Array:
        velocity = momentum * state.get("velocity", np.zeros_like(parameter)) + gradient
        state["velocity"] = velocity
        direction = gradient + momentum * velocity if nesterov else velocity
        if parameter.ndim > 1:
            matrix = direction.reshape(-1, parameter.shape[-1])
            scale = np.sqrt(max(1.0, matrix.shape[1] / matrix.shape[0]))
            direction = scale * orthogonal(matrix, iterations).reshape(parameter.shape)
        return real(parameter * (1 - learning_rate * weight_decay) - learning_rate * direction)

    return update


def train_conv_pool_dense(
    parameters: Mapping[str, npt.ArrayLike],
    batches: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]],
    update: Update,
    *,
    padding: Padding = "same",
) -> list[float]:
    """Train Conv2d, ReLU, MaxPool2d(2), Flatten, Dense under CrossEntropy; returns every step's
    loss.

    `parameters` are the initial conv2d_1.weight, conv2d_1.bias, dense_1.weight and dense_1.bias. A
    batch is (images after preprocessing, labels). A loss is the one before its update.
    """
    values = {name: real(value) for name, value in parameters.items()}
    states: dict[str, State] = {name: {} for name in values}
    losses = []
    for x, labels in batches:
        filters, features = values["conv2d_1.weight"], values["dense_1.weight"]
        maps = conv2d(x, filters, values["conv2d_1.bias"], padding=padding)
        pooled = max_pool2d(relu(maps), 2)
        flat = pooled.reshape(len(pooled), -1)
        logits = dense(flat, features, values["dense_1.bias"])
        losses.append(cross_entropy(logits, labels))

        gradients: dict[str, Array] = {}
        grad = cross_entropy_backward(logits, labels)
        grad, gradients["dense_1.weight"], gradients["dense_1.bias"] = dense_backward(
            grad, flat, features
        )
        grad = max_pool2d_backward(grad.reshape(pooled.shape), relu(maps), 2)
        grad = relu_backward(grad, maps)
        _, gradients["conv2d_1.weight"], gradients["conv2d_1.bias"] = conv2d_backward(
            grad, x, filters, padding=padding
        )
        for name, gradient in gradients.items():
            values[name] = update(values[name], gradient, states[name])
    return losses
