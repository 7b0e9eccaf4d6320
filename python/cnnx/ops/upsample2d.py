"""2-D upsampling by an integer factor or to any size, forward and backward."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import (
    UPSAMPLE_MODES,
    FloatArray,
    PairLike,
    boolean,
    float32_array,
    image_shape,
    one_of,
    pair,
)
from cnnx.spelling import checked_call


@checked_call
def upsample2d(
    x: ArrayLike,
    scale_factor: PairLike = 1,
    *,
    size: PairLike | None = None,
    mode: str = "nearest",
    align_corners: bool = False,
) -> FloatArray:
    """2-D upsampling of NHWC images by an integer factor, or resampling to any size.

    Args:
        x: images.
        scale_factor: an integer or (height, width).
        size: height and width of the result, an integer or (height, width), instead of a factor.
        mode: "nearest" or "bilinear". In nearest mode output pixel i is input pixel ``floor(i * in
            / out)``. In bilinear mode it samples the input at ``(i + 1/2) * in / out - 1/2``,
            clamped to the border.
        align_corners: in bilinear mode, whether output pixel i samples the input at ``i * (in - 1)
            / (out - 1)`` instead.

    Shape:
        x (batch, height, width, channels); result (batch, height * scale, width * scale, channels)
        or (batch, out_height, out_width, channels) with `size`.

    Raises:
        TypeError: if `x` is not of a real dtype, or the factor or the size is not an integer or a
            pair.
        ValueError: if `x` does not have four axes, a factor is not positive, both a factor and a
            size are given, `mode` is unknown, or `align_corners` is given in nearest mode.

    Example:
        >>> x = [[[[0.0], [4.0]]]]
        >>> upsample2d(x, (1, 2))[0, 0, :, 0]
        array([0., 0., 4., 4.], dtype=float32)
        >>> upsample2d(x, (1, 2), mode="bilinear")[0, 0, :, 0]
        array([0., 1., 3., 4.], dtype=float32)
        >>> upsample2d(x, size=(1, 5), mode="bilinear", align_corners=True)[0, 0, :, 0]
        array([0., 1., 2., 3., 4.], dtype=float32)
    """
    name = "upsample2d"
    x = float32_array(x, name, "x", ndim=4)
    return _core.run_op(name, _settings(name, scale_factor, size, mode, align_corners), x)


@checked_call
def upsample2d_backward(
    grad_output: ArrayLike,
    x: ArrayLike,
    scale_factor: PairLike = 1,
    *,
    size: PairLike | None = None,
    mode: str = "nearest",
    align_corners: bool = False,
) -> FloatArray:
    """Gradient of `upsample2d` with respect to its input.

    Args:
        grad_output: gradient of the result, of the result's shape.
        x: as in `upsample2d`; only its shape is used.
        scale_factor: as in `upsample2d`.
        size: as in `upsample2d`.
        mode: as in `upsample2d`.
        align_corners: as in `upsample2d`.

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
    settings = _settings(name, scale_factor, size, mode, align_corners)
    return _core.run_op_backward("upsample2d", settings, grad, image_shape(x, name))[0]


def _settings(
    function: str,
    scale_factor: PairLike,
    size: PairLike | None,
    mode: str,
    align_corners: bool,
) -> dict[str, Any]:
    return {
        "scale_factor": pair(scale_factor, function, "scale_factor"),
        "size": [0, 0] if size is None else pair(size, function, "size"),
        "mode": one_of(mode, UPSAMPLE_MODES, function, "mode"),
        "align_corners": boolean(align_corners, function, "align_corners"),
    }
