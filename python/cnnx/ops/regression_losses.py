"""Regression losses: mean squared error, mean absolute error, Huber, and their gradients."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, above_zero, same_shapes
from cnnx.spelling import checked_call


@checked_call
def mean_squared_error(prediction: ArrayLike, target: ArrayLike) -> float:
    """Mean squared error: the mean of ``(prediction - target)**2`` over all elements.

    Args:
        prediction: array of any shape.
        target: array of the same shape.

    Raises:
        TypeError: if an argument is not of a real dtype.
        ValueError: if the shapes differ, or the arrays are empty.

    Example:
        >>> mean_squared_error([1.0, 2.0], [1.0, 4.0])
        2.0
    """
    output, expected = same_shapes("mean_squared_error", "prediction", prediction, "target", target)
    return _core.mean_squared_error(output, expected)


@checked_call
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
    output, expected = same_shapes(name, "prediction", prediction, "target", target)
    return _core.mean_squared_error_backward(output, expected)


@checked_call
def mean_absolute_error(prediction: ArrayLike, target: ArrayLike) -> float:
    """Mean absolute error: the mean of ``abs(prediction - target)`` over all elements.

    Args:
        prediction: array of any shape.
        target: array of the same shape.

    Raises:
        TypeError: if an argument is not of a real dtype.
        ValueError: if the shapes differ, or the arrays are empty.

    Example:
        >>> mean_absolute_error([1.0, 2.0], [1.0, 4.0])
        1.0
    """
    output, expected = same_shapes(
        "mean_absolute_error", "prediction", prediction, "target", target
    )
    return _core.mean_absolute_error(output, expected)


@checked_call
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
    output, expected = same_shapes(name, "prediction", prediction, "target", target)
    return _core.mean_absolute_error_backward(output, expected)


@checked_call
def huber(prediction: ArrayLike, target: ArrayLike, *, delta: float = 1.0) -> float:
    """Huber loss: the mean over all elements of a function of ``d = prediction - target``.

    It is ``d**2 / 2`` where ``abs(d) <= delta``, and ``delta * (abs(d) - delta / 2)`` elsewhere.

    Args:
        prediction: array of any shape.
        target: array of the same shape.
        delta: threshold between the quadratic and the linear part, above 0.

    Raises:
        TypeError: if an argument is not of a real dtype.
        ValueError: if the shapes differ, the arrays are empty, or delta is not above 0.

    Example:
        >>> huber([1.0, 2.0], [1.5, 4.0])
        0.8125

    References:
        Huber: Robust estimation of a location parameter, 1964.
    """
    output, expected = same_shapes("huber", "prediction", prediction, "target", target)
    return _core.huber(output, expected, above_zero(delta, "huber", "delta"))


@checked_call
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
    output, expected = same_shapes("huber_backward", "prediction", prediction, "target", target)
    return _core.huber_backward(output, expected, above_zero(delta, "huber_backward", "delta"))
