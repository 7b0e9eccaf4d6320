"""U-Net: an encoder that halves the maps, and a decoder that joins them with its own."""

from __future__ import annotations

from collections.abc import Sequence

from cnnx.arguments import at_least
from cnnx.layers import BatchNorm2d, Concat, Conv2d, Input, MaxPool2d, ReLU, Upsample2d
from cnnx.layers.base import Symbol
from cnnx.model.model import Model
from cnnx.models.classes import count_of, names_of
from cnnx.models.sides import sides_of_multiple
from cnnx.spelling import checked_call

_MOST_LEVELS = 10  # sides of a multiple of 1,024


@checked_call
def unet(
    input_shape: tuple[int, int, int] = (256, 256, 3),
    classes: int | Sequence[str] = 2,
    *,
    depth: int = 4,
    width: int = 16,
    seed: int = 0,
) -> Model:
    """U-Net, for the class of every pixel: 2.0 million parameters at depth 4 and width 16.

    Every level has two 3x3 convolutions with batch norm and ReLU. On the way down, 2x2 max pooling
    halves the maps while the channels double. On the way up, the maps are doubled by repeating
    pixels and joined with those of the same size from the way down. A 1x1 convolution at the end
    computes the scores. Convolutions are padded, so that the output has the size of the image. The
    network of the paper has a width of 64, transposed convolutions and no padding.

    Args:
        input_shape: (height, width, channels), each side a multiple of 2 ** depth.
        classes: number of classes, or their names.
        depth: number of times that the maps are halved, up to 10.
        width: channels of the first level.
        seed: seed of the initial weights, with He's variance.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if depth or width is out of range, or a side is no multiple of 2 ** depth.

    References:
        O. Ronneberger, P. Fischer, T. Brox: U-Net: Convolutional Networks for Biomedical Image
        Segmentation, 2015.

    Example:
        >>> unet((64, 96, 3), ["cell", "background"], depth=3, width=8).output_shape
        (64, 96, 2)
    """
    depth, width = at_least(1, depth, "unet", "depth"), at_least(1, width, "unet", "width")
    if depth > _MOST_LEVELS:
        raise ValueError(f"unet: depth is {depth}, expected 1 to {_MOST_LEVELS}")
    image = Input(sides_of_multiple(2**depth, input_shape, "unet"))
    maps, skips = _two_convolutions(image, width), []
    for level in range(1, depth + 1):
        skips.append(maps)
        maps = _two_convolutions(MaxPool2d(2)(maps), width << level)
    for level in reversed(range(depth)):
        maps = _two_convolutions(Concat()(skips[level], Upsample2d(2)(maps)), width << level)
    scores = Conv2d(count_of(classes), 1)(maps)
    return Model.from_graph(image, scores, classes=names_of(classes), seed=seed)


def _two_convolutions(maps: Symbol, channels: int) -> Symbol:
    for _ in range(2):
        maps = ReLU()(BatchNorm2d()(Conv2d(channels, 3, padding="same", bias=False)(maps)))
    return maps
