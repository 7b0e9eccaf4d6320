"""2-D zero padding, forward and backward."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, PaddingLike, explicit_sides, float32_array, image_shape
from cnnx.spelling import checked_call


@checked_call
def zero_pad2d(x: ArrayLike, padding: PaddingLike) -> FloatArray:
    """2-D zero padding of NHWC images.

    Args:
        x: images.
        padding: an integer, (height, width) or ((top, bottom), (left, right)), each >= 0.

    Shape:
        x (batch, height, width, channels); result (batch, top + height + bottom, left + width +
        right, channels).

    Raises:
        TypeError: if `x` is not of a real dtype, or `padding` is not of integers.
        ValueError: if `x` does not have four axes, or a side is negative.

    Example:
        >>> zero_pad2d([[[[1.0], [2.0]]]], ((0, 1), (1, 0)))[0, :, :, 0]
        array([[0., 1., 2.],
               [0., 0., 0.]], dtype=float32)
    """
    name = "zero_pad2d"
    x = float32_array(x, name, "x", ndim=4)
    return _core.run_op(name, {"padding": explicit_sides(padding, name)}, x)


@checked_call
def zero_pad2d_backward(grad_output: ArrayLike, x: ArrayLike, padding: PaddingLike) -> FloatArray:
    """Gradient of `zero_pad2d` with respect to its input: `grad_output` without the padding.

    Args:
        grad_output: gradient of the result, of the result's shape.
        x: as in `zero_pad2d`; only its shape is used.
        padding: as in `zero_pad2d`.

    Shape:
        Result of the shape of x.

    Raises:
        TypeError: as `zero_pad2d`.
        ValueError: as `zero_pad2d`, and if the shape of `grad_output` is not the result's.

    Example:
        >>> zero_pad2d_backward([[[[1.0], [2.0], [3.0]]]], [[[[0.0]]]], (0, 1))[0, 0, 0]
        array([2.], dtype=float32)
    """
    name = "zero_pad2d_backward"
    grad = float32_array(grad_output, name, "grad_output", ndim=4)
    settings = {"padding": explicit_sides(padding, name)}
    return _core.run_op_backward("zero_pad2d", settings, grad, image_shape(x, name))[0]
