"""MobileNetV2: alternating depthwise and 1x1 convolutions."""

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

# Expansion, channels, blocks and stride of the first block: table 2 of the paper.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


@checked_call
def mobilenet_v2(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classes: int | Sequence[str] = 1000,
    *,
    seed: int = 0,
) -> Model:
    """MobileNetV2: inverted residuals with linear bottlenecks, 3.5 million parameters for 1000
    classes.

    Args:
        input_shape: (height, width, channels), each side 32 or more.
        classes: number of classes, or their names.
        seed: seed of the initial weights, with He's variance.

    References:
        M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L. Chen: MobileNetV2: Inverted Residuals and
        Linear Bottlenecks, 2018.

    Example:
        >>> mobilenet_v2((96, 96, 3), ["cat", "dog"]).output_shape
        (2,)
    """
    layers = _convolution(32, 3, 2)
    channels = 32
    for expansion, out_channels, blocks, first_stride in _STAGES:
        for index in range(blocks):
            stride = first_stride if index == 0 else 1
            body = _bottleneck(channels, expansion, out_channels, stride)
            layers += [Residual(body)] if stride == 1 and channels == out_channels else body
            channels = out_channels
    layers += [
        *_convolution(1280, 1),
        GlobalAvgPool2d(),
        Dropout(0.2),
        Dense(count_of(classes)),
    ]
    return Model(layers, input_shape=input_shape, classes=names_of(classes), seed=seed)


def _convolution(channels: int, kernel_size: int, stride: int = 1, groups: int = 1) -> list[Layer]:
    convolution = Conv2d(
        channels,
        kernel_size,
        stride=stride,
        padding=kernel_size // 2,
        groups=groups,
        bias=False,
    )
    return [convolution, BatchNorm2d(), ReLU6()]


def _bottleneck(channels: int, expansion: int, out_channels: int, stride: int) -> list[Layer]:
    wide = channels * expansion
    expand = _convolution(wide, 1) if expansion > 1 else []
    depthwise = _convolution(wide, 3, stride, groups=wide)
    return [*expand, *depthwise, Conv2d(out_channels, 1, bias=False), BatchNorm2d()]
