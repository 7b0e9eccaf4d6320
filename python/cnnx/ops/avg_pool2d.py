"""2-D average pooling, forward and backward."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import (
    FloatArray,
    PaddingLike,
    PairLike,
    boolean,
    float32_array,
    image_shape,
    pool_settings,
)
from cnnx.spelling import checked_call


@checked_call
def avg_pool2d(
    x: ArrayLike,
    kernel_size: PairLike,
    *,
    stride: PairLike | None = None,
    padding: PaddingLike = 0,
    count_include_pad: bool = True,
    dilation: PairLike = 1,
    ceil_mode: bool = False,
) -> FloatArray:
    """2-D average pooling over NHWC images.

    Args:
        x: images.
        kernel_size: window size, an integer or (height, width).
        stride: step of the window; `kernel_size` when None.
        padding: zero padding: an integer, (height, width), ((top, bottom), (left, right)), "valid"
            or "same"; each side smaller than the extent of the window.
        count_include_pad: whether the divisor includes the padding; "same" never includes it. The
            part of a window beyond the padding never counts.
        dilation: as in `max_pool2d`.
        ceil_mode: as in `max_pool2d`.

    Shape:
        x (batch, height, width, channels); result as in `max_pool2d`.

    Raises:
        TypeError: if `x` is not of a real dtype, or a setting is not an integer or a pair.
        ValueError: if `x` does not have four axes, or the window does not fit.

    Example:
        >>> avg_pool2d([[[[1.0], [5.0]], [[3.0], [3.0]]]], 2)
        array([[[[3.]]]], dtype=float32)
    """
    x = float32_array(x, "avg_pool2d", "x", ndim=4)
    settings = pool_settings("avg_pool2d", kernel_size, stride, padding, dilation, ceil_mode)
    settings["count_include_pad"] = boolean(count_include_pad, "avg_pool2d", "count_include_pad")
    return _core.run_op("avg_pool2d", settings, x)


@checked_call
def avg_pool2d_backward(
    grad_output: ArrayLike,
    x: ArrayLike,
    kernel_size: PairLike,
    *,
    stride: PairLike | None = None,
    padding: PaddingLike = 0,
    count_include_pad: bool = True,
    dilation: PairLike = 1,
    ceil_mode: bool = False,
) -> FloatArray:
    """Gradient of `avg_pool2d` with respect to its input, spread evenly over a window's pixels.

    Args:
        grad_output: gradient of the result, of the result's shape.
        x: as in `avg_pool2d`; only its shape is used.
        kernel_size: as in `avg_pool2d`.
        stride: as in `avg_pool2d`.
        padding: as in `avg_pool2d`.
        count_include_pad: as in `avg_pool2d`.
        dilation: as in `max_pool2d`.
        ceil_mode: as in `max_pool2d`.

    Shape:
        Result of the shape of x.

    Raises:
        TypeError: as `avg_pool2d`.
        ValueError: as `avg_pool2d`, and if the shape of `grad_output` is not the result's.

    Example:
        >>> x = [[[[1.0], [5.0]], [[3.0], [3.0]]]]
        >>> avg_pool2d_backward([[[[8.0]]]], x, 2)[0, :, :, 0]
        array([[2., 2.],
               [2., 2.]], dtype=float32)
    """
    name = "avg_pool2d_backward"
    grad = float32_array(grad_output, name, "grad_output", ndim=4)
    settings = pool_settings(name, kernel_size, stride, padding, dilation, ceil_mode)
    settings["count_include_pad"] = boolean(count_include_pad, name, "count_include_pad")
    return _core.run_op_backward("avg_pool2d", settings, grad, image_shape(x, name))[0]
