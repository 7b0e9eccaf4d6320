"""Channels to blocks of pixels and back, forward and backward."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import BLOCK_MODES, FloatArray, float32_array, image_shape, integer, one_of
from cnnx.spelling import checked_call


@checked_call
def depth_to_space(x: ArrayLike, block_size: int, *, mode: str = "DCR") -> FloatArray:
    """Channels of NHWC images as blocks of pixels, also called pixel shuffle.

    Args:
        x: images.
        block_size: height and width of a block.
        mode: order of the channels of `x`: "DCR" is row, column, channel, and "CRD" is channel,
            row, column, as in PyTorch's pixel_shuffle.

    Shape:
        x (batch, height, width, channels); result (batch, height * block_size, width * block_size,
        channels / block_size**2).

    Raises:
        TypeError: if `x` is not of a real dtype, or `block_size` is not an integer.
        ValueError: if `x` does not have four axes, ``block_size**2`` does not divide the channels,
            or `mode` is unknown.

    Example:
        >>> depth_to_space([[[[1.0, 2.0, 3.0, 4.0]]]], 2)[0, :, :, 0]
        array([[1., 2.],
               [3., 4.]], dtype=float32)

    References:
        Shi et al.: Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
        Convolutional Neural Network, 2016.
    """
    return _forward("depth_to_space", x, block_size, mode)


@checked_call
def depth_to_space_backward(
    grad_output: ArrayLike, x: ArrayLike, block_size: int, *, mode: str = "DCR"
) -> FloatArray:
    """Gradient of `depth_to_space` with respect to its input: `space_to_depth` of `grad_output`.

    Args:
        grad_output: gradient of the result, of the result's shape.
        x: as in `depth_to_space`; only its shape is used.
        block_size: as in `depth_to_space`.
        mode: as in `depth_to_space`.

    Shape:
        Result of the shape of x.

    Raises:
        TypeError: as `depth_to_space`.
        ValueError: as `depth_to_space`, and if the shape of `grad_output` is not the result's.

    Example:
        >>> grad_output = [[[[1.0], [2.0]], [[3.0], [4.0]]]]
        >>> depth_to_space_backward(grad_output, [[[[0.0, 0.0, 0.0, 0.0]]]], 2)[0, 0, 0]
        array([1., 2., 3., 4.], dtype=float32)
    """
    return _backward("depth_to_space", grad_output, x, block_size, mode)


@checked_call
def space_to_depth(x: ArrayLike, block_size: int, *, mode: str = "DCR") -> FloatArray:
    """Blocks of pixels of NHWC images as channels: the inverse of `depth_to_space`.

    Args:
        x: images.
        block_size: height and width of a block, divisors of the image's.
        mode: order of the channels of the result, as in `depth_to_space`; "CRD" as in PyTorch's
            pixel_unshuffle.

    Shape:
        x (batch, height, width, channels); result (batch, height / block_size, width / block_size,
        channels * block_size**2).

    Raises:
        TypeError: if `x` is not of a real dtype, or `block_size` is not an integer.
        ValueError: if `x` does not have four axes, `block_size` does not divide height and width,
            or `mode` is unknown.

    Example:
        >>> space_to_depth([[[[1.0], [2.0]], [[3.0], [4.0]]]], 2)[0, 0, 0]
        array([1., 2., 3., 4.], dtype=float32)
    """
    return _forward("space_to_depth", x, block_size, mode)


@checked_call
def space_to_depth_backward(
    grad_output: ArrayLike, x: ArrayLike, block_size: int, *, mode: str = "DCR"
) -> FloatArray:
    """Gradient of `space_to_depth` with respect to its input: `depth_to_space` of `grad_output`.

    Args:
        grad_output: gradient of the result, of the result's shape.
        x: as in `space_to_depth`; only its shape is used.
        block_size: as in `space_to_depth`.
        mode: as in `space_to_depth`.

    Shape:
        Result of the shape of x.

    Raises:
        TypeError: as `space_to_depth`.
        ValueError: as `space_to_depth`, and if the shape of `grad_output` is not the result's.

    Example:
        >>> x = [[[[0.0], [0.0]], [[0.0], [0.0]]]]
        >>> space_to_depth_backward([[[[1.0, 2.0, 3.0, 4.0]]]], x, 2)[0, :, :, 0]
        array([[1., 2.],
               [3., 4.]], dtype=float32)
    """
    return _backward("space_to_depth", grad_output, x, block_size, mode)


def _forward(name: str, x: ArrayLike, block_size: int, mode: str) -> FloatArray:
    x = float32_array(x, name, "x", ndim=4)
    return _core.run_op(name, _settings(name, block_size, mode), x)


def _backward(
    name: str, grad_output: ArrayLike, x: ArrayLike, block_size: int, mode: str
) -> FloatArray:
    function = f"{name}_backward"
    grad = float32_array(grad_output, function, "grad_output", ndim=4)
    settings = _settings(function, block_size, mode)
    return _core.run_op_backward(name, settings, grad, image_shape(x, function))[0]


def _settings(function: str, block_size: int, mode: str) -> dict[str, Any]:
    return {
        "block_size": integer(block_size, function, "block_size"),
        "mode": one_of(mode, BLOCK_MODES, function, "mode"),
    }
