"""Channel shuffle, forward and backward."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, float32_array, image_shape, integer
from cnnx.spelling import checked_call


@checked_call
def channel_shuffle(x: ArrayLike, groups: int) -> FloatArray:
    """Interleaving of the channels of groups along the last axis.

    ``result[..., j * groups + g] = x[..., g * (channels / groups) + j]``

    Args:
        x: array of at least two axes, the last one the channels.
        groups: number of groups, a divisor of the channels.

    Shape:
        x (batch, ..., channels); result the same.

    Raises:
        TypeError: if `x` is not of a real dtype, or `groups` is not an integer.
        ValueError: if `x` has fewer than two axes, or `groups` does not divide the channels.

    Example:
        >>> channel_shuffle([[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]], 2)
        array([[0., 3., 1., 4., 2., 5.]], dtype=float32)

    References:
        Zhang et al.: ShuffleNet, 2017.
    """
    name = "channel_shuffle"
    settings = {"groups": integer(groups, name, "groups")}
    return _core.run_op(name, settings, float32_array(x, name, "x"))


@checked_call
def channel_shuffle_backward(grad_output: ArrayLike, x: ArrayLike, groups: int) -> FloatArray:
    """Gradient of `channel_shuffle` with respect to its input: the channels put back.

    Args:
        grad_output: gradient of the result, of the result's shape.
        x: as in `channel_shuffle`; only its shape is used.
        groups: as in `channel_shuffle`.

    Shape:
        Result of the shape of x.

    Raises:
        TypeError: as `channel_shuffle`.
        ValueError: as `channel_shuffle`, and if the shape of `grad_output` is not the result's.

    Example:
        >>> channel_shuffle_backward([[0.0, 2.0, 1.0, 3.0]], [[0.0, 0.0, 0.0, 0.0]], 2)
        array([[0., 1., 2., 3.]], dtype=float32)
    """
    name = "channel_shuffle_backward"
    grad = float32_array(grad_output, name, "grad_output")
    settings = {"groups": integer(groups, name, "groups")}
    return _core.run_op_backward("channel_shuffle", settings, grad, image_shape(x, name))[0]
