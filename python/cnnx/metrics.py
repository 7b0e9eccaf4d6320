"""Classification metrics: top-k accuracy and the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.arguments import is_integer, real_array, rectangular_array, shown
from cnnx.batch_arguments import class_labels
from cnnx.spelling import checked_call

__all__ = ["confusion_matrix", "top_k_accuracy"]


@checked_call
def top_k_accuracy(outputs: ArrayLike, labels: ArrayLike, *, k: int = 5) -> float:
    """Fraction of rows whose label is among the k largest outputs; ties go to the lower index.

    Args:
        outputs: logits or probabilities.
        labels: true classes, integers.
        k: number of top classes; 1 is plain accuracy.

    Shape:
        outputs (rows, classes), labels (rows,).

    Raises:
        TypeError: if outputs or labels are not numbers.
        ValueError: if a shape, a label or k is out of range, or an output is NaN.

    Example:
        >>> top_k_accuracy([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], [2, 1], k=2)
        0.5
    """
    scores = real_array(outputs, "top_k_accuracy", "outputs")
    if scores.ndim != 2:
        raise ValueError(f"top_k_accuracy: outputs has shape {scores.shape}, expected 2 axes")
    rows, classes = scores.shape
    if rows == 0:
        raise ValueError("top_k_accuracy: outputs holds no rows, expected at least one")
    if np.isnan(scores).any():
        raise ValueError("top_k_accuracy: outputs holds NaN, expected numbers")
    if not is_integer(k) or not 1 <= k <= classes:
        raise ValueError(
            f"top_k_accuracy: k is {shown(k)}, expected an integer from 1 to {classes}"
        )
    indices = class_labels(labels, rows, [], classes, "top_k_accuracy")
    return float((label_ranks(scores, indices) < k).mean())


def label_ranks(scores: NDArray[Any], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of classes that score higher than the label in each row; of ties the lower ones."""
    own = np.take_along_axis(scores, labels[:, np.newaxis], axis=1)
    before = np.arange(scores.shape[1]) < labels[:, np.newaxis]
    better = (scores > own) | ((scores == own) & before)
    return np.asarray(better.sum(axis=1), np.int64)


@checked_call
def confusion_matrix(
    labels: ArrayLike, predicted: ArrayLike, *, classes: int | Sequence[str]
) -> NDArray[np.int64]:
    """Confusion matrix: counts with true classes as rows and predicted classes as columns.

    Args:
        labels: true classes, integers or names.
        predicted: predicted classes, as returned by `Model.predict`.
        classes: number of classes, or their names in order.

    Shape:
        labels and predicted (rows,); result (classes, classes).

    Raises:
        TypeError: if classes is neither a number nor names.
        ValueError: if the two differ in length, or contain a value that is not a class.

    Example:
        >>> confusion_matrix(["X", "O", "X"], ["X", "X", "X"], classes=["X", "O"])
        array([[2, 0],
               [1, 0]])
    """
    if is_integer(classes):
        names: Sequence[str] = ()
        count = int(classes)  # type: ignore[arg-type]
    elif (
        isinstance(classes, Sequence)
        and not isinstance(classes, str)
        and all(isinstance(name, str) for name in classes)
    ):
        names, count = classes, len(classes)
    else:
        raise TypeError(
            f"confusion_matrix: classes is {shown(classes)}, expected their number or names"
        )
    if count < 1:
        raise ValueError(f"confusion_matrix: classes is {shown(classes)}, expected at least one")
    labels = rectangular_array(labels, "confusion_matrix", "labels")
    predicted = rectangular_array(predicted, "confusion_matrix", "predicted")
    rows = labels.size
    expected = class_labels(labels, rows, names, count, "confusion_matrix: labels")
    actual = class_labels(predicted, rows, names, count, "confusion_matrix: predicted")
    counts = np.bincount(expected * count + actual, minlength=count * count)
    return counts.astype(np.int64).reshape(count, count)
