"""Layers that shrink an image to the maxima or means of windows."""

from __future__ import annotations

from cnnx.arguments import PaddingLike, PairLike, padding_sides, pair
from cnnx.layers.base import Layer, LayerWithoutSettings, boolean, refuse_positional

__all__ = ["AdaptiveAvgPool2d", "AvgPool2d", "GlobalAvgPool2d", "MaxPool2d"]


class MaxPool2d(Layer):
    """The largest value in each window.

    Args:
        kernel_size: the window, an integer or (height, width).
        stride: step of the window; the window itself when None.
        padding: minus infinity around the image, in every form `Conv2d` takes; each side smaller
            than the window.
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
        *unexpected: object,
        stride: PairLike | None = None,
        padding: PaddingLike = 0,
        name: str | None = None,
    ) -> None:
        refuse_positional(unexpected, "MaxPool2d", "kernel_size", "stride and the rest go by name")
        window = pair(kernel_size, "MaxPool2d", "kernel_size")
        super().__init__(
            {
                "kernel_size": window,
                "stride": window if stride is None else pair(stride, "MaxPool2d", "stride"),
                "padding": padding_sides(padding, "MaxPool2d"),
            },
            name,
        )


class AvgPool2d(Layer):
    """The mean of each window.

    Args:
        kernel_size: the window, an integer or (height, width).
        stride: step of the window; the window itself when None.
        padding: zeros around the image, in every form `Conv2d` takes; each side smaller than the
            window.
        count_include_pad: True divides by the whole window, False by the real pixels in it, which
            is what padding "same" always does.
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
        *unexpected: object,
        stride: PairLike | None = None,
        padding: PaddingLike = 0,
        count_include_pad: bool = True,
        name: str | None = None,
    ) -> None:
        refuse_positional(unexpected, "AvgPool2d", "kernel_size", "stride and the rest go by name")
        window = pair(kernel_size, "AvgPool2d", "kernel_size")
        super().__init__(
            {
                "kernel_size": window,
                "stride": window if stride is None else pair(stride, "AvgPool2d", "stride"),
                "padding": padding_sides(padding, "AvgPool2d"),
                "count_include_pad": boolean(count_include_pad, "AvgPool2d", "count_include_pad"),
            },
            name,
        )


class AdaptiveAvgPool2d(Layer):
    """The means of as many windows as are wanted, whatever the size of the image.

    Args:
        output_size: an integer or (height, width). Window i of n covers rows ``floor(i * height /
            n)`` to ``ceil((i + 1) * height / n) - 1``, as PyTorch's do.
        name: name in `Model.layer_outputs`; "adaptive_avg_pool2d_1" and so on when None.

    Shape:
        (batch, height, width, channels) to (batch, *output_size, channels).

    Example:
        >>> AdaptiveAvgPool2d(7)
        AdaptiveAvgPool2d(output_size=[7, 7])
    """

    kind = "adaptive_avg_pool2d"

    def __init__(self, output_size: PairLike, *, name: str | None = None) -> None:
        size = pair(output_size, "AdaptiveAvgPool2d", "output_size")
        super().__init__({"output_size": size}, name)


class GlobalAvgPool2d(LayerWithoutSettings):
    """The mean of every channel over the whole image.

    Shape:
        (batch, height, width, channels) to (batch, channels): no Flatten is needed after it.

    References:
        M. Lin, Q. Chen, S. Yan: Network In Network, 2014.

    Example:
        >>> GlobalAvgPool2d().kind
        'global_avg_pool2d'
    """

    kind = "global_avg_pool2d"
