"""2-D padding with the image's own pixels, forward and backward."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import (
    PAD_MODES,
    FloatArray,
    PaddingLike,
    explicit_sides,
    float32_array,
    image_shape,
    one_of,
)
from cnnx.spelling import checked_call


@checked_call
def pad2d(x: ArrayLike, padding: PaddingLike, *, mode: str = "reflect") -> FloatArray:
    """2-D padding of NHWC images with their own pixels.

    Args:
        x: images.
        padding: an integer, (height, width) or ((top, bottom), (left, right)), each >= 0.
        mode: "reflect" mirrors the image at its first and last pixels, without repeating them, so
            that the padding must be smaller than the image; "edge" repeats them.

    Shape:
        x (batch, height, width, channels); result (batch, top + height + bottom, left + width +
        right, channels).

    Raises:
        TypeError: if `x` is not of a real dtype, or `padding` is not of integers.
        ValueError: if `x` does not have four axes, a side is negative or too large, or `mode` is
            unknown.

    Example:
        >>> x = [[[[1.0], [2.0], [3.0]]]]
        >>> pad2d(x, (0, 2))[0, 0, :, 0]
        array([3., 2., 1., 2., 3., 2., 1.], dtype=float32)
        >>> pad2d(x, (0, 2), mode="edge")[0, 0, :, 0]
        array([1., 1., 1., 2., 3., 3., 3.], dtype=float32)
    """
    name = "pad2d"
    x = float32_array(x, name, "x", ndim=4)
    return _core.run_op(name, _settings(name, padding, mode), x)


@checked_call
def pad2d_backward(
    grad_output: ArrayLike, x: ArrayLike, padding: PaddingLike, *, mode: str = "reflect"
) -> FloatArray:
    """Gradient of `pad2d` with respect to its input: the sum over the places of each pixel.

    Args:
        grad_output: gradient of the result, of the result's shape.
        x: as in `pad2d`; only its shape is used.
        padding: as in `pad2d`.
        mode: as in `pad2d`.

    Shape:
        Result of the shape of x.

    Raises:
        TypeError: as `pad2d`.
        ValueError: as `pad2d`, and if the shape of `grad_output` is not the result's.

    Example:
        >>> grad_output = [[[[1.0], [2.0], [3.0], [4.0]]]]
        >>> pad2d_backward(grad_output, [[[[0.0], [0.0]]]], (0, 1), mode="edge")[0, 0, :, 0]
        array([3., 7.], dtype=float32)
    """
    name = "pad2d_backward"
    grad = float32_array(grad_output, name, "grad_output", ndim=4)
    settings = _settings(name, padding, mode)
    return _core.run_op_backward("pad2d", settings, grad, image_shape(x, name))[0]


def _settings(function: str, padding: PaddingLike, mode: str) -> dict[str, Any]:
    return {
        "padding": explicit_sides(padding, function),
        "mode": one_of(mode, PAD_MODES, function, "mode"),
    }
