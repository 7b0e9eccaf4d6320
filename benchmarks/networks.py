"""The networks of the benchmarks, small ones and those that people deploy."""

from __future__ import annotations

from benchmarks.deployed_networks import DEPLOYED
from benchmarks.network_description import (
    CLASSES,
    AveragePool,
    BatchNorm,
    Convolution,
    Dense,
    Flatten,
    Gelu,
    Layer,
    MaxPool,
    Network,
    Relu,
    Residual,
)


def _convolutions(*settings: Convolution) -> tuple[Layer, ...]:
    return tuple(layer for convolution in settings for layer in (convolution, Relu()))


def _lenet() -> Network:
    return Network(
        (28, 28, 1),
        (
            *_convolutions(Convolution(6, 5, padding=2)),
            MaxPool(2),
            *_convolutions(Convolution(16, 5)),
            MaxPool(2),
            Flatten(),
            *(Dense(120), Relu(), Dense(84), Relu(), Dense(CLASSES)),
        ),
    )


def _mnist() -> Network:
    """The network of PyTorch's MNIST example without its dropout."""
    return Network(
        (28, 28, 1),
        (
            *_convolutions(Convolution(32, 3), Convolution(64, 3)),
            MaxPool(2),
            Flatten(),
            *(Dense(128), Relu(), Dense(CLASSES)),
        ),
    )


def _cifar() -> Network:
    return Network(
        (32, 32, 3),
        (
            *_convolutions(Convolution(32, 3, padding=1), Convolution(32, 3, padding=1)),
            MaxPool(2),
            *_convolutions(Convolution(64, 3, padding=1), Convolution(64, 3, padding=1)),
            MaxPool(2),
            Flatten(),
            *(Dense(512), Relu(), Dense(CLASSES)),
        ),
    )


def _resnet_trunk() -> Network:
    """ResNet-20's convolutions without shortcuts and norms."""
    trunk = [Convolution(16, 3, padding=1)]
    for channels, first_stride in ((16, 1), (32, 2), (64, 2)):
        trunk += [
            Convolution(channels, 3, stride=first_stride if index == 0 else 1, padding=1)
            for index in range(6)
        ]
    return Network((32, 32, 3), (*_convolutions(*trunk), AveragePool(8), Flatten(), Dense(CLASSES)))


def _normalised(*settings: Convolution) -> tuple[Layer, ...]:
    """Convolutions without biases, each with a norm and ReLU."""
    return tuple(
        layer
        for convolution in settings
        for layer in (convolution._replace(bias=False), BatchNorm(), Relu())
    )


def _resnet20() -> Network:
    """ResNet-20 with its norms and shortcuts, 1x1 convolutions where a block halves the image."""
    layers = _normalised(Convolution(16, 3, padding=1))
    for channels, first_stride in ((16, 1), (32, 2), (64, 2)):
        for stride in (first_stride, 1, 1):
            first = Convolution(channels, 3, stride=stride, padding=1)
            second = Convolution(channels, 3, padding=1)
            body = _normalised(first, second)[:-1]
            shortcut = _normalised(Convolution(channels, 1, stride=stride))[:-1]
            layers += (Residual(body, () if stride == 1 else shortcut), Relu())
    return Network((32, 32, 3), (*layers, AveragePool(8), Flatten(), Dense(CLASSES)))


def _mobilenet(normalised: bool) -> Network:
    """MobileNet's depthwise and 1x1 convolutions in turn."""
    trunk = [Convolution(16, 3, stride=2, padding=1)]
    channels = 16
    for out_channels, stride in ((32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2)):
        depthwise = Convolution(channels, 3, stride=stride, padding=1, groups=channels)
        trunk += [depthwise, Convolution(out_channels, 1)]
        channels = out_channels
    layers = _normalised(*trunk) if normalised else _convolutions(*trunk)
    return Network((96, 96, 3), (*layers, AveragePool(6), Flatten(), Dense(CLASSES)))


def _airbench94() -> Network:
    """The network of airbench94 as published (K. Jordan 2024), its first layer unpadded."""
    layers: tuple[Layer, ...] = (Convolution(24, 2), Gelu())
    for channels in (64, 256, 256):
        convolution = Convolution(channels, 3, padding=1, bias=False)
        layers += (convolution, MaxPool(2), BatchNorm(), Gelu(), convolution, BatchNorm(), Gelu())
    return Network((32, 32, 3), (*layers, MaxPool(3), Flatten(), Dense(CLASSES)))


# The network of `benchmarks.cifar10`, too slow for the other benchmarks.
AIRBENCH94 = "airbench94"

NETWORKS = {
    "lenet": _lenet(),
    "mnist": _mnist(),
    "cifar": _cifar(),
    "resnet_trunk": _resnet_trunk(),
    "mobilenet": _mobilenet(normalised=False),
    "resnet20": _resnet20(),
    "mobilenet_norm": _mobilenet(normalised=True),
}


def network_named(name: str) -> Network:
    """One of `NETWORKS`, of `DEPLOYED`, or `AIRBENCH94`."""
    return _airbench94() if name == AIRBENCH94 else {**NETWORKS, **DEPLOYED}[name]
