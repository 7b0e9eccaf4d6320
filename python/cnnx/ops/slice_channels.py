"""Slices of channels, forward and backward."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, float32_array, image_shape, integer
from cnnx.spelling import checked_call


@checked_call
def slice_channels(x: ArrayLike, start: int, stop: int) -> FloatArray:
    """Some successive channels, ``x[..., start:stop]``.

    Args:
        x: array of at least two axes, the last one the channels.
        start: first channel, from 0.
        stop: end of the channels, not included.

    Shape:
        x (batch, ..., channels); result (batch, ..., stop - start).

    Raises:
        TypeError: if `x` is not of a real dtype, or `start` or `stop` is not an integer.
        ValueError: if `x` has fewer than two axes, or not 0 <= start < stop <= channels.

    Example:
        >>> slice_channels([[0.0, 1.0, 2.0, 3.0]], 1, 3)
        array([[1., 2.]], dtype=float32)
    """
    name = "slice_channels"
    return _core.run_op(name, _settings(name, start, stop), float32_array(x, name, "x"))


@checked_call
def slice_channels_backward(
    grad_output: ArrayLike, x: ArrayLike, start: int, stop: int
) -> FloatArray:
    """Gradient of `slice_channels` with respect to its input: 0 in the other channels.

    Args:
        grad_output: gradient of the result, of the result's shape.
        x: as in `slice_channels`; only its shape is used.
        start: as in `slice_channels`.
        stop: as in `slice_channels`.

    Shape:
        Result of the shape of x.

    Raises:
        TypeError: as `slice_channels`.
        ValueError: as `slice_channels`, and if the shape of `grad_output` is not the result's.

    Example:
        >>> slice_channels_backward([[7.0, 8.0]], [[0.0, 0.0, 0.0, 0.0]], 1, 3)
        array([[0., 7., 8., 0.]], dtype=float32)
    """
    name = "slice_channels_backward"
    grad = float32_array(grad_output, name, "grad_output")
    settings = _settings(name, start, stop)
    return _core.run_op_backward("slice_channels", settings, grad, image_shape(x, name))[0]


def _settings(function: str, start: int, stop: int) -> dict[str, Any]:
    return {
        "start": integer(start, function, "start"),
        "stop": integer(stop, function, "stop"),
    }
