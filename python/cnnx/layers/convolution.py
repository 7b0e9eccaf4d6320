"""Layers that line filters up with every window of a picture."""

from __future__ import annotations

from cnnx.arguments import PaddingLike, PairLike, padding_sides, pair
from cnnx.layers.base import Layer, boolean, integer, refuse_positional


class Conv2d(Layer):
    """2-D convolution (cross-correlation): every filter lined up with every window, multiplied and
    added, plus a bias.

    ``output[n, i, j, o] = bias[o] + sum over h, w, c of
    x[n, i * stride + h * dilation - top, j * stride + w * dilation - left, c] * weight[h, w, c,
    o]``

    Args:
        out_channels: number of filters.
        kernel_size: an integer or (height, width).
        stride: step of the window, an integer or (height, width).
        padding: zeros around the picture: an integer, (height, width), ((top, bottom), (left,
            right)), "valid" (none) or "same" (output = ceil(input / stride)).
        dilation: distance between the filter's taps, an integer or (height, width).
        groups: splits channels into groups that do not see each other; divides both channel counts.
        bias: whether a number is added per filter.
        name: name in files and in `Model.layer_outputs`; "conv2d_1" and so on when None.

    Shape:
        (batch, height, width, in_channels) to (batch, out_height, out_width, out_channels);
        weight (kernel_height, kernel_width, in_channels / groups, out_channels), bias
        (out_channels,).

    Example:
        >>> Conv2d(32, 3, padding="same", name="edges").attributes["kernel_size"]
        [3, 3]
    """

    kind = "conv2d"

    def __init__(
        self,
        out_channels: int,
        kernel_size: PairLike,
        *unexpected: object,
        stride: PairLike = 1,
        padding: PaddingLike = 0,
        dilation: PairLike = 1,
        groups: int = 1,
        bias: bool = True,
        name: str | None = None,
    ) -> None:
        refuse_positional(
            unexpected,
            "Conv2d",
            "out_channels and kernel_size",
            "in_channels is never given, the model knows it, and stride and the rest go by name",
        )
        super().__init__(
            {
                "out_channels": integer(out_channels, "Conv2d", "out_channels"),
                "kernel_size": pair(kernel_size, "Conv2d", "kernel_size"),
                "stride": pair(stride, "Conv2d", "stride"),
                "padding": padding_sides(padding, "Conv2d"),
                "dilation": pair(dilation, "Conv2d", "dilation"),
                "groups": integer(groups, "Conv2d", "groups"),
                "bias": boolean(bias, "Conv2d", "bias"),
            },
            name,
        )
