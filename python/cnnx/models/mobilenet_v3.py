"""MobileNetV3: inverted residuals with squeeze-and-excitation gates and HardSwish.

Reference: A. Howard and others: Searching for MobileNetV3, 2019; layers as in torchvision.
"""

from __future__ import annotations

from collections.abc import Sequence

from cnnx.layers import (
    AdaptiveAvgPool2d,
    Add,
    BatchNorm2d,
    Conv2d,
    Dense,
    Dropout,
    GlobalAvgPool2d,
    HardSigmoid,
    HardSwish,
    Input,
    Layer,
    Multiply,
    ReLU,
)
from cnnx.layers.base import Symbol
from cnnx.layers.graph import input_shape_of
from cnnx.model.model import Model
from cnnx.models.classes import count_of, names_of
from cnnx.spelling import checked_call

# Kernel size, channels inside, channels, gates, HardSwish, stride: tables 1 and 2 of the paper.
_Block = tuple[int, int, int, bool, bool, int]
_LARGE: tuple[_Block, ...] = (
    (3, 16, 16, False, False, 1),
    (3, 64, 24, False, False, 2),
    (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2),
    (5, 120, 40, True, False, 1),
    (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2),
    (3, 200, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 480, 112, True, True, 1),
    (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2),
    (5, 960, 160, True, True, 1),
    (5, 960, 160, True, True, 1),
)
_SMALL: tuple[_Block, ...] = (
    (3, 16, 16, True, False, 2),
    (3, 72, 24, False, False, 2),
    (3, 88, 24, False, False, 1),
    (5, 96, 40, True, True, 2),
    (5, 240, 40, True, True, 1),
    (5, 240, 40, True, True, 1),
    (5, 120, 48, True, True, 1),
    (5, 144, 48, True, True, 1),
    (5, 288, 96, True, True, 2),
    (5, 576, 96, True, True, 1),
    (5, 576, 96, True, True, 1),
)
_FIRST_CHANNELS = 16
_LAST_EXPANSION = 6


@checked_call
def mobilenet_v3_large(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classes: int | Sequence[str] = 1000,
    *,
    seed: int = 0,
) -> Model:
    """MobileNetV3-Large, 5.5 million parameters for 1000 classes.

    Args:
        input_shape: (height, width, channels), each side 32 or more.
        classes: number of classes, or their names.
        seed: seed of the initial weights, with He's variance.

    Example:
        >>> mobilenet_v3_large((64, 64, 3), ["cat", "dog"]).output_shape
        (2,)
    """
    shape = input_shape_of(input_shape, "mobilenet_v3_large", "input_shape")
    return _mobilenet_v3(_LARGE, 1280, shape, classes, seed)


@checked_call
def mobilenet_v3_small(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classes: int | Sequence[str] = 1000,
    *,
    seed: int = 0,
) -> Model:
    """MobileNetV3-Small, 2.5 million parameters for 1000 classes.

    Args:
        input_shape: (height, width, channels), each side 32 or more.
        classes: number of classes, or their names.
        seed: seed of the initial weights, with He's variance.

    Example:
        >>> mobilenet_v3_small((64, 64, 3), ["cat", "dog"]).output_shape
        (2,)
    """
    shape = input_shape_of(input_shape, "mobilenet_v3_small", "input_shape")
    return _mobilenet_v3(_SMALL, 1024, shape, classes, seed)


def _mobilenet_v3(
    blocks: Sequence[_Block],
    features: int,
    input_shape: tuple[int, int, int],
    classes: int | Sequence[str],
    seed: int,
) -> Model:
    image = Input(input_shape)
    maps, channels = _convolution(image, _FIRST_CHANNELS, 3, HardSwish(), stride=2), _FIRST_CHANNELS
    for block in blocks:
        maps, channels = _inverted_residual(maps, channels, block), block[2]
    maps = _convolution(maps, _LAST_EXPANSION * channels, 1, HardSwish())
    hidden = HardSwish()(Dense(features)(GlobalAvgPool2d()(maps)))
    logits = Dense(count_of(classes))(Dropout(0.2)(hidden))
    return Model.from_graph(image, logits, classes=names_of(classes), seed=seed)


def _inverted_residual(maps: Symbol, in_channels: int, block: _Block) -> Symbol:
    kernel_size, inside, out_channels, has_gates, is_hard_swish, stride = block
    kind = HardSwish if is_hard_swish else ReLU
    wide = maps if inside == in_channels else _convolution(maps, inside, 1, kind())
    wide = _convolution(wide, inside, kernel_size, kind(), stride=stride, groups=inside)
    if has_gates:
        wide = Multiply()(wide, _gates(wide, inside))
    body = _norm()(Conv2d(out_channels, 1, bias=False)(wide))
    return Add()(body, maps) if stride == 1 and in_channels == out_channels else body


def _convolution(
    maps: Symbol,
    channels: int,
    kernel_size: int,
    activation: Layer,
    *,
    stride: int = 1,
    groups: int = 1,
) -> Symbol:
    convolution = Conv2d(
        channels,
        kernel_size,
        stride=stride,
        padding=kernel_size // 2,
        groups=groups,
        bias=False,
    )
    return activation(_norm()(convolution(maps)))


def _norm() -> BatchNorm2d:
    return BatchNorm2d(momentum=0.01, epsilon=1e-3)


def _gates(maps: Symbol, channels: int) -> Symbol:
    """Squeeze-and-excitation: a factor per channel, computed from the means of all channels."""
    squeezed = Conv2d(_rounded(channels // 4), 1)(AdaptiveAvgPool2d(1)(maps))
    return HardSigmoid()(Conv2d(channels, 1)(ReLU()(squeezed)))


def _rounded(channels: int) -> int:
    """The nearest multiple of 8 that is at least 8 and 90 % of the number."""
    nearest = max(8, (channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8
