"""2-D upsampling by an integer factor, forward and backward."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, PairLike, float32_array, image_shape, one_of, pair

MODES = ("nearest", "bilinear")


def upsample2d(x: ArrayLike, scale_factor: PairLike, *, mode: str = "nearest") -> FloatArray:
    """2-D upsampling of NHWC images by an integer factor.

    Args:
        x: images.
        scale_factor: an integer or (height, width).
        mode: "nearest" or "bilinear". In bilinear mode output pixel i samples the input at
            ``(i + 1/2) / scale - 1/2``, clamped to the border (PyTorch's align_corners=False).

    Shape:
        x (batch, height, width, channels); result (batch, height * scale, width * scale, channels).

    Raises:
        TypeError: if `x` is not of a real dtype, or the factor is not an integer or a pair.
        ValueError: if `x` does not have four axes, a factor is not positive, or `mode` is unknown.

    Example:
        >>> x = [[[[0.0], [4.0]]]]
        >>> upsample2d(x, (1, 2))[0, 0, :, 0]
        array([0., 0., 4., 4.], dtype=float32)
        >>> upsample2d(x, (1, 2), mode="bilinear")[0, 0, :, 0]
        array([0., 1., 3., 4.], dtype=float32)
    """
    name = "upsample2d"
    x = float32_array(x, name, "x", ndim=4)
    return _core.run_op(name, _settings(name, scale_factor, mode), x)


def upsample2d_backward(
    grad_output: ArrayLike, x: ArrayLike, scale_factor: PairLike, *, mode: str = "nearest"
) -> FloatArray:
    """Gradient of `upsample2d` with respect to its input.

    Args:
        grad_output: gradient of the result, of the result's shape.
        x: as in `upsample2d`; only its shape is used.
        scale_factor: as in `upsample2d`.
        mode: as in `upsample2d`.

    Shape:
        Result of the shape of x.

    Raises:
        TypeError: as `upsample2d`.
        ValueError: as `upsample2d`, and if the shape of `grad_output` is not the result's.

    Example:
        >>> grad_output = [[[[1.0], [2.0], [3.0], [4.0]]]]
        >>> upsample2d_backward(grad_output, [[[[0.0], [4.0]]]], (1, 2))[0, 0, :, 0]
        array([3., 7.], dtype=float32)
    """
    name = "upsample2d_backward"
    grad = float32_array(grad_output, name, "grad_output", ndim=4)
    settings = _settings(name, scale_factor, mode)
    return _core.run_op_backward("upsample2d", settings, grad, image_shape(x, name))[0]


def _settings(function: str, scale_factor: PairLike, mode: str) -> dict[str, Any]:
    return {
        "scale_factor": pair(scale_factor, function, "scale_factor"),
        "mode": one_of(mode, MODES, function, "mode"),
    }
