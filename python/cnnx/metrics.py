"""Measures of what a model answers: how often it is right, and what it takes for what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.arguments import class_labels, float32_array, is_integer, shown

__all__ = ["confusion_matrix", "top_k_accuracy"]


def top_k_accuracy(outputs: ArrayLike, labels: ArrayLike, *, k: int = 5) -> float:
    """The share of rows whose label is among the k largest outputs; of equal ones the first wins.

    Args:
        outputs: what a model gives: logits or probabilities.
        labels: the true classes, integers.
        k: how many answers count; 1 is plain accuracy.

    Shape:
        outputs (rows, classes), labels (rows,).

    Raises:
        TypeError: if outputs or labels are no numbers.
        ValueError: if a shape, a label or k does not fit, or an output is NaN.

    Example:
        >>> top_k_accuracy([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], [2, 1], k=2)
        0.5
    """
    scores = float32_array(outputs, "top_k_accuracy", "outputs", ndim=2)
    rows, classes = scores.shape
    if rows == 0:
        raise ValueError("top_k_accuracy: outputs holds no rows, expected at least one")
    if np.isnan(scores).any():
        raise ValueError("top_k_accuracy: outputs holds NaN, expected numbers")
    if not is_integer(k) or not 1 <= k <= classes:
        raise ValueError(f"top_k_accuracy: k is {k!r}, expected an integer from 1 to {classes}")
    indices = class_labels(labels, rows, [], classes, "top_k_accuracy")
    own = np.take_along_axis(scores, indices[:, np.newaxis], axis=1)
    before = np.arange(classes) < indices[:, np.newaxis]
    better = (scores > own) | ((scores == own) & before)
    return float((better.sum(axis=1) < k).mean())


def confusion_matrix(
    labels: ArrayLike, predicted: ArrayLike, *, classes: int | Sequence[str]
) -> NDArray[np.int64]:
    """Counts: the row says what the images are, the column what the model said.

    Args:
        labels: the true classes, integers or names.
        predicted: the model's answers, as `Model.predict` gives them.
        classes: how many there are, or their names in order.

    Shape:
        labels and predicted (rows,); result (classes, classes).

    Raises:
        TypeError: if classes is neither a number nor names.
        ValueError: if the two are of different lengths, or hold something that is no class.

    Example:
        >>> confusion_matrix(["X", "O", "X"], ["X", "X", "X"], classes=["X", "O"])
        array([[2, 0],
               [1, 0]])
    """
    if is_integer(classes):
        names: Sequence[str] = ()
        count = int(classes)  # type: ignore[arg-type]
    elif isinstance(classes, Sequence) and not isinstance(classes, str):
        names, count = classes, len(classes)
    else:
        raise TypeError(
            f"confusion_matrix: classes is {shown(classes)}, expected their number or names"
        )
    if count < 1:
        raise ValueError(f"confusion_matrix: classes is {shown(classes)}, expected at least one")
    rows = np.size(np.asarray(labels))
    true = class_labels(labels, rows, names, count, "confusion_matrix: labels")
    said = class_labels(predicted, rows, names, count, "confusion_matrix: predicted")
    counts = np.bincount(true * count + said, minlength=count * count)
    return counts.astype(np.int64).reshape(count, count)
