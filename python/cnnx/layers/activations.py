"""Elementwise activations, Softmax and LogSoftmax."""

from __future__ import annotations

from cnnx.arguments import GELU_APPROXIMATIONS, GeluApproximation, one_of, real_number
from cnnx.layers.base import Layer, LayerWithoutSettings

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "Clip",
    "HardShrink",
    "HardSigmoid",
    "HardSwish",
    "LeakyReLU",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "ReLU",
    "ReLU6",
    "Reciprocal",
    "SiLU",
    "Sigmoid",
    "SoftShrink",
    "Softmax",
    "Softplus",
    "Softsign",
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


class ELU(Layer):
    """Exponential linear unit: ``x > 0 ? x : alpha * (exp(x) - 1)``.

    Args:
        alpha: minus the limit at minus infinity.
        name: name in files and in `Model.layer_outputs`; "elu_1" and so on when None.

    References:
        D. Clevert, T. Unterthiner, S. Hochreiter: Fast and Accurate Deep Network Learning by
        Exponential Linear Units (ELUs), 2015.

    Example:
        >>> ELU(0.5)
        ELU(alpha=0.5)
    """

    kind = "elu"

    def __init__(self, alpha: float = 1.0, *, name: str | None = None) -> None:
        super().__init__({"alpha": real_number(alpha, "ELU", "alpha")}, name)


class SELU(LayerWithoutSettings):
    """Scaled exponential linear unit, an ELU times a scale.

    The scale 1.0507 and the ELU's alpha 1.6733 keep activations near mean 0 and variance 1.

    References:
        G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter: Self-Normalizing Neural Networks,
        2017.

    Example:
        >>> SELU().kind
        'selu'
    """

    kind = "selu"


class Clip(Layer):
    """Limits to a range: ``min(max(x, minimum), maximum)``; NaN propagates.

    The gradient is 0 at both limits and beyond them.

    Args:
        minimum: smallest output.
        maximum: largest output, at least `minimum`.
        name: name in files and in `Model.layer_outputs`; "clip_1" and so on when None.

    Example:
        >>> Clip(0, 1)
        Clip(minimum=0.0, maximum=1.0)
    """

    kind = "clip"

    def __init__(self, minimum: float, maximum: float, *, name: str | None = None) -> None:
        limits = {
            "minimum": real_number(minimum, "Clip", "minimum"),
            "maximum": real_number(maximum, "Clip", "maximum"),
        }
        super().__init__(limits, name)


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


class Softsign(LayerWithoutSettings):
    """Softsign: ``x / (1 + abs(x))``.

    References:
        J. Turian, J. Bergstra, Y. Bengio: Quadratic Features and Deep Architectures for Chunking,
        2009.

    Example:
        >>> Softsign().kind
        'softsign'
    """

    kind = "softsign"


class Reciprocal(LayerWithoutSettings):
    """Reciprocal: ``1 / x``, to divide by an array in a product (`Multiply`).

    That of 0 is infinity. A network that divides by sums of its outputs adds a small number before,
    with a `Scale2d`, or has positive outputs.

    Example:
        >>> from cnnx import Conv2d, Input, Multiply, Softplus
        >>> image = Input((8, 8, 4))
        >>> weights = Softplus()(Conv2d(1, 1)(image))
        >>> Multiply()(image, Reciprocal()(weights))
        <output of Multiply() with 2 inputs>
    """

    kind = "reciprocal"


class GELU(Layer):
    """Gaussian error linear unit: ``x * Phi(x)``, Phi the standard normal distribution.

    Args:
        approximate: "none" for this exact form, or "tanh" for ``x / 2 * (1 + tanh(sqrt(2 / pi) *
            (x + 0.044715 * x**3)))``, which many published weights were trained with.
        name: name in files and in `Model.layer_outputs`; "gelu_1" and so on when None.

    References:
        D. Hendrycks, K. Gimpel: Gaussian Error Linear Units (GELUs), 2016.

    Example:
        >>> GELU(approximate="tanh")
        GELU(approximate='tanh')
    """

    kind = "gelu"

    def __init__(self, approximate: GeluApproximation = "none", *, name: str | None = None) -> None:
        form = one_of(approximate, GELU_APPROXIMATIONS, "GELU", "approximate")
        super().__init__({"approximate": form}, name)


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


class Mish(LayerWithoutSettings):
    """Mish, smooth like SiLU: ``x * tanh(log(1 + exp(x)))``.

    References:
        D. Misra: Mish: A Self Regularized Non-Monotonic Activation Function, 2019.

    Example:
        >>> Mish().kind
        'mish'
    """

    kind = "mish"


class HardSwish(LayerWithoutSettings):
    """Hard swish, SiLU without an exponential: ``x * clip(x + 3, 0, 6) / 6``.

    References:
        A. Howard and others: Searching for MobileNetV3, 2019.

    Example:
        >>> HardSwish().kind
        'hard_swish'
    """

    kind = "hard_swish"


class HardShrink(Layer):
    """Hard shrinkage: ``x`` where ``abs(x) > threshold``, else 0; NaN propagates.

    Args:
        threshold: the largest magnitude that becomes 0, from 0 on. PyTorch calls it `lambd`.
        name: name in files and in `Model.layer_outputs`; "hard_shrink_1" and so on when None.

    References:
        D. Donoho, I. Johnstone: Ideal spatial adaptation by wavelet shrinkage, 1994.

    Example:
        >>> HardShrink()
        HardShrink(threshold=0.5)
    """

    kind = "hard_shrink"

    def __init__(self, threshold: float = 0.5, *, name: str | None = None) -> None:
        super().__init__({"threshold": real_number(threshold, "HardShrink", "threshold")}, name)


class SoftShrink(Layer):
    """Soft shrinkage: ``x - clip(x, -threshold, threshold)``; settings as of `HardShrink`.

    Example:
        >>> SoftShrink(0.25)
        SoftShrink(threshold=0.25)
    """

    kind = "soft_shrink"

    def __init__(self, threshold: float = 0.5, *, name: str | None = None) -> None:
        super().__init__({"threshold": real_number(threshold, "SoftShrink", "threshold")}, name)


class HardSigmoid(Layer):
    """Hard sigmoid, piecewise linear: ``clip(slope * x + offset, 0, 1)``.

    Args:
        slope: slope between the limits, above 0. The default is MobileNetV3's; Keras had 0.2.
        offset: output at 0.
        name: name in files and in `Model.layer_outputs`; "hard_sigmoid_1" and so on when None.

    References:
        A. Howard and others: Searching for MobileNetV3, 2019.

    Example:
        >>> HardSigmoid(slope=0.2)
        HardSigmoid(slope=0.2, offset=0.5)
    """

    kind = "hard_sigmoid"

    def __init__(
        self, *, slope: float = 1 / 6, offset: float = 0.5, name: str | None = None
    ) -> None:
        line = {
            "slope": real_number(slope, "HardSigmoid", "slope"),
            "offset": real_number(offset, "HardSigmoid", "offset"),
        }
        super().__init__(line, name)


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


class LogSoftmax(LayerWithoutSettings):
    """Logarithm of the softmax over the last axis, without overflow or cancellation.

    Omit this layer from a model trained with `CrossEntropy`, which computes it itself. The softmax
    of its outputs is that of its inputs, so predictions are the same with and without it.

    Example:
        >>> LogSoftmax().kind
        'log_softmax'
    """

    kind = "log_softmax"
