"""The networks that people deploy, as torchvision builds them, a larger LeNet, and a U-Net."""

from __future__ import annotations

from benchmarks.network_description import (
    CLASSES,
    BatchNorm,
    Convolution,
    Dense,
    Flatten,
    GlobalAveragePool,
    Layer,
    MaxPool,
    Network,
    Relu,
    Relu6,
    Residual,
    Skip,
    UpConvolution,
)

IMAGENET_SHAPE, IMAGENET_CLASSES = (224, 224, 3), 1000
RESNET18_BLOCKS, RESNET50_BLOCKS = (2, 2, 2, 2), (3, 4, 6, 3)
# Expansion, channels, blocks and stride of the first block: table 2 of the MobileNetV2 paper. Not
# taken from cnnx.models, because the processes of the peers have no cnnx.
MOBILENET_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
UNET_CHANNELS = (32, 64, 128, 256)


def _normalised(
    channels: int, kernel_size: int, stride: int = 1, groups: int = 1
) -> tuple[Layer, ...]:
    """A convolution that preserves the size at stride 1, and its norm."""
    padding = kernel_size // 2
    return Convolution(channels, kernel_size, stride, padding, groups, bias=False), BatchNorm()


def _basic_block(channels: int, stride: int) -> tuple[Layer, ...]:
    return *_normalised(channels, 3, stride), Relu(), *_normalised(channels, 3)


def _bottleneck(channels: int, stride: int) -> tuple[Layer, ...]:
    before = (*_normalised(channels, 1), Relu(), *_normalised(channels, 3, stride), Relu())
    return *before, *_normalised(4 * channels, 1)


def _resnet(blocks: tuple[int, ...], expansion: int) -> Network:
    layers: tuple[Layer, ...] = (*_normalised(64, 7, 2), Relu(), MaxPool(3, stride=2, padding=1))
    for stage, count in enumerate(blocks):
        for index in range(count):
            channels, stride = 64 << stage, 2 if stage > 0 and index == 0 else 1
            body = _bottleneck if expansion > 1 else _basic_block
            projects = index == 0 and (stage > 0 or expansion > 1)
            shortcut = _normalised(expansion * channels, 1, stride) if projects else ()
            layers += (Residual(body(channels, stride), shortcut), Relu())
    return Network(IMAGENET_SHAPE, (*layers, GlobalAveragePool(), Dense(IMAGENET_CLASSES)))


def _mobilenet_v2() -> Network:
    """Without its dropout."""
    layers: tuple[Layer, ...] = (*_normalised(32, 3, 2), Relu6())
    channels = 32
    for expansion, out_channels, blocks, first_stride in MOBILENET_STAGES:
        for index in range(blocks):
            stride, wide = first_stride if index == 0 else 1, channels * expansion
            expand = (*_normalised(wide, 1), Relu6()) if expansion > 1 else ()
            depthwise = (*_normalised(wide, 3, stride, groups=wide), Relu6())
            body = (*expand, *depthwise, *_normalised(out_channels, 1))
            layers += (Residual(body),) if stride == 1 and channels == out_channels else body
            channels = out_channels
    layers += (*_normalised(1280, 1), Relu6())
    return Network(IMAGENET_SHAPE, (*layers, GlobalAveragePool(), Dense(IMAGENET_CLASSES)))


def _lenet5x5() -> Network:
    """LeNet as in the examples of Caffe."""
    return Network(
        (28, 28, 1),
        (
            *(Convolution(20, 5), Relu(), MaxPool(2), Convolution(50, 5), Relu(), MaxPool(2)),
            *(Flatten(), Dense(500), Relu(), Dense(CLASSES)),
        ),
    )


def _twice(channels: int) -> tuple[Layer, ...]:
    return (*_normalised(channels, 3), Relu()) * 2


def _unet() -> Network:
    """U-Net (O. Ronneberger and others 2015) with padding and batch norm, two classes per pixel."""
    *outer, channels = UNET_CHANNELS
    layers = _twice(channels)
    for above in reversed(outer):
        layers = (
            *_twice(above),
            Skip((MaxPool(2), *layers, UpConvolution(above))),
            *_twice(above),
        )
    return Network((128, 128, 3), (*layers, Convolution(2, 1)))


DEPLOYED = {
    "resnet18": _resnet(RESNET18_BLOCKS, expansion=1),
    "resnet50": _resnet(RESNET50_BLOCKS, expansion=4),
    "mobilenet_v2": _mobilenet_v2(),
    "lenet5x5": _lenet5x5(),
    "unet": _unet(),
}
