"""2-D convolution and transposed convolution.

Many parameters because a layer's settings are keyword arguments.
"""

from __future__ import annotations

from typing import Any

from cnnx.arguments import (
    CONVOLUTION_ALGORITHMS,
    ConvolutionAlgorithm,
    PaddingLike,
    PairLike,
    boolean,
    integer,
    one_of,
    padding_sides,
    pair,
)
from cnnx.layers.base import Layer

__all__ = ["Conv2d", "ConvTranspose2d"]


def _settings(
    layer: str,
    *,
    out_channels: int,
    kernel_size: PairLike,
    stride: PairLike,
    padding: PaddingLike,
    dilation: PairLike,
    groups: int,
    bias: bool,
    algorithm: ConvolutionAlgorithm,
) -> dict[str, Any]:
    """Settings of both layers in the core's form."""
    return {
        "out_channels": integer(out_channels, layer, "out_channels"),
        "kernel_size": pair(kernel_size, layer, "kernel_size"),
        "stride": pair(stride, layer, "stride"),
        "padding": padding_sides(padding, layer),
        "dilation": pair(dilation, layer, "dilation"),
        "groups": integer(groups, layer, "groups"),
        "bias": boolean(bias, layer, "bias"),
        "algorithm": one_of(algorithm, CONVOLUTION_ALGORITHMS, layer, "algorithm"),
    }


class Conv2d(Layer):
    """2-D convolution (cross-correlation) over NHWC images.

    ``output[n, i, j, o] = bias[o] + sum over h, w, c of
    x[n, i * stride + h * dilation - top, j * stride + w * dilation - left, c] * weight[h, w, c,
    o]``

    With ``algorithm="auto"`` the shapes choose between the direct method and, for kernels of 3x3,
    5x5 and 7x7 with stride 1, Winograd's. Winograd's method rounds the numbers of 6x6 pixels
    together: its error is at most about ``2**-21 * in_channels * max(abs(x)) * sum(abs(weight))``
    over these pixels and the weights of the output, and usually a tenth of that, also in outputs
    that do not read the largest pixel. The direct method reads only the window of the output.
    Choose it for images with a few very large values.

    Args:
        out_channels: number of filters.
        kernel_size: an integer or (height, width).
        stride: step of the window, an integer or (height, width).
        padding: zero padding: an integer, (height, width), ((top, bottom), (left, right)), "valid"
            (none) or "same" (output = ceil(input / stride)).
        dilation: distance between the filter's taps, an integer or (height, width).
        groups: number of independent groups of channels; divides both channel counts.
        bias: whether to add a bias per filter.
        algorithm: "auto" or "direct", the method of computation.
        int8_weight: whether every weight is a whole number from -128 to 127 times the number of its
            filter in the buffer weight_scale. `quantize` makes such layers. A file holds the whole
            numbers, and the layer computes in integers if a `Quantize` is before it.
        name: name in files and in `Model.layer_outputs`; "conv2d_1" and so on when None.

    Shape:
        (batch, height, width, in_channels) to (batch, out_height, out_width, out_channels);
        weight (kernel_height, kernel_width, in_channels / groups, out_channels), bias
        (out_channels,).

    Example:
        >>> Conv2d(32, 3, padding="same", name="edges").settings["kernel_size"]
        [3, 3]
    """

    kind = "conv2d"

    def __init__(
        self,
        out_channels: int,
        kernel_size: PairLike,
        *,
        stride: PairLike = 1,
        padding: PaddingLike = 0,
        dilation: PairLike = 1,
        groups: int = 1,
        bias: bool = True,
        algorithm: ConvolutionAlgorithm = "auto",
        int8_weight: bool = False,
        name: str | None = None,
    ) -> None:
        settings = _settings(
            "Conv2d",
            out_channels=out_channels,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            bias=bias,
            algorithm=algorithm,
        )
        settings["int8_weight"] = boolean(int8_weight, "Conv2d", "int8_weight")
        super().__init__(settings, name)


class ConvTranspose2d(Layer):
    """2-D transposed convolution over NHWC images.

    ``output[n, i * stride + h * dilation - top, j * stride + w * dilation - left, o] +=
    x[n, i, j, c] * weight[h, w, o, c]``, starting from ``bias[o]``

    ``kernel_size=4, stride=2, padding=1`` and ``kernel_size=2, stride=2`` exactly double the size
    of an image.

    Args:
        out_channels: number of channels of the output.
        kernel_size: an integer or (height, width).
        stride: step in the output per input pixel, an integer or (height, width).
        padding: pixels cropped from the output: an integer, (height, width), ((top, bottom),
            (left, right)), "valid" (none) or "same" (output = input * stride).
        output_padding: extra rows at the bottom and columns at the right, an integer or (height,
            width), each less than the larger of stride and dilation; 0 with "same".
        dilation: distance between the filter's taps, an integer or (height, width).
        groups: number of independent groups of channels; divides both channel counts.
        bias: whether to add a bias per output channel.
        algorithm: "auto" or "direct", the method of computation, as for `Conv2d`.
        name: name in files and in `Model.layer_outputs`; "conv_transpose2d_1" and so on when None.

    Shape:
        (batch, height, width, in_channels) to (batch, out_height, out_width, out_channels), where
        out = (in - 1) * stride - padding + (kernel_size - 1) * dilation + output_padding + 1;
        weight (kernel_height, kernel_width, out_channels / groups, in_channels), bias
        (out_channels,). The initial weight is He uniform with fan-in in_channels / groups *
        kernel_height * kernel_width; PyTorch uses out_channels / groups instead.

    Example:
        >>> ConvTranspose2d(16, 4, stride=2, padding=1).settings["output_padding"]
        [0, 0]
    """

    kind = "conv_transpose2d"

    def __init__(
        self,
        out_channels: int,
        kernel_size: PairLike,
        *,
        stride: PairLike = 1,
        padding: PaddingLike = 0,
        output_padding: PairLike = 0,
        dilation: PairLike = 1,
        groups: int = 1,
        bias: bool = True,
        algorithm: ConvolutionAlgorithm = "auto",
        name: str | None = None,
    ) -> None:
        settings = _settings(
            "ConvTranspose2d",
            out_channels=out_channels,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            bias=bias,
            algorithm=algorithm,
        )
        settings["output_padding"] = pair(output_padding, "ConvTranspose2d", "output_padding")
        super().__init__(settings, name)
