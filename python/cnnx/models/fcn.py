"""Fully convolutional networks: a backbone whose scores are joined at several strides."""

from __future__ import annotations

from collections.abc import Sequence

from cnnx.layers import Add, Conv2d, Input, Upsample2d
from cnnx.layers.base import Symbol
from cnnx.model.model import Model
from cnnx.models.classes import count_of, names_of
from cnnx.models.resnet import imagenet_stages
from cnnx.models.sides import sides_of_multiple
from cnnx.spelling import checked_call


@checked_call
def resnet18_fcn(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classes: int | Sequence[str] = 21,
    *,
    seed: int = 0,
) -> Model:
    """ResNet-18 for the class of every pixel, 11.2 million parameters for 21 classes.

    1x1 convolutions compute scores from the maps of strides 32, 16 and 8. The scores are doubled
    bilinearly and added to those of the next finer maps. At the end they are enlarged eightfold to
    the size of the image. This is the FCN-8s of the paper with another backbone and fixed bilinear
    weights.

    Args:
        input_shape: (height, width, channels), each side a multiple of 32.
        classes: number of classes, or their names.
        seed: seed of the initial weights, with He's variance.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if a side is no multiple of 32.

    References:
        J. Long, E. Shelhamer, T. Darrell: Fully Convolutional Networks for Semantic Segmentation,
        2015.

    Example:
        >>> resnet18_fcn((64, 96, 3), ["road", "car", "other"]).output_shape
        (64, 96, 3)
    """
    image = Input(sides_of_multiple(32, input_shape, "resnet18_fcn"))
    count = count_of(classes)
    maps: Symbol = image
    outputs = []
    for stage in imagenet_stages((2, 2, 2, 2)):
        for layer in stage:
            maps = layer(maps)
        outputs.append(maps)
    scores, *finer = (Conv2d(count, 1)(each) for each in reversed(outputs[2:]))
    for each in finer:
        scores = Add()(_enlarged(scores, 2), each)
    return Model.from_graph(image, _enlarged(scores, 8), classes=names_of(classes), seed=seed)


def _enlarged(maps: Symbol, factor: int) -> Symbol:
    return Upsample2d(factor, mode="bilinear")(maps)
