"""Confident learning: labels that the predictions of networks trained without them contradict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.arguments import one_of, real_array, shown
from cnnx.batch_arguments import class_labels
from cnnx.spelling import checked_call

_SUM_TOLERANCE = 1e-3  # of a row of probabilities in float32


@dataclass(frozen=True)
class LabelIssues:
    """Images with suspect labels, the most suspect first.

    Attributes:
        rows: (count,) positions of the images.
        suggested: (count,) class that the predictions suggest instead of the label.
        scores: (count,) quality of the labels from 0 to 1, ascending.
        confident_joint: (classes, classes) numbers of images by label (rows) and by the class that
            is predicted with confidence (columns).
    """

    rows: NDArray[np.int64]
    suggested: NDArray[np.int64]
    scores: NDArray[np.float64]
    confident_joint: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)


@checked_call
def label_issues(
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    score: Literal["self_confidence", "normalized_margin"] = "self_confidence",
) -> LabelIssues:
    """Find labels that out-of-sample predictions contradict (confident learning).

    The threshold of a class is the mean probability of the class over the images with its label. An
    image is predicted with confidence if the probability of a class reaches the class's threshold;
    of several such classes the most probable counts. A label is suspect if this class is another
    one. Thresholds of their own make classes comparable that a network predicts with different
    confidence.

    Args:
        probabilities: (images, classes) predictions of networks that were not trained on these
            images, such as those of a cross-validation. `suspect_labels` computes them.
        labels: (images,) given labels, integers.
        score: quality of a label, which gives the order: "self_confidence" is the probability of
            the label; "normalized_margin" is ``(p[label] - max of the others + 1) / 2``.

    Returns:
        The suspect images, ordered by the score.

    Raises:
        TypeError: if probabilities or labels are not numbers.
        ValueError: if a shape, a label or a probability is out of range, or a row of probabilities
            does not add up to 1.

    Reference:
        Northcutt, Jiang, Chuang: Confident learning: estimating uncertainty in dataset labels,
        2021.

    Example:
        >>> probabilities = [[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9], [0.9, 0.1]]
        >>> found = label_issues(probabilities, [0, 0, 1, 1, 1])
        >>> found.rows, found.suggested
        (array([4]), array([0]))
    """
    p = _probabilities(probabilities)
    y = class_labels(labels, len(p), [], p.shape[1], "label_issues")
    one_of(score, ("self_confidence", "normalized_margin"), "label_issues", "score")
    rows = np.arange(len(p))
    confident = np.where(p >= _thresholds(p, y), p, -1.0)
    suggested = confident.argmax(axis=1)
    is_confident = confident[rows, suggested] >= 0
    joint = np.zeros((p.shape[1], p.shape[1]), np.int64)
    np.add.at(joint, (y[is_confident], suggested[is_confident]), 1)
    own = p[rows, y]
    quality = own
    if score == "normalized_margin":
        others = p.copy()
        others[rows, y] = -1
        quality = (own - others.max(axis=1) + 1) / 2
    suspects = np.flatnonzero(is_confident & (suggested != y))
    order = suspects[np.argsort(quality[suspects], kind="stable")]
    return LabelIssues(order, suggested[order], quality[order], joint)


def _thresholds(p: NDArray[np.float64], y: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean probability of each class over the images with its label."""
    counts = np.bincount(y, minlength=p.shape[1])
    sums = np.bincount(y, weights=p[np.arange(len(p)), y], minlength=p.shape[1])
    # No image is predicted as a class without labels.
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)


def _probabilities(value: ArrayLike) -> NDArray[np.float64]:
    array = real_array(value, "label_issues", "probabilities").astype(np.float64)
    if array.ndim != 2 or array.shape[1] < 2:
        raise ValueError(
            f"label_issues: probabilities is {shown(array)}, expected (images, classes) with at "
            "least two classes"
        )
    wrong = np.flatnonzero(~((array >= 0) & (array <= 1 + _SUM_TOLERANCE)).all(axis=1))
    if wrong.size:
        raise ValueError(
            f"label_issues: probabilities has {shown(array[wrong[0]].tolist())} at position "
            f"{wrong[0]}, expected numbers from 0 to 1"
        )
    sums = array.sum(axis=1)
    wrong = np.flatnonzero(np.abs(sums - 1) > _SUM_TOLERANCE)
    if wrong.size:
        raise ValueError(
            f"label_issues: probabilities add up to {sums[wrong[0]]:g} at position {wrong[0]}, "
            "expected 1"
        )
    return array
