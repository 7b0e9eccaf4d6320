"""2-D transposed convolution, forward and backward.

Many parameters because a layer's settings are keyword arguments. Repeated because they are those of
a convolution.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import (
    CONVOLUTION_ALGORITHMS,
    ConvolutionAlgorithm,
    FloatArray,
    PaddingLike,
    PairLike,
    float32_array,
    group_count,
    one_of,
    padding_sides,
    pair,
)
from cnnx.spelling import checked_call


@checked_call
def conv_transpose2d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: PairLike = 1,
    padding: PaddingLike = 0,
    output_padding: PairLike = 0,
    dilation: PairLike = 1,
    groups: int = 1,
    algorithm: ConvolutionAlgorithm = "auto",
) -> FloatArray:
    """2-D transposed convolution over NHWC images.

    ``output[n, i * stride + u * dilation - top, j * stride + v * dilation - left, o] +=
    weight[u, v, o, c] * x[n, i, j, c]``, starting from ``bias[o]``. It is the input gradient of
    the `conv2d` with the same weight and settings. The bits are the same on any number of threads
    and in any batch.

    Args:
        x: images.
        weight: convolution kernels.
        bias: one number per output channel, or None.
        stride: step in the output per input pixel, an integer or (height, width).
        padding: pixels cropped from the output: an integer, (height, width), ((top, bottom),
            (left, right)), "valid" (none) or "same".
        output_padding: extra rows at the bottom and columns at the right, an integer or (height,
            width), each less than the larger of stride and dilation. It selects one of the output
            sizes that a strided convolution maps to the same input size.
        dilation: distance between the kernel's taps, an integer or (height, width).
        groups: number of independent groups of channels; divides both channel counts. With groups
            = in_channels the convolution is depthwise.
        algorithm: "auto", the method that the shapes choose, or "direct", as for `conv2d`.

    Shape:
        x (batch, height, width, in_channels);
        weight (kernel_height, kernel_width, out_channels / groups, in_channels);
        bias (out_channels,); result (batch, out_height, out_width, out_channels), where
        out = (in - 1) * stride - padding + (kernel - 1) * dilation + output_padding + 1, and
        in * stride for "same".

    Raises:
        TypeError: if an array is not of a real dtype, or a setting is not an integer or a pair.
        ValueError: if the shapes and settings do not match.

    Example:
        >>> x = [[[[1.0], [10.0]]]]
        >>> weight = [[[[1.0]], [[2.0]], [[3.0]]]]
        >>> conv_transpose2d(x, weight, stride=(1, 2))[0, 0, :, 0]
        array([ 1.,  2., 13., 20., 30.], dtype=float32)

    References:
        Zeiler, Krishnan, Taylor, Fergus: Deconvolutional Networks, 2010. Dumoulin, Visin: A guide
        to convolution arithmetic for deep learning, 2016.
    """
    name = "conv_transpose2d"
    x = float32_array(x, name, "x", ndim=4)
    weight = float32_array(weight, name, "weight", ndim=4)
    parameters = [weight]
    if bias is not None:
        parameters.append(float32_array(bias, name, "bias", ndim=1))
    settings = _settings(
        name, weight, bias is not None, stride, padding, output_padding, dilation, groups
    )
    settings["algorithm"] = one_of(algorithm, CONVOLUTION_ALGORITHMS, name, "algorithm")
    return _core.run_op(name, settings, x, parameters)


@checked_call
def conv_transpose2d_backward(
    grad_output: ArrayLike,
    x: ArrayLike,
    weight: ArrayLike,
    *,
    stride: PairLike = 1,
    padding: PaddingLike = 0,
    output_padding: PairLike = 0,
    dilation: PairLike = 1,
    groups: int = 1,
    algorithm: ConvolutionAlgorithm = "auto",
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of `conv_transpose2d` with respect to its input, weight and bias.

    Args:
        grad_output: gradient of the result, of the result's shape.
        x: as in `conv_transpose2d`.
        weight: as in `conv_transpose2d`.
        stride: as in `conv_transpose2d`.
        padding: as in `conv_transpose2d`.
        output_padding: as in `conv_transpose2d`.
        dilation: as in `conv_transpose2d`.
        groups: as in `conv_transpose2d`.
        algorithm: as in `conv_transpose2d`.

    Returns:
        (grad_input, grad_weight, grad_bias), of the shapes of x, weight and (out_channels,).

    Raises:
        TypeError: as `conv_transpose2d`.
        ValueError: as `conv_transpose2d`, and if the shape of `grad_output` is not the result's.

    Example:
        >>> x, weight = [[[[3.0]]]], [[[[1.0]], [[2.0]]]]
        >>> grad_input, grad_weight, grad_bias = conv_transpose2d_backward(
        ...     [[[[10.0], [20.0]]]], x, weight
        ... )
        >>> grad_input
        array([[[[50.]]]], dtype=float32)
        >>> grad_weight[0, :, 0, 0]
        array([30., 60.], dtype=float32)
        >>> grad_bias
        array([30.], dtype=float32)
    """
    name = "conv_transpose2d_backward"
    grad = float32_array(grad_output, name, "grad_output", ndim=4)
    x = float32_array(x, name, "x", ndim=4)
    weight = float32_array(weight, name, "weight", ndim=4)
    settings = _settings(name, weight, True, stride, padding, output_padding, dilation, groups)
    settings["algorithm"] = one_of(algorithm, CONVOLUTION_ALGORITHMS, name, "algorithm")
    grad_input, grad_weight, grad_bias = _core.run_op_backward(
        "conv_transpose2d", settings, grad, x, [weight]
    )
    return grad_input, grad_weight, grad_bias


def _settings(
    function: str,
    weight: FloatArray,
    bias: bool,
    stride: PairLike,
    padding: PaddingLike,
    output_padding: PairLike,
    dilation: PairLike,
    groups: int,
) -> dict[str, Any]:
    """The settings of the layer whose weight has this shape."""
    groups = group_count(groups, function)
    return {
        "out_channels": weight.shape[2] * min(groups, weight.shape[3]),
        "kernel_size": list(weight.shape[:2]),
        "stride": pair(stride, function, "stride"),
        "padding": padding_sides(padding, function),
        "output_padding": pair(output_padding, function, "output_padding"),
        "dilation": pair(dilation, function, "dilation"),
        "groups": groups,
        "bias": bias,
    }
