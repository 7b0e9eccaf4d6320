"""Zeros around images, forward and backward."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, PaddingLike, explicit_sides, float32_array, image_shape


def zero_pad2d(x: ArrayLike, padding: PaddingLike) -> FloatArray:
    """Images with zeros around them.

    Args:
        x: images.
        padding: an integer, (height, width) or ((top, bottom), (left, right)), each >= 0.

    Shape:
        x (batch, height, width, channels); result (batch, top + height + bottom, left + width +
        right, channels).

    Raises:
        TypeError: if `x` is not of a real dtype, or `padding` is not made of integers.
        ValueError: if `x` has not four axes, or a side is negative.

    Example:
        >>> zero_pad2d([[[[1.0], [2.0]]]], ((0, 1), (1, 0)))[0, :, :, 0]
        array([[0., 1., 2.],
               [0., 0., 0.]], dtype=float32)
    """
    name = "zero_pad2d"
    return _core.zero_pad2d(float32_array(x, name, "x", ndim=4), explicit_sides(padding, name))


def zero_pad2d_backward(grad_output: ArrayLike, x: ArrayLike, padding: PaddingLike) -> FloatArray:
    """Gradient of `zero_pad2d` with respect to its input: the part over the image.

    Args:
        grad_output: gradient of the result, of the result's shape.
        x: the images that were padded; only their shape counts.
        padding: as in `zero_pad2d`.

    Raises:
        TypeError: as `zero_pad2d`.
        ValueError: as `zero_pad2d`, and if `grad_output` has not the result's shape.

    Example:
        >>> zero_pad2d_backward([[[[1.0], [2.0], [3.0]]]], [[[[0.0]]]], (0, 1))[0, 0, 0]
        array([2.], dtype=float32)
    """
    name = "zero_pad2d_backward"
    return _core.zero_pad2d_backward(
        float32_array(grad_output, name, "grad_output", ndim=4),
        explicit_sides(padding, name),
        image_shape(x, name),
    )
