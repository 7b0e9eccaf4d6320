"""Cross-entropy of logits against labels or soft labels, and its gradient."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx import _core
from cnnx.arguments import FloatArray, float32_array, real_array
from cnnx.spelling import checked_call
from cnnx.training.losses import check_label_smoothing


@checked_call
def label_array(value: ArrayLike, function: str) -> NDArray[np.int64]:
    """Labels as contiguous int64, from integers of any width or whole-number floats.

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
        # Values beyond int64 become values outside every class range.
        array = np.clip(array, -(2**62), 2**62)
    return np.ascontiguousarray(array, dtype=np.int64)


def _targets(value: ArrayLike, function: str) -> NDArray[np.int64] | FloatArray:
    """Labels, or soft labels if the array has two axes."""
    array = real_array(value, function, "labels")
    return (
        float32_array(array, function, "labels")
        if array.ndim == 2
        else label_array(array, function)
    )


def _weights(value: ArrayLike | None, function: str) -> FloatArray | None:
    return None if value is None else float32_array(value, function, "class_weights")


@checked_call
def cross_entropy(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    label_smoothing: float = 0.0,
    class_weights: ArrayLike | None = None,
) -> float:
    """Cross-entropy: the mean over rows of ``-sum over j of target[j] * log(softmax(logits)[j])``.

    The target is ``(1 - label_smoothing) * onehot(label) + label_smoothing / classes``. Soft labels
    replace ``onehot(label)``. With class weights the j-th term is multiplied by
    ``class_weights[j]``, and the divisor is the sum of ``class_weights[label]``, or of
    ``soft_labels @ class_weights``, instead of the number of rows. The loss is 0 if the divisor is
    0.

    Args:
        logits: raw outputs.
        labels: class indices, integers of any width; or soft labels, numbers >= 0 whose rows each
            add up to 1 within 0.001.
        label_smoothing: fraction of the target spread evenly over all classes, in [0, 1].
        class_weights: one number >= 0 per class, or None.

    Shape:
        logits (rows, classes), labels (rows,) or (rows, classes), class_weights (classes,).

    Raises:
        TypeError: if an argument is not of a real dtype.
        ValueError: if the shapes do not match, there are no rows, a label is out of range or not
            whole, soft labels are negative or do not add up to 1, a weight is negative, or
            label_smoothing is not in [0, 1].

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


@checked_call
def cross_entropy_backward(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    label_smoothing: float = 0.0,
    class_weights: ArrayLike | None = None,
) -> FloatArray:
    """Gradient of `cross_entropy` with respect to the logits.

    Without class weights it is ``(softmax(logits) - target) / rows``.

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
