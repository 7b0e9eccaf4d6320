"""Layers that change the shape of an image: padding, upsampling, flattening."""

from __future__ import annotations

from cnnx.arguments import PaddingLike, PairLike, explicit_sides, one_of, pair
from cnnx.layers.base import Layer, LayerWithoutSettings

__all__ = ["Flatten", "Upsample2d", "ZeroPad2d"]


class Flatten(LayerWithoutSettings):
    """Flattening of an image in the order height, width, channels.

    Shape:
        (batch, height, width, channels) to (batch, height * width * channels).

    Example:
        >>> Flatten()
        Flatten()
    """

    kind = "flatten"


class ZeroPad2d(Layer):
    """Zero padding around the image.

    Args:
        padding: an integer, (height, width) or ((top, bottom), (left, right)).
        name: name in `Model.layer_outputs`; "zero_pad2d_1" and so on when None.

    Shape:
        (batch, height, width, channels) to (batch, top + height + bottom, left + width + right,
        channels).

    Example:
        >>> ZeroPad2d(((0, 1), (0, 1)))
        ZeroPad2d(padding=((0, 1), (0, 1)))
    """

    kind = "zero_pad2d"

    def __init__(self, padding: PaddingLike, *, name: str | None = None) -> None:
        super().__init__({"padding": explicit_sides(padding, "ZeroPad2d")}, name)


class Upsample2d(Layer):
    """Upsampling by an integer factor.

    Args:
        scale_factor: an integer or (height, width).
        mode: "nearest" or "bilinear"; the latter as in PyTorch with align_corners=False.
        name: name in `Model.layer_outputs`; "upsample2d_1" and so on when None.

    Shape:
        (batch, height, width, channels) to (batch, height * scale, width * scale, channels).

    Example:
        >>> Upsample2d(2, mode="bilinear")
        Upsample2d(scale_factor=[2, 2], mode='bilinear')
    """

    kind = "upsample2d"

    def __init__(
        self, scale_factor: PairLike, *, mode: str = "nearest", name: str | None = None
    ) -> None:
        super().__init__(
            {
                "scale_factor": pair(scale_factor, "Upsample2d", "scale_factor"),
                "mode": one_of(mode, ("nearest", "bilinear"), "Upsample2d", "mode"),
            },
            name,
        )
