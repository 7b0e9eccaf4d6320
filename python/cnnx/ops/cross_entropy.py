"""Cross-entropy of one label or shares of the classes per row, on logits, and its gradient."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx import _core
from cnnx.arguments import FloatArray, float32_array, real_array
from cnnx.training.losses import check_label_smoothing


def label_array(value: ArrayLike, function: str) -> NDArray[np.int64]:
    """Labels as contiguous int64, from integers of any width or floats that are whole numbers.

    Raises:
        TypeError: if the dtype is not real.
        ValueError: if a label is fractional, NaN or infinite.
    """
    array = real_array(value, function, "labels")
    if array.dtype.kind == "f":
        whole = np.isfinite(array) & (array == np.floor(array))
        if not whole.all():
            at = tuple(int(index) for index in np.argwhere(~whole)[0])
            place = at[0] if len(at) == 1 else at
            raise ValueError(
                f"{function}: label {array[at]} at row {place} is not a whole number, "
                "expected class indices"
            )
    if array.dtype.kind == "f" or array.dtype == np.uint64:
        # What int64 cannot hold stays out of every range.
        array = np.clip(array, -(2**62), 2**62)
    return np.ascontiguousarray(array, dtype=np.int64)


def _targets(value: ArrayLike, function: str) -> NDArray[np.int64] | FloatArray:
    """Labels, or with two axes shares of the classes."""
    array = real_array(value, function, "labels")
    return (
        float32_array(array, function, "labels")
        if array.ndim == 2
        else label_array(array, function)
    )


def _weights(value: ArrayLike | None, function: str) -> FloatArray | None:
    return None if value is None else float32_array(value, function, "class_weights")


def cross_entropy(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    label_smoothing: float = 0.0,
    class_weights: ArrayLike | None = None,
) -> float:
    """Mean over rows of ``-sum over j of target[j] * log(softmax(logits)[j])``.

    The target is ``(1 - label_smoothing) * onehot(label) + label_smoothing / classes``; shares of
    the classes take the place of ``onehot(label)``. With class weights the j-th summand is
    multiplied by ``class_weights[j]``, and the rows' sum is not divided by their number but by the
    sum of ``class_weights[label]``, or of ``shares @ class_weights``; the loss is 0 when that is.

    Args:
        logits: raw outputs.
        labels: class indices, integers of any width; or shares of the classes, numbers >= 0 of
            which every row adds up to 1 within 0.001.
        label_smoothing: share of the target that is spread evenly over all classes, in [0, 1].
        class_weights: numbers >= 0.

    Shape:
        logits (rows, classes), labels (rows,) or (rows, classes), class_weights (classes,).

    Raises:
        TypeError: if an argument is not of a real dtype.
        ValueError: if the shapes do not fit, there is no row, a label is out of range or not whole,
            shares are negative or do not add up to 1, a weight is negative, or label_smoothing is
            not in [0, 1].

    Example:
        >>> round(cross_entropy([[0.0, 0.0], [0.0, 0.0]], [0, 1]), 4)
        0.6931
        >>> round(cross_entropy([[0.0, 0.0]], [[0.3, 0.7]]), 4)
        0.6931
    """
    name = "cross_entropy"
    return _core.cross_entropy(
        float32_array(logits, name, "logits"),
        _targets(labels, name),
        check_label_smoothing(label_smoothing, name),
        _weights(class_weights, name),
    )


def cross_entropy_backward(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    label_smoothing: float = 0.0,
    class_weights: ArrayLike | None = None,
) -> FloatArray:
    """Gradient of `cross_entropy` by the logits: ``(softmax(logits) - target) / rows`` without
    class weights.

    Args:
        logits: as in `cross_entropy`.
        labels: as in `cross_entropy`.
        label_smoothing: as in `cross_entropy`.
        class_weights: as in `cross_entropy`.

    Shape:
        Result of the shape of logits.

    Raises:
        TypeError: as `cross_entropy`.
        ValueError: as `cross_entropy`.

    Example:
        >>> cross_entropy_backward([[0.0, 0.0], [0.0, 0.0]], [0, 1])
        array([[-0.25,  0.25],
               [ 0.25, -0.25]], dtype=float32)
    """
    name = "cross_entropy_backward"
    return _core.cross_entropy_backward(
        float32_array(logits, name, "logits"),
        _targets(labels, name),
        check_label_smoothing(label_smoothing, name),
        _weights(class_weights, name),
    )
