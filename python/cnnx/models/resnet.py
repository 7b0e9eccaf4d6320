"""Residual networks: the CIFAR variants for images of 32 x 32, and ResNet-18, 34 and 50.

Reference: K. He, X. Zhang, S. Ren, J. Sun: Deep Residual Learning for Image Recognition, 2016.
Weights are initialised with He's variance, 2 / fan-in, the default of this library.
"""

from __future__ import annotations

from collections.abc import Sequence

from cnnx.layers import (
    BatchNorm2d,
    Conv2d,
    Dense,
    GlobalAvgPool2d,
    Layer,
    MaxPool2d,
    ReLU,
    Residual,
)
from cnnx.model.model import Model
from cnnx.models.classes import count_of, names_of
from cnnx.spelling import checked_call


@checked_call
def resnet20(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    classes: int | Sequence[str] = 10,
    *,
    seed: int = 0,
) -> Model:
    """ResNet-20 for CIFAR: 19 convolutions of 16, 32 and 64 channels, 0.27 million parameters.

    The shortcut of a block that halves the image is a 1x1 convolution.

    Args:
        input_shape: (height, width, channels).
        classes: number of classes, or their names.
        seed: seed of the initial weights.

    Example:
        >>> resnet20().output_shape
        (10,)
    """
    return _for_cifar(3, input_shape, classes, seed)


@checked_call
def resnet32(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    classes: int | Sequence[str] = 10,
    *,
    seed: int = 0,
) -> Model:
    """ResNet-32 for CIFAR: `resnet20` with five blocks per stage, 0.46 million parameters.

    Args:
        input_shape: (height, width, channels).
        classes: number of classes, or their names.
        seed: seed of the initial weights.
    """
    return _for_cifar(5, input_shape, classes, seed)


@checked_call
def resnet56(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    classes: int | Sequence[str] = 10,
    *,
    seed: int = 0,
) -> Model:
    """ResNet-56 for CIFAR: `resnet20` with nine blocks per stage, 0.85 million parameters.

    Args:
        input_shape: (height, width, channels).
        classes: number of classes, or their names.
        seed: seed of the initial weights.
    """
    return _for_cifar(9, input_shape, classes, seed)


@checked_call
def resnet18(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classes: int | Sequence[str] = 1000,
    *,
    seed: int = 0,
) -> Model:
    """ResNet-18: 17 convolutions of 64 to 512 channels, 11.7 million parameters for 1000 classes.

    Args:
        input_shape: (height, width, channels), each side 32 or more.
        classes: number of classes, or their names.
        seed: seed of the initial weights.
    """
    return _for_imagenet((2, 2, 2, 2), input_shape, classes, seed)


@checked_call
def resnet34(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classes: int | Sequence[str] = 1000,
    *,
    seed: int = 0,
) -> Model:
    """ResNet-34: `resnet18` with 3, 4, 6 and 3 blocks, 21.8 million parameters for 1000 classes.

    Args:
        input_shape: (height, width, channels), each side 32 or more.
        classes: number of classes, or their names.
        seed: seed of the initial weights.
    """
    return _for_imagenet((3, 4, 6, 3), input_shape, classes, seed)


@checked_call
def resnet50(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classes: int | Sequence[str] = 1000,
    *,
    seed: int = 0,
) -> Model:
    """ResNet-50: 16 bottleneck blocks, 25.6 million parameters for 1000 classes.

    Blocks that halve the image do so in their 3x3 convolution, as torchvision's.

    Args:
        input_shape: (height, width, channels), each side 32 or more.
        classes: number of classes, or their names.
        seed: seed of the initial weights.
    """
    return _for_imagenet((3, 4, 6, 3), input_shape, classes, seed, expansion=4)


def _for_cifar(
    blocks: int, input_shape: tuple[int, int, int], classes: int | Sequence[str], seed: int
) -> Model:
    layers = [*_convolution(16, 3, 1), ReLU()]
    for stage, channels in enumerate((16, 32, 64)):
        for index in range(blocks):
            shrinks = stage > 0 and index == 0
            layers += _block(channels, 2 if shrinks else 1, shrinks)
    return _classifier(layers, input_shape, classes, seed)


def _for_imagenet(
    blocks: Sequence[int],
    input_shape: tuple[int, int, int],
    classes: int | Sequence[str],
    seed: int,
    *,
    expansion: int = 1,
) -> Model:
    layers = [layer for stage in imagenet_stages(blocks, expansion) for layer in stage]
    return _classifier(layers, input_shape, classes, seed)


def imagenet_stages(blocks: Sequence[int], expansion: int = 1) -> list[list[Layer]]:
    """Layers before the pooling: the first ones, and four stages of the numbers of blocks.

    Blocks are basic ones, or with an expansion bottlenecks. The outputs have strides of 4, 4, 8, 16
    and 32.
    """
    stages = [[*_convolution(64, 7, 2), ReLU(), MaxPool2d(3, stride=2, padding=1)]]
    for stage, count in enumerate(blocks):
        layers: list[Layer] = []
        for index in range(count):
            channels, stride = 64 << stage, 2 if stage > 0 and index == 0 else 1
            projects = index == 0 and (stage > 0 or expansion > 1)
            if expansion == 1:
                layers += _block(channels, stride, projects)
            else:
                layers += _bottleneck(channels, expansion * channels, stride, projects)
        stages.append(layers)
    return stages


def _convolution(channels: int, kernel_size: int, stride: int) -> list[Layer]:
    padding = kernel_size // 2
    return [
        Conv2d(channels, kernel_size, stride=stride, padding=padding, bias=False),
        BatchNorm2d(),
    ]


def _block(channels: int, stride: int, projects: bool) -> list[Layer]:
    body = [*_convolution(channels, 3, stride), ReLU(), *_convolution(channels, 3, 1)]
    shortcut = _convolution(channels, 1, stride) if projects else None
    return [Residual(body, shortcut=shortcut), ReLU()]


def _bottleneck(channels: int, out_channels: int, stride: int, projects: bool) -> list[Layer]:
    body = [
        *_convolution(channels, 1, 1),
        ReLU(),
        *_convolution(channels, 3, stride),
        ReLU(),
        *_convolution(out_channels, 1, 1),
    ]
    shortcut = _convolution(out_channels, 1, stride) if projects else None
    return [Residual(body, shortcut=shortcut), ReLU()]


def _classifier(
    layers: list[Layer], input_shape: tuple[int, int, int], classes: int | Sequence[str], seed: int
) -> Model:
    return Model(
        [*layers, GlobalAvgPool2d(), Dense(count_of(classes))],
        input_shape=input_shape,
        classes=names_of(classes),
        seed=seed,
    )
