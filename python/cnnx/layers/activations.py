"""Elementwise activations, and Softmax."""

from __future__ import annotations

from cnnx.arguments import real_number
from cnnx.layers.base import Layer, LayerWithoutSettings

__all__ = [
    "GELU",
    "HardSigmoid",
    "HardSwish",
    "LeakyReLU",
    "PReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]


class ReLU(LayerWithoutSettings):
    """Rectified linear unit: ``x < 0 ? 0 : x``; NaN propagates.

    Example:
        >>> ReLU(name="positives")
        ReLU(name='positives')
    """

    kind = "relu"


class LeakyReLU(Layer):
    """Leaky rectified linear unit: ``x < 0 ? negative_slope * x : x``.

    Example:
        >>> LeakyReLU(0.1).kind
        'leaky_relu'
    """

    kind = "leaky_relu"

    def __init__(self, negative_slope: float = 0.01, *, name: str | None = None) -> None:
        slope = real_number(negative_slope, "LeakyReLU", "negative_slope")
        super().__init__({"negative_slope": slope}, name)


class PReLU(Layer):
    """Parametric ReLU with one trained slope per channel: ``x < 0 ? weight * x : x``.

    Args:
        initial: initial value of the slopes. Files save the slopes only.
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
    """Logistic sigmoid: ``1 / (1 + exp(-x))``.

    `BinaryCrossEntropy` applies the sigmoid itself; omit this layer from a model trained with it.

    Example:
        >>> Sigmoid().kind
        'sigmoid'
    """

    kind = "sigmoid"


class Tanh(LayerWithoutSettings):
    """Hyperbolic tangent.

    Example:
        >>> Tanh().kind
        'tanh'
    """

    kind = "tanh"


class GELU(LayerWithoutSettings):
    """Gaussian error linear unit: ``x * Phi(x)``, Phi the standard normal distribution.

    This is the exact form, PyTorch's default.

    References:
        D. Hendrycks, K. Gimpel: Gaussian Error Linear Units (GELUs), 2016.

    Example:
        >>> GELU().kind
        'gelu'
    """

    kind = "gelu"


class SiLU(LayerWithoutSettings):
    """Sigmoid linear unit, also called swish: ``x * sigmoid(x)``.

    References:
        S. Elfwing, E. Uchibe, K. Doya: Sigmoid-Weighted Linear Units for Neural Network Function
        Approximation in Reinforcement Learning, 2017.

    Example:
        >>> SiLU().kind
        'silu'
    """

    kind = "silu"


class HardSwish(LayerWithoutSettings):
    """Hard swish, SiLU without an exponential: ``x * clip(x + 3, 0, 6) / 6``.

    References:
        A. Howard and others: Searching for MobileNetV3, 2019.

    Example:
        >>> HardSwish().kind
        'hard_swish'
    """

    kind = "hard_swish"


class HardSigmoid(LayerWithoutSettings):
    """Hard sigmoid, piecewise linear: ``clip(x + 3, 0, 6) / 6``.

    References:
        A. Howard and others: Searching for MobileNetV3, 2019.

    Example:
        >>> HardSigmoid().kind
        'hard_sigmoid'
    """

    kind = "hard_sigmoid"


class Softplus(LayerWithoutSettings):
    """Softplus, a smooth ReLU: ``log(1 + exp(x))``.

    References:
        C. Dugas and others: Incorporating Second-Order Functional Knowledge for Better Option
        Pricing, 2001.

    Example:
        >>> Softplus().kind
        'softplus'
    """

    kind = "softplus"


class Softmax(LayerWithoutSettings):
    """Softmax over the last axis.

    `CrossEntropy` applies the softmax itself; omit this layer from a model trained with it.

    Example:
        >>> Softmax().kind
        'softmax'
    """

    kind = "softmax"
