"""Pooling layers: maxima or means of windows."""

from __future__ import annotations

from cnnx.arguments import PaddingLike, PairLike, boolean, pair, pool_settings
from cnnx.layers.base import Layer, LayerWithoutSettings

__all__ = ["AdaptiveAvgPool2d", "AvgPool2d", "GlobalAvgPool2d", "MaxPool2d"]


class MaxPool2d(Layer):
    """2-D max pooling.

    Args:
        kernel_size: window size, an integer or (height, width).
        stride: step of the window; `kernel_size` when None.
        padding: padding with minus infinity, in the forms of `Conv2d`; each side smaller than the
            extent of the window.
        dilation: step between the pixels of a window, an integer or (height, width).
        ceil_mode: whether a last window may extend beyond the padding, if it begins inside the
            image or the padding before it.
        name: name in `Model.layer_outputs`; "max_pool2d_1" and so on when None.

    Shape:
        (batch, height, width, channels) to (batch, out_height, out_width, channels).

    Example:
        >>> MaxPool2d(2).settings["stride"]
        [2, 2]
    """

    kind = "max_pool2d"

    def __init__(
        self,
        kernel_size: PairLike,
        *,
        stride: PairLike | None = None,
        padding: PaddingLike = 0,
        dilation: PairLike = 1,
        ceil_mode: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(
            pool_settings("MaxPool2d", kernel_size, stride, padding, dilation, ceil_mode), name
        )


class AvgPool2d(Layer):
    """2-D average pooling.

    Args:
        kernel_size: window size, an integer or (height, width).
        stride: step of the window; `kernel_size` when None.
        padding: zero padding, in the forms of `Conv2d`; each side smaller than the extent of the
            window.
        count_include_pad: whether the divisor includes the padding; padding "same" never includes
            it. The part of a window beyond the padding never counts.
        dilation: as for `MaxPool2d`.
        ceil_mode: as for `MaxPool2d`.
        name: name in `Model.layer_outputs`; "avg_pool2d_1" and so on when None.

    Shape:
        (batch, height, width, channels) to (batch, out_height, out_width, channels).

    Example:
        >>> AvgPool2d(2, padding="same").settings["padding"]
        'same'
    """

    kind = "avg_pool2d"

    def __init__(
        self,
        kernel_size: PairLike,
        *,
        stride: PairLike | None = None,
        padding: PaddingLike = 0,
        count_include_pad: bool = True,
        dilation: PairLike = 1,
        ceil_mode: bool = False,
        name: str | None = None,
    ) -> None:
        settings = pool_settings("AvgPool2d", kernel_size, stride, padding, dilation, ceil_mode)
        counted = boolean(count_include_pad, "AvgPool2d", "count_include_pad")
        super().__init__({**settings, "count_include_pad": counted}, name)


class AdaptiveAvgPool2d(Layer):
    """2-D average pooling to a fixed output size.

    Args:
        output_size: an integer or (height, width). Window i of n covers rows ``floor(i * height /
            n)`` to ``ceil((i + 1) * height / n) - 1``, as in PyTorch.
        name: name in `Model.layer_outputs`; "adaptive_avg_pool2d_1" and so on when None.

    Shape:
        (batch, height, width, channels) to (batch, out_height, out_width, channels).

    Example:
        >>> AdaptiveAvgPool2d(7)
        AdaptiveAvgPool2d(output_size=[7, 7])
    """

    kind = "adaptive_avg_pool2d"

    def __init__(self, output_size: PairLike, *, name: str | None = None) -> None:
        size = pair(output_size, "AdaptiveAvgPool2d", "output_size")
        super().__init__({"output_size": size}, name)


class GlobalAvgPool2d(LayerWithoutSettings):
    """Global average pooling: the mean of every channel over the image.

    Shape:
        (batch, height, width, channels) to (batch, channels), so that no Flatten has to follow.

    References:
        M. Lin, Q. Chen, S. Yan: Network In Network, 2014.

    Example:
        >>> GlobalAvgPool2d().kind
        'global_avg_pool2d'
    """

    kind = "global_avg_pool2d"
