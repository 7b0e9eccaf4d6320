"""A trained array for every image, forward and backward."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, float32_array
from cnnx.spelling import checked_call


@checked_call
def parameter(x: ArrayLike, weight: ArrayLike) -> FloatArray:
    """The same array for every image: ``output[image] = weight``.

    Args:
        x: images or features, of which only their number is read.
        weight: array that is copied.

    Shape:
        x (batch, ...), weight (height, width, channels), result (batch, height, width, channels).

    Raises:
        TypeError: if an array is not of a real dtype.
        ValueError: if `weight` has not three axes, or `x` has no batch axis.

    Example:
        >>> parameter([[5.0], [6.0]], [[[1.0, 2.0]]])
        array([[[[1., 2.]]],
        <BLANKLINE>
        <BLANKLINE>
               [[[1., 2.]]]], dtype=float32)
    """
    name = "parameter"
    array = float32_array(weight, name, "weight")
    return _core.run_op(name, _settings(array, name), float32_array(x, name, "x"), [array])


@checked_call
def parameter_backward(
    grad_output: ArrayLike, x: ArrayLike, weight: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Gradients of `parameter` with respect to its input and weight.

    Args:
        grad_output: gradient of the output, of the output's shape.
        x: as in `parameter`.
        weight: as in `parameter`.

    Returns:
        (grad_input, grad_weight): zeros, and the sum of `grad_output` over the images.

    Raises:
        TypeError: as `parameter`.
        ValueError: as `parameter`, and if the shape of `grad_output` is not that of the output.

    Example:
        >>> parameter_backward([[[[1.0, 2.0]]], [[[10.0, 20.0]]]], [[5.0], [6.0]], [[[0.5, 0.5]]])
        (array([[0.],
               [0.]], dtype=float32), array([[[11., 22.]]], dtype=float32))
    """
    name = "parameter_backward"
    array = float32_array(weight, name, "weight")
    grad_input, grad_weight = _core.run_op_backward(
        "parameter",
        _settings(array, name),
        float32_array(grad_output, name, "grad_output"),
        float32_array(x, name, "x"),
        [array],
    )
    return grad_input, grad_weight


def _settings(weight: FloatArray, function: str) -> dict[str, object]:
    if weight.ndim != 3 or weight.size == 0:
        raise ValueError(
            f"{function}: weight has shape {weight.shape}, expected (height, width, channels)"
        )
    return {"size": [*weight.shape[:2]], "channels": weight.shape[2]}
