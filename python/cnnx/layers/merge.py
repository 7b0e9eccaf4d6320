"""Layers that merge several arrays: sum, product, maximum, concatenation."""

from __future__ import annotations

from cnnx.layers.base import LayerWithoutSettings

__all__ = ["Add", "Concat", "Maximum", "Multiply"]


class Add(LayerWithoutSettings):
    """Elementwise sum of two or more arrays of the same shape.

    Example:
        >>> from cnnx import Conv2d, Input
        >>> image = Input((8, 8, 3))
        >>> Add()(Conv2d(3, 1)(image), image)
        <output of Add() with 2 inputs>
    """

    kind = "add"


class Multiply(LayerWithoutSettings):
    """Elementwise product of two arrays, or of images with one factor per channel or per pixel.

    Shape:
        Two arrays of the same shape; or (batch, height, width, channels) and one of (batch,
        channels), (batch, 1, 1, channels), (batch, height, width, 1).

    References:
        J. Hu, L. Shen, G. Sun: Squeeze-and-Excitation Networks, 2018.
        S. Woo, J. Park, J. Lee, I. Kweon: CBAM: Convolutional Block Attention Module, 2018.

    Example:
        >>> Multiply(name="excite").kind
        'multiply'
    """

    kind = "multiply"


class Maximum(LayerWithoutSettings):
    """Elementwise maximum of two or more arrays of the same shape.

    NaN of any input is the output. Where several inputs are equally large, the whole gradient goes
    to the first of them, or to the first NaN. PyTorch's `torch.maximum` divides it between both.

    Example:
        >>> from cnnx import Conv2d, Input
        >>> image = Input((8, 8, 3))
        >>> Maximum()(Conv2d(8, 1)(image), Conv2d(8, 3, padding=1)(image))
        <output of Maximum() with 2 inputs>
    """

    kind = "maximum"


class Concat(LayerWithoutSettings):
    """Concatenation along the channels; all other axes must be equal.

    Example:
        >>> Concat().kind
        'concat'
    """

    kind = "concat"
