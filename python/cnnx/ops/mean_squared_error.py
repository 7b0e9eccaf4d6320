"""Mean squared error and its gradient."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, same_shapes


def mean_squared_error(prediction: ArrayLike, target: ArrayLike) -> float:
    """Mean over all elements of ``(prediction - target)**2``.

    Args:
        prediction: array of any shape.
        target: array of the same shape.

    Raises:
        TypeError: if an argument is not of a real dtype.
        ValueError: if the shapes differ, or there is no element.

    Example:
        >>> mean_squared_error([1.0, 2.0], [1.0, 4.0])
        2.0
    """
    output, wanted = same_shapes("mean_squared_error", "prediction", prediction, "target", target)
    return _core.mean_squared_error(output, wanted)


def mean_squared_error_backward(prediction: ArrayLike, target: ArrayLike) -> FloatArray:
    """Gradient of `mean_squared_error` with respect to the prediction.

    ``2 * (prediction - target) / size``

    Args:
        prediction: as in `mean_squared_error`.
        target: as in `mean_squared_error`.

    Shape:
        Result of the shape of prediction.

    Raises:
        TypeError: as `mean_squared_error`.
        ValueError: as `mean_squared_error`.

    Example:
        >>> mean_squared_error_backward([1.0, 2.0], [1.0, 4.0])
        array([ 0., -2.], dtype=float32)
    """
    name = "mean_squared_error_backward"
    output, wanted = same_shapes(name, "prediction", prediction, "target", target)
    return _core.mean_squared_error_backward(output, wanted)
