"""SqueezeNet: 1x1 convolutions that squeeze the channels, and parallel ones that expand them."""

from __future__ import annotations

from collections.abc import Sequence

from cnnx.layers import Conv2d, Dropout, GlobalAvgPool2d, Layer, MaxPool2d, Parallel, ReLU
from cnnx.model.model import Model
from cnnx.models.classes import count_of, names_of
from cnnx.spelling import checked_call

# Squeezed channels and channels of each branch, per block; pooling is before the first block of a
# group.
_GROUPS = (
    ((16, 64), (16, 64)),
    ((32, 128), (32, 128)),
    ((48, 192), (48, 192), (64, 256), (64, 256)),
)


@checked_call
def squeezenet1_1(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classes: int | Sequence[str] = 1000,
    *,
    seed: int = 0,
) -> Model:
    """SqueezeNet 1.1, 1.2 million parameters for 1000 classes.

    Args:
        input_shape: (height, width, channels), each side 17 or more.
        classes: number of classes, or their names.
        seed: seed of the initial weights, with He's variance.

    References:
        F. Iandola and others: SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and
        < 0.5 MB model size, 2016; layers as in torchvision.

    Example:
        >>> squeezenet1_1((64, 64, 3), ["cat", "dog"]).output_shape
        (2,)
    """
    layers: list[Layer] = [Conv2d(64, 3, stride=2), ReLU()]
    for group in _GROUPS:
        layers.append(MaxPool2d(3, stride=2, ceil_mode=True))
        for squeezed, channels in group:
            layers += _fire(squeezed, channels)
    layers += [Dropout(0.5), Conv2d(count_of(classes), 1), ReLU(), GlobalAvgPool2d()]
    return Model(layers, input_shape=input_shape, classes=names_of(classes), seed=seed)


def _fire(squeezed: int, channels: int) -> list[Layer]:
    branches: list[list[Layer]] = [
        [Conv2d(channels, 1), ReLU()],
        [Conv2d(channels, 3, padding=1), ReLU()],
    ]
    return [Conv2d(squeezed, 1), ReLU(), Parallel(branches)]
