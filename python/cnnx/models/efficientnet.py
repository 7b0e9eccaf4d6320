"""EfficientNet-Lite: inverted residuals without gates, for devices without fast sigmoids."""

from __future__ import annotations

from collections.abc import Sequence

from cnnx.layers import (
    BatchNorm2d,
    Conv2d,
    Dense,
    Dropout,
    GlobalAvgPool2d,
    Layer,
    ReLU6,
    Residual,
)
from cnnx.model.model import Model
from cnnx.models.classes import count_of, names_of
from cnnx.spelling import checked_call

# Expansion, kernel size, channels, blocks and stride of the first block.
_STAGES = (
    (1, 3, 16, 1, 1),
    (6, 3, 24, 2, 2),
    (6, 5, 40, 2, 2),
    (6, 3, 80, 3, 2),
    (6, 5, 112, 3, 1),
    (6, 5, 192, 4, 2),
    (6, 3, 320, 1, 1),
)


@checked_call
def efficientnet_lite0(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classes: int | Sequence[str] = 1000,
    *,
    seed: int = 0,
) -> Model:
    """EfficientNet-Lite0, 4.7 million parameters for 1000 classes.

    The padding is TensorFlow's "same", as in the original and in timm's `tf_efficientnet_lite0`.
    timm's `efficientnet_lite0` has symmetric padding and is another network. Stochastic depth,
    which drops whole branches in training, is omitted. Predictions are those of the original.

    Args:
        input_shape: (height, width, channels), each side 32 or more.
        classes: number of classes, or their names.
        seed: seed of the initial weights, with He's variance.

    References:
        M. Tan, Q. Le: EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks,
        2019; R. Liu: Higher accuracy on vision models with EfficientNet-Lite, 2020.

    Example:
        >>> efficientnet_lite0((96, 96, 3), ["cat", "dog"]).output_shape
        (2,)
    """
    layers = _convolution(32, 3, 2)
    channels = 32
    for expansion, kernel_size, out_channels, blocks, first_stride in _STAGES:
        for index in range(blocks):
            stride = first_stride if index == 0 else 1
            wide = channels * expansion
            body = _convolution(wide, 1) if expansion > 1 else []
            body += _convolution(wide, kernel_size, stride, groups=wide)
            body += [Conv2d(out_channels, 1, bias=False), _norm()]
            layers += [Residual(body)] if stride == 1 and channels == out_channels else body
            channels = out_channels
    layers += [*_convolution(1280, 1), GlobalAvgPool2d(), Dropout(0.2), Dense(count_of(classes))]
    return Model(layers, input_shape=input_shape, classes=names_of(classes), seed=seed)


def _convolution(channels: int, kernel_size: int, stride: int = 1, groups: int = 1) -> list[Layer]:
    convolution = Conv2d(
        channels, kernel_size, stride=stride, padding="same", groups=groups, bias=False
    )
    return [convolution, _norm(), ReLU6()]


def _norm() -> BatchNorm2d:
    return BatchNorm2d(momentum=0.01, epsilon=1e-3)
