"""Layers that bend every number by itself, and Softmax."""

from __future__ import annotations

from cnnx.arguments import real_number
from cnnx.layers.base import Layer, LayerWithoutSettings


class ReLU(LayerWithoutSettings):
    """Removes the negatives: ``x < 0 ? 0 : x``; NaN passes through.

    Example:
        >>> ReLU(name="positives")
        ReLU(name='positives')
    """

    kind = "relu"


class LeakyReLU(Layer):
    """Shrinks the negatives: ``x < 0 ? negative_slope * x : x``.

    Example:
        >>> LeakyReLU(0.1).kind
        'leaky_relu'
    """

    kind = "leaky_relu"

    def __init__(self, negative_slope: float = 0.01, *, name: str | None = None) -> None:
        slope = real_number(negative_slope, "LeakyReLU", "negative_slope")
        super().__init__({"negative_slope": slope}, name)


class Sigmoid(LayerWithoutSettings):
    """``1 / (1 + exp(-x))``; leave it out of a model trained with `BinaryCrossEntropy`, which
    applies it itself.

    Example:
        >>> Sigmoid().kind
        'sigmoid'
    """

    kind = "sigmoid"


class Tanh(LayerWithoutSettings):
    """The hyperbolic tangent.

    Example:
        >>> Tanh().kind
        'tanh'
    """

    kind = "tanh"


class Softmax(LayerWithoutSettings):
    """Probabilities over the last axis; leave it out of a model trained with `CrossEntropy`, which
    applies it itself.

    Example:
        >>> Softmax().kind
        'softmax'
    """

    kind = "softmax"
