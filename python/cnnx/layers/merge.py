"""Layers that make one array of several: sum, product, side by side."""

from __future__ import annotations

from cnnx.layers.base import LayerWithoutSettings

__all__ = ["Add", "Concat", "Multiply"]


class Add(LayerWithoutSettings):
    """The sum of two arrays or more, all of one shape.

    Example:
        >>> from cnnx import Conv2d, Input
        >>> image = Input((8, 8, 3))
        >>> Add()(Conv2d(3, 1)(image), image)
        <what Add() makes of 2 inputs>
    """

    kind = "add"


class Multiply(LayerWithoutSettings):
    """The product of two arrays: of one shape, or images (batch, height, width, channels) with
    one factor per image and channel, (batch, channels) or (batch, 1, 1, channels).

    References:
        J. Hu, L. Shen, G. Sun: Squeeze-and-Excitation Networks, 2018.

    Example:
        >>> Multiply(name="excite").kind
        'multiply'
    """

    kind = "multiply"


class Concat(LayerWithoutSettings):
    """Arrays side by side along the last axis, the channels; their other axes are equal.

    Example:
        >>> Concat().kind
        'concat'
    """

    kind = "concat"
