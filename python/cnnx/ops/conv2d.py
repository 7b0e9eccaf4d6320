"""2-D convolution, forward and backward."""

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
def conv2d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: PairLike = 1,
    padding: PaddingLike = 0,
    dilation: PairLike = 1,
    groups: int = 1,
    algorithm: ConvolutionAlgorithm = "auto",
) -> FloatArray:
    """2-D convolution (cross-correlation) over NHWC images.

    ``output[n, i, j, o] = bias[o] + sum over u, v, c of weight[u, v, c, o] *
    x[n, i * stride + u * dilation - top, j * stride + v * dilation - left, c]``, where pixels
    outside the image are zero. The bits are the same on any number of threads and in any batch.
    Every output is one chain of fused multiply-adds in the order u, v, c. Exception: with
    ``algorithm="auto"`` kernels of 3x3, 5x5 and 7x7 with stride 1 and 8 or more channels each
    way may use Winograd's tiles, which read up to 6x6 pixels together. Their error is at most
    about ``2**-21 * in_channels * max(abs(x)) * sum(abs(weight[..., o]))`` over these pixels, and
    usually a tenth of that. NaN and infinity spread to the whole tile.

    Args:
        x: images.
        weight: convolution kernels.
        bias: one number per output channel, or None.
        stride: step of the window, an integer or (height, width).
        padding: an integer, (height, width), ((top, bottom), (left, right)), "valid" or "same".
        dilation: distance between the kernel's taps, an integer or (height, width).
        groups: number of independent groups of channels; divides both channel counts. With groups
            = in_channels the convolution is depthwise.
        algorithm: "auto", the method that the shapes choose, or "direct".

    Shape:
        x (batch, height, width, in_channels);
        weight (kernel_height, kernel_width, in_channels / groups, out_channels);
        bias (out_channels,); result (batch, out_height, out_width, out_channels), where
        out = floor((in + padding - (kernel - 1) * dilation - 1) / stride) + 1, and
        ceil(in / stride) for "same".

    Raises:
        TypeError: if an array is not of a real dtype, or a setting is not an integer or a pair.
        ValueError: if the shapes and settings do not match.

    Example:
        >>> x = [[[[1.0], [2.0]], [[3.0], [4.0]]]]
        >>> diagonal = [[[[1.0]], [[0.0]]], [[[0.0]], [[1.0]]]]
        >>> conv2d(x, diagonal)
        array([[[[5.]]]], dtype=float32)

    References:
        LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition,
        1998.
    """
    name = "conv2d"
    x = float32_array(x, name, "x", ndim=4)
    weight = float32_array(weight, name, "weight", ndim=4)
    parameters = [weight]
    if bias is not None:
        parameters.append(float32_array(bias, name, "bias", ndim=1))
    settings = _settings(name, weight, bias is not None, stride, padding, dilation, groups)
    settings["algorithm"] = one_of(algorithm, CONVOLUTION_ALGORITHMS, name, "algorithm")
    return _core.run_op(name, settings, x, parameters)


@checked_call
def conv2d_backward(
    grad_output: ArrayLike,
    x: ArrayLike,
    weight: ArrayLike,
    *,
    stride: PairLike = 1,
    padding: PaddingLike = 0,
    dilation: PairLike = 1,
    groups: int = 1,
    algorithm: ConvolutionAlgorithm = "auto",
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of `conv2d` with respect to its input, weight and bias.

    Args:
        grad_output: gradient of the result, of the result's shape.
        x: as in `conv2d`.
        weight: as in `conv2d`.
        stride: as in `conv2d`.
        padding: as in `conv2d`.
        dilation: as in `conv2d`.
        groups: as in `conv2d`.
        algorithm: as in `conv2d`.

    Returns:
        (grad_input, grad_weight, grad_bias), of the shapes of x, weight and (out_channels,).

    Raises:
        TypeError: as `conv2d`.
        ValueError: as `conv2d`, and if the shape of `grad_output` is not the result's.

    Example:
        >>> x, weight = [[[[1.0], [2.0]]]], [[[[3.0]], [[4.0]]]]
        >>> grad_input, grad_weight, grad_bias = conv2d_backward([[[[10.0]]]], x, weight)
        >>> grad_input[0, 0, :, 0]
        array([30., 40.], dtype=float32)
        >>> grad_weight[0, :, 0, 0]
        array([10., 20.], dtype=float32)
        >>> grad_bias
        array([10.], dtype=float32)
    """
    name = "conv2d_backward"
    grad = float32_array(grad_output, name, "grad_output", ndim=4)
    x = float32_array(x, name, "x", ndim=4)
    weight = float32_array(weight, name, "weight", ndim=4)
    settings = _settings(name, weight, True, stride, padding, dilation, groups)
    settings["algorithm"] = one_of(algorithm, CONVOLUTION_ALGORITHMS, name, "algorithm")
    grad_input, grad_weight, grad_bias = _core.run_op_backward(
        "conv2d", settings, grad, x, [weight]
    )
    return grad_input, grad_weight, grad_bias


def _settings(
    function: str,
    weight: FloatArray,
    bias: bool,
    stride: PairLike,
    padding: PaddingLike,
    dilation: PairLike,
    groups: int,
) -> dict[str, Any]:
    """The settings of the layer whose weight has this shape."""
    return {
        "out_channels": weight.shape[3],
        "kernel_size": list(weight.shape[:2]),
        "stride": pair(stride, function, "stride"),
        "padding": padding_sides(padding, function),
        "dilation": pair(dilation, function, "dilation"),
        "groups": group_count(groups, function),
        "bias": bias,
    }
