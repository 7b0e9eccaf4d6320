"""Adaptive and global average pooling, forward and backward."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, PairLike, float32_array, image_shape, pair
from cnnx.spelling import checked_call


@checked_call
def adaptive_avg_pool2d(x: ArrayLike, output_size: PairLike) -> FloatArray:
    """2-D average pooling to a fixed output size.

    Window i of n covers rows ``floor(i * height / n)`` to ``ceil((i + 1) * height / n) - 1``, as
    in PyTorch. Columns follow the same rule.

    Args:
        x: images.
        output_size: an integer or (height, width).

    Shape:
        x (batch, height, width, channels); result (batch, out_height, out_width,
        channels).

    Raises:
        TypeError: if `x` is not of a real dtype, or the size is not an integer or a pair.
        ValueError: if `x` does not have four axes, or the size is not positive.

    Example:
        >>> adaptive_avg_pool2d([[[[1.0], [2.0], [6.0]]]], (1, 2))[0, 0, :, 0]
        array([1.5, 4. ], dtype=float32)
    """
    name = "adaptive_avg_pool2d"
    x = float32_array(x, name, "x", ndim=4)
    return _core.run_op(name, {"output_size": pair(output_size, name, "output_size")}, x)


@checked_call
def adaptive_avg_pool2d_backward(
    grad_output: ArrayLike, x: ArrayLike, output_size: PairLike
) -> FloatArray:
    """Gradient of `adaptive_avg_pool2d` with respect to its input.

    Args:
        grad_output: gradient of the result, of the result's shape.
        x: as in `adaptive_avg_pool2d`; only its shape is used.
        output_size: as in `adaptive_avg_pool2d`.

    Shape:
        Result of the shape of x.

    Raises:
        TypeError: as `adaptive_avg_pool2d`.
        ValueError: as `adaptive_avg_pool2d`, and if the shape of `grad_output` is not the result's.

    Example:
        >>> x = [[[[1.0], [2.0], [6.0]]]]
        >>> adaptive_avg_pool2d_backward([[[[2.0], [4.0]]]], x, (1, 2))[0, 0, :, 0]
        array([1., 3., 2.], dtype=float32)
    """
    name = "adaptive_avg_pool2d_backward"
    grad = float32_array(grad_output, name, "grad_output", ndim=4)
    settings = {"output_size": pair(output_size, name, "output_size")}
    return _core.run_op_backward("adaptive_avg_pool2d", settings, grad, image_shape(x, name))[0]


@checked_call
def global_avg_pool2d(x: ArrayLike) -> FloatArray:
    """Global average pooling: the mean of every channel over the image.

    Args:
        x: images.

    Shape:
        x (batch, height, width, channels); result (batch, channels).

    Raises:
        TypeError: if `x` is not of a real dtype.
        ValueError: if `x` does not have four axes.

    Example:
        >>> global_avg_pool2d([[[[1.0], [5.0]], [[3.0], [3.0]]]])
        array([[3.]], dtype=float32)

    References:
        Lin, Chen, Yan: Network in network, 2013.
    """
    name = "global_avg_pool2d"
    return _core.run_op(name, {}, float32_array(x, name, "x", ndim=4))


@checked_call
def global_avg_pool2d_backward(grad_output: ArrayLike, x: ArrayLike) -> FloatArray:
    """Gradient of `global_avg_pool2d` with respect to its input.

    Args:
        grad_output: gradient of the result, (batch, channels).
        x: as in `global_avg_pool2d`; only its shape is used.

    Shape:
        Result of the shape of x.

    Raises:
        TypeError: if `grad_output` is not of a real dtype.
        ValueError: if `grad_output` is not (batch, channels) of `x`.

    Example:
        >>> global_avg_pool2d_backward([[8.0]], [[[[1.0], [5.0]], [[3.0], [3.0]]]])[0, :, :, 0]
        array([[2., 2.],
               [2., 2.]], dtype=float32)
    """
    name = "global_avg_pool2d_backward"
    grad = float32_array(grad_output, name, "grad_output", ndim=2)
    return _core.run_op_backward("global_avg_pool2d", {}, grad, image_shape(x, name))[0]
