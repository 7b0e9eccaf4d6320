"""2-D cropping, forward and backward."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, PaddingLike, explicit_sides, float32_array, image_shape
from cnnx.spelling import checked_call


@checked_call
def crop2d(x: ArrayLike, cropping: PaddingLike) -> FloatArray:
    """NHWC images without some outer rows and columns.

    Args:
        x: images.
        cropping: an integer, (height, width) or ((top, bottom), (left, right)), each >= 0.

    Shape:
        x (batch, height, width, channels); result (batch, height - top - bottom, width - left -
        right, channels).

    Raises:
        TypeError: if `x` is not of a real dtype, or `cropping` is not of integers.
        ValueError: if `x` does not have four axes, a side is negative, or no row or no column
            stays.

    Example:
        >>> crop2d([[[[1.0], [2.0], [3.0]]]], ((0, 0), (1, 0)))[0, :, :, 0]
        array([[2., 3.]], dtype=float32)
    """
    name = "crop2d"
    x = float32_array(x, name, "x", ndim=4)
    return _core.run_op(name, {"cropping": explicit_sides(cropping, name, "cropping")}, x)


@checked_call
def crop2d_backward(grad_output: ArrayLike, x: ArrayLike, cropping: PaddingLike) -> FloatArray:
    """Gradient of `crop2d` with respect to its input: 0 in the removed rows and columns.

    Args:
        grad_output: gradient of the result, of the result's shape.
        x: as in `crop2d`; only its shape is used.
        cropping: as in `crop2d`.

    Shape:
        Result of the shape of x.

    Raises:
        TypeError: as `crop2d`.
        ValueError: as `crop2d`, and if the shape of `grad_output` is not the result's.

    Example:
        >>> crop2d_backward([[[[1.0]]]], [[[[0.0], [0.0], [0.0]]]], (0, 1))[0, 0, :, 0]
        array([0., 1., 0.], dtype=float32)
    """
    name = "crop2d_backward"
    grad = float32_array(grad_output, name, "grad_output", ndim=4)
    settings = {"cropping": explicit_sides(cropping, name, "cropping")}
    return _core.run_op_backward("crop2d", settings, grad, image_shape(x, name))[0]
