"""2-D max pooling, forward and backward."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, PaddingLike, PairLike, float32_array, pool_settings
from cnnx.spelling import checked_call


@checked_call
def max_pool2d(
    x: ArrayLike,
    kernel_size: PairLike,
    *,
    stride: PairLike | None = None,
    padding: PaddingLike = 0,
    dilation: PairLike = 1,
    ceil_mode: bool = False,
) -> FloatArray:
    """2-D max pooling over NHWC images; a NaN in a window is its maximum.

    Padding counts as minus infinity.

    Args:
        x: images.
        kernel_size: window size, an integer or (height, width).
        stride: step of the window; `kernel_size` when None.
        padding: an integer, (height, width), ((top, bottom), (left, right)), "valid" or "same";
            each side smaller than the extent of the window.
        dilation: step between the pixels of a window, an integer or (height, width).
        ceil_mode: whether a last window may extend beyond the padding, if it begins inside the
            image or the padding before it.

    Shape:
        x (batch, height, width, channels); result (batch, out_height, out_width, channels), where
        out = floor((in + padding - extent) / stride) + 1 with extent = (kernel - 1) * dilation + 1,
        at most one more in ceil mode, and ceil(in / stride) for "same".

    Raises:
        TypeError: if `x` is not of a real dtype, or a setting is not an integer or a pair.
        ValueError: if `x` does not have four axes, or the window does not fit.

    Example:
        >>> max_pool2d([[[[1.0], [5.0]], [[3.0], [2.0]]]], 2)
        array([[[[5.]]]], dtype=float32)
        >>> max_pool2d([[[[1.0], [5.0], [2.0]]]], (1, 2), ceil_mode=True)[0, 0, :, 0]
        array([5., 2.], dtype=float32)
    """
    name = "max_pool2d"
    x = float32_array(x, name, "x", ndim=4)
    settings = pool_settings(name, kernel_size, stride, padding, dilation, ceil_mode)
    return _core.run_op(name, settings, x)


@checked_call
def max_pool2d_backward(
    grad_output: ArrayLike,
    x: ArrayLike,
    kernel_size: PairLike,
    *,
    stride: PairLike | None = None,
    padding: PaddingLike = 0,
    dilation: PairLike = 1,
    ceil_mode: bool = False,
) -> FloatArray:
    """Gradient of `max_pool2d` with respect to its input.

    The first maximum of a window in row-major order, or its first NaN, receives the gradient.

    Args:
        grad_output: gradient of the result, of the result's shape.
        x: as in `max_pool2d`.
        kernel_size: as in `max_pool2d`.
        stride: as in `max_pool2d`.
        padding: as in `max_pool2d`.
        dilation: as in `max_pool2d`.
        ceil_mode: as in `max_pool2d`.

    Shape:
        Result of the shape of x.

    Raises:
        TypeError: as `max_pool2d`.
        ValueError: as `max_pool2d`, and if the shape of `grad_output` is not the result's.

    Example:
        >>> max_pool2d_backward([[[[7.0]]]], [[[[1.0], [5.0]], [[3.0], [2.0]]]], 2)[0, :, :, 0]
        array([[0., 7.],
               [0., 0.]], dtype=float32)
    """
    name = "max_pool2d_backward"
    grad = float32_array(grad_output, name, "grad_output", ndim=4)
    x = float32_array(x, name, "x", ndim=4)
    settings = pool_settings(name, kernel_size, stride, padding, dilation, ceil_mode)
    return _core.run_op_backward("max_pool2d", settings, grad, x)[0]
