"""Layers that merge several arrays: sum, product, concatenation."""

from __future__ import annotations

from cnnx.layers.base import LayerWithoutSettings

__all__ = ["Add", "Concat", "Multiply"]


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


class Concat(LayerWithoutSettings):
    """Concatenation along the channels; all other axes must be equal.

    Example:
        >>> Concat().kind
        'concat'
    """

    kind = "concat"
