"""Enlarging images by a whole factor, forward and backward."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, PairLike, float32_array, image_shape, one_of, pair

MODES = ("nearest", "bilinear")


def upsample2d(x: ArrayLike, scale_factor: PairLike, *, mode: str = "nearest") -> FloatArray:
    """Images `scale_factor` times as high and wide.

    Args:
        x: images.
        scale_factor: an integer or (height, width).
        mode: "nearest" repeats every pixel; "bilinear" mixes the four around a place, where output
            pixel i lies at ``(i + 1/2) / scale - 1/2`` of the input (PyTorch's
            align_corners=False), or at the border beyond it.

    Shape:
        x (batch, height, width, channels); result (batch, height * scale, width * scale, channels).

    Raises:
        TypeError: if `x` is not of a real dtype, or the factor is not made of integers.
        ValueError: if `x` has not four axes, a factor is not positive, or `mode` is unknown.

    Example:
        >>> x = [[[[0.0], [4.0]]]]
        >>> upsample2d(x, (1, 2))[0, 0, :, 0]
        array([0., 0., 4., 4.], dtype=float32)
        >>> upsample2d(x, (1, 2), mode="bilinear")[0, 0, :, 0]
        array([0., 1., 3., 4.], dtype=float32)
    """
    name = "upsample2d"
    return _core.upsample2d(
        float32_array(x, name, "x", ndim=4),
        pair(scale_factor, name, "scale_factor"),
        one_of(mode, MODES, name, "mode") == "bilinear",
    )


def upsample2d_backward(
    grad_output: ArrayLike, x: ArrayLike, scale_factor: PairLike, *, mode: str = "nearest"
) -> FloatArray:
    """Gradient of `upsample2d` with respect to its input.

    Args:
        grad_output: gradient of the result, of the result's shape.
        x: the images that were enlarged; only their shape counts.
        scale_factor: as in `upsample2d`.
        mode: as in `upsample2d`.

    Raises:
        TypeError: as `upsample2d`.
        ValueError: as `upsample2d`, and if `grad_output` has not the result's shape.

    Example:
        >>> grad_output = [[[[1.0], [2.0], [3.0], [4.0]]]]
        >>> upsample2d_backward(grad_output, [[[[0.0], [4.0]]]], (1, 2))[0, 0, :, 0]
        array([3., 7.], dtype=float32)
    """
    name = "upsample2d_backward"
    return _core.upsample2d_backward(
        float32_array(grad_output, name, "grad_output", ndim=4),
        pair(scale_factor, name, "scale_factor"),
        one_of(mode, MODES, name, "mode") == "bilinear",
        image_shape(x, name),
    )
