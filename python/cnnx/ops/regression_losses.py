"""The losses of a difference, squared, absolute and Huber's, and their gradients."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, same_shapes
from cnnx.training.losses import check_delta


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


def mean_absolute_error(prediction: ArrayLike, target: ArrayLike) -> float:
    """Mean over all elements of ``abs(prediction - target)``.

    Args:
        prediction: array of any shape.
        target: array of the same shape.

    Raises:
        TypeError: if an argument is not of a real dtype.
        ValueError: if the shapes differ, or there is no element.

    Example:
        >>> mean_absolute_error([1.0, 2.0], [1.0, 4.0])
        1.0
    """
    output, wanted = same_shapes("mean_absolute_error", "prediction", prediction, "target", target)
    return _core.mean_absolute_error(output, wanted)


def mean_absolute_error_backward(prediction: ArrayLike, target: ArrayLike) -> FloatArray:
    """Gradient of `mean_absolute_error` with respect to the prediction.

    ``sign(prediction - target) / size``

    Args:
        prediction: as in `mean_absolute_error`.
        target: as in `mean_absolute_error`.

    Shape:
        Result of the shape of prediction.

    Raises:
        TypeError: as `mean_absolute_error`.
        ValueError: as `mean_absolute_error`.

    Example:
        >>> mean_absolute_error_backward([1.0, 2.0], [1.0, 4.0])
        array([ 0. , -0.5], dtype=float32)
    """
    name = "mean_absolute_error_backward"
    output, wanted = same_shapes(name, "prediction", prediction, "target", target)
    return _core.mean_absolute_error_backward(output, wanted)


def huber(prediction: ArrayLike, target: ArrayLike, *, delta: float = 1.0) -> float:
    """Mean over all elements of Huber's loss of ``d = prediction - target``.

    ``d**2 / 2`` where ``abs(d) <= delta``, else ``delta * (abs(d) - delta / 2)``.

    Args:
        prediction: array of any shape.
        target: array of the same shape.
        delta: where the parabola becomes a straight line.

    Raises:
        TypeError: if an argument is not of a real dtype.
        ValueError: if the shapes differ, there is no element, or delta is not above 0.

    Example:
        >>> huber([1.0, 2.0], [1.5, 4.0])
        0.8125

    References:
        Huber: Robust estimation of a location parameter, 1964.
    """
    output, wanted = same_shapes("huber", "prediction", prediction, "target", target)
    return _core.huber(output, wanted, check_delta(delta, "huber"))


def huber_backward(prediction: ArrayLike, target: ArrayLike, *, delta: float = 1.0) -> FloatArray:
    """Gradient of `huber` with respect to the prediction.

    ``clip(prediction - target, -delta, delta) / size``

    Args:
        prediction: as in `huber`.
        target: as in `huber`.
        delta: as in `huber`.

    Shape:
        Result of the shape of prediction.

    Raises:
        TypeError: as `huber`.
        ValueError: as `huber`.

    Example:
        >>> huber_backward([1.0, 2.0], [1.5, 4.0])
        array([-0.25, -0.5 ], dtype=float32)
    """
    output, wanted = same_shapes("huber_backward", "prediction", prediction, "target", target)
    return _core.huber_backward(output, wanted, check_delta(delta, "huber_backward"))
