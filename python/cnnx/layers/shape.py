"""Layers that move numbers and compute none."""

from __future__ import annotations

from cnnx.layers.base import LayerWithoutSettings


class Flatten(LayerWithoutSettings):
    """The picture as one list of numbers, in height, width, channels order.

    Example:
        >>> Flatten()
        Flatten()
    """

    kind = "flatten"
