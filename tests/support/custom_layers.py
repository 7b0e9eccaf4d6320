"""Layers of the user's own for tests, with functions equal to layers of the library.

Not part of the package.
"""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
from cnnx.layers import Custom
from numpy.typing import NDArray

SHAPE, CLASSES, COUNT = (8, 8, 2), 3, 10


def same_shape(shape: Any, *_: Any) -> Any:
    return shape


def rectified(x: Any) -> Any:
    return np.where(x < 0, 0, x)


def rectified_backward(grad_output: Any, x: Any) -> Any:
    return np.where(x > 0, grad_output, 0)


def added(x: Any, y: Any) -> Any:
    return x + y


def added_backward(grad_output: Any, x: Any, y: Any) -> Any:
    return grad_output, grad_output


def squared(x: Any) -> Any:
    return x * x


def squared_backward(grad_output: Any, x: Any) -> Any:
    return 2 * x * grad_output


def relu(name: str | None = None) -> Custom:
    return Custom(rectified, rectified_backward, same_shape, name=name)


def square(**settings: Any) -> Custom:
    return Custom(squared, squared_backward, same_shape, **settings)


def graph(*, is_custom: bool) -> cnnx.Model:
    """A graph with gradients that are added, with layers of the library or the same in NumPy."""

    def rectifier() -> cnnx.Layer:
        return relu() if is_custom else cnnx.ReLU()

    def adder() -> cnnx.Layer:
        return Custom(added, added_backward, same_shape) if is_custom else cnnx.Add()

    image = cnnx.Input(SHAPE)
    maps = rectifier()(cnnx.BatchNorm2d()(cnnx.Conv2d(4, 3, padding="same")(image)))
    # A convolution fuses a sum of the library, whose gradients are then added in another order.
    both = adder()(cnnx.Tanh()(cnnx.Conv2d(4, 3, padding="same")(maps)), maps)
    twice = rectifier()(adder()(both, both))
    end = cnnx.Dense(CLASSES)(cnnx.Flatten()(cnnx.Multiply()(twice, both)))
    return cnnx.Model.from_graph(image, end, seed=5)


def model(*middle: cnnx.Layer) -> cnnx.Model:
    layers = [cnnx.Conv2d(4, 3), *(middle or [square()]), cnnx.Flatten(), cnnx.Dense(CLASSES)]
    return cnnx.Model(layers, input_shape=SHAPE, classes=["a", "b", "c"], seed=5)


def images() -> NDArray[np.float32]:
    return np.random.default_rng(0).random((COUNT, *SHAPE), np.float32)


def labels() -> NDArray[np.int64]:
    return np.random.default_rng(1).integers(0, CLASSES, COUNT)
