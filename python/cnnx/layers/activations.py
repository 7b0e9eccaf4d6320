"""Layers that bend every number by itself, and Softmax."""

from __future__ import annotations

from cnnx.arguments import real_number
from cnnx.layers.base import Layer, LayerWithoutSettings

__all__ = [
    "GELU",
    "HardSwish",
    "LeakyReLU",
    "PReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
]


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


class PReLU(Layer):
    """Shrinks the negatives of every channel by a slope that is trained: ``x < 0 ? weight * x :
    x``.

    Args:
        initial: what the slopes begin at. No file keeps it, only the slopes.
        name: name in files and in `Model.layer_outputs`; "prelu_1" and so on when None.

    Shape:
        (batch, ..., channels) to the same; weight is (channels,).

    References:
        K. He, X. Zhang, S. Ren, J. Sun: Delving Deep into Rectifiers: Surpassing Human-Level
        Performance on ImageNet Classification, 2015.

    Example:
        >>> PReLU(0.1)
        PReLU(initial=0.1)
    """

    kind = "prelu"

    def __init__(self, initial: float = 0.25, *, name: str | None = None) -> None:
        super().__init__({"initial": real_number(initial, "PReLU", "initial")}, name)


class ReLU6(LayerWithoutSettings):
    """ReLU up to 6: ``min(max(x, 0), 6)``.

    References:
        A. Howard and others: MobileNets, 2017.

    Example:
        >>> ReLU6().kind
        'relu6'
    """

    kind = "relu6"


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


class GELU(LayerWithoutSettings):
    """``x * Phi(x)``, Phi the standard normal distribution, in the exact form that PyTorch has by
    default (Hendrycks, Gimpel 2016).

    Example:
        >>> GELU().kind
        'gelu'
    """

    kind = "gelu"


class SiLU(LayerWithoutSettings):
    """``x * sigmoid(x)``, also called swish (Elfwing et al. 2017).

    Example:
        >>> SiLU().kind
        'silu'
    """

    kind = "silu"


class HardSwish(LayerWithoutSettings):
    """``x * clip(x + 3, 0, 6) / 6``, SiLU without an exponential (Howard et al. 2019).

    Example:
        >>> HardSwish().kind
        'hard_swish'
    """

    kind = "hard_swish"


class Softmax(LayerWithoutSettings):
    """Probabilities over the last axis; leave it out of a model trained with `CrossEntropy`, which
    applies it itself.

    Example:
        >>> Softmax().kind
        'softmax'
    """

    kind = "softmax"
