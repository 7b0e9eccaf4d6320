"""VGG: 3x3 convolutions and pooling, followed by dense layers."""

from __future__ import annotations

from collections.abc import Sequence

from cnnx.layers import Conv2d, Dense, Dropout, Flatten, Layer, MaxPool2d, ReLU
from cnnx.model.model import Model
from cnnx.models.classes import count_of, names_of
from cnnx.spelling import checked_call


@checked_call
def vgg11(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classes: int | Sequence[str] = 1000,
    *,
    seed: int = 0,
) -> Model:
    """VGG-11 (configuration A): eight convolutions of 64 to 512 channels and three dense layers.

    It has 133 million parameters for images of 224 x 224 and 1000 classes.

    Args:
        input_shape: (height, width, channels), each side 32 or more.
        classes: number of classes, or their names.
        seed: seed of the initial weights, with He's variance. The initialisation of the paper
            needs pretraining at this depth.

    References:
        K. Simonyan, A. Zisserman: Very Deep Convolutional Networks for Large-Scale Image
        Recognition, 2015.

    Example:
        >>> vgg11((32, 32, 3), 10).output_shape
        (10,)
    """
    layers: list[Layer] = []
    for channels in ((64,), (128,), (256, 256), (512, 512), (512, 512)):
        for each in channels:
            layers += [Conv2d(each, 3, padding=1), ReLU()]
        layers.append(MaxPool2d(2))
    layers.append(Flatten())
    for _ in range(2):
        layers += [Dense(4096), ReLU(), Dropout(0.5)]
    layers.append(Dense(count_of(classes)))
    return Model(layers, input_shape=input_shape, classes=names_of(classes), seed=seed)
