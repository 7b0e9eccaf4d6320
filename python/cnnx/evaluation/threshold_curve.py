"""Threshold curve of one class: precision, recall and false positive rate at every threshold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnx.arguments import number
from cnnx.evaluation.class_rates import quotient_or_zero
from cnnx.spelling import checked_call


class ThresholdPoint(NamedTuple):
    """Rates of the rule "positive if the probability is at least the threshold".

    Attributes:
        threshold: the threshold.
        precision: fraction of the predicted positives that are positive; 1 without predicted ones.
        recall: fraction of the positives that are predicted as such (true positive rate).
        false_positive_rate: fraction of the negatives that are predicted as positive.
        f1: harmonic mean of precision and recall.
    """

    threshold: float
    precision: float
    recall: float
    false_positive_rate: float
    f1: float


@dataclass(frozen=True)
class ThresholdCurve:
    """Rates of the rule "positive if the probability is at least the threshold".

    The arrays have an entry per distinct probability, the largest first, after the entry of the
    threshold infinity, above which there is nothing.

    Attributes:
        positive: name of the positive class; all other classes are negative.
        thresholds: the thresholds, decreasing.
        true_positives: numbers of positive images predicted as positive.
        false_positives: numbers of negative images predicted as positive.
    """

    positive: str
    thresholds: NDArray[np.float64]
    true_positives: NDArray[np.int64]
    false_positives: NDArray[np.int64]

    @property
    def precision(self) -> NDArray[np.float64]:
        """Fraction of the predicted positives that are positive, 1 without predicted ones."""
        return precisions(self.true_positives, self.false_positives)

    @property
    def recall(self) -> NDArray[np.float64]:
        """True positive rate; 0 without positive images."""
        return quotient_or_zero(self.true_positives, self.true_positives[-1:])

    @property
    def false_positive_rate(self) -> NDArray[np.float64]:
        """Fraction of the negatives that are predicted as positive; 0 without negative images."""
        return quotient_or_zero(self.false_positives, self.false_positives[-1:])

    @property
    def f1(self) -> NDArray[np.float64]:
        """Harmonic mean of precision and recall; 0 if both are."""
        true = self.true_positives
        return quotient_or_zero(2 * true, true + self.false_positives + true[-1])

    @cached_property
    def roc_auc(self) -> float:
        """Area under the receiver operating characteristic; NaN without both kinds of images."""
        return float(roc_auc(self.true_positives, self.false_positives))

    @cached_property
    def average_precision(self) -> float:
        """Mean precision over the steps of recall; NaN without positive images."""
        return float(average_precision(self.true_positives, self.false_positives))

    @checked_call
    def at(self, threshold: float) -> ThresholdPoint:
        """Rates at a threshold.

        Raises:
            TypeError: if it is not a number.
            ValueError: if it is NaN.
        """
        value = number(threshold, "at", "threshold")
        if math.isnan(value):
            raise ValueError("at: threshold is nan, expected a probability")
        index = int((self.thresholds >= value).sum()) - 1
        return self._point(value, max(index, 0))

    @property
    def best_f1(self) -> ThresholdPoint:
        """The threshold with the largest F1, of equal ones the largest threshold."""
        index = int(self.f1.argmax())
        return self._point(float(self.thresholds[index]), index)

    def _point(self, threshold: float, index: int) -> ThresholdPoint:
        columns = (self.precision, self.recall, self.false_positive_rate, self.f1)
        return ThresholdPoint(threshold, *(float(values[index]) for values in columns))


class RankedScores(NamedTuple):
    """Images in the order of decreasing scores.

    Attributes:
        order: positions of the images.
        ends: index of the last image of each distinct score in that order.
    """

    order: NDArray[np.int64]
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, scores: NDArray[Any]) -> RankedScores:
        """Rank scores."""
        order = np.argsort(-scores, kind="stable")
        falls = np.flatnonzero(np.diff(scores[order]))
        return cls(order, np.append(falls, len(scores) - 1))

    def counts(self, weights: NDArray[Any]) -> NDArray[Any]:
        """Sums of the images' weights down to each distinct score, after 0; along the last axis."""
        sums = np.cumsum(weights[..., self.order], axis=-1)[..., self.ends]
        return np.concatenate([np.zeros_like(sums[..., :1]), sums], axis=-1)


def threshold_curve(
    scores: NDArray[Any], is_positive: NDArray[np.bool_], positive: str
) -> ThresholdCurve:
    """Threshold curve of the probability of a class."""
    ranked = RankedScores.of(scores)
    values = scores[ranked.order][ranked.ends].astype(np.float64)
    return ThresholdCurve(
        positive,
        np.concatenate([[np.inf], values]),
        ranked.counts(is_positive.astype(np.int64)),
        ranked.counts((~is_positive).astype(np.int64)),
    )


def precisions(true_positives: NDArray[Any], false_positives: NDArray[Any]) -> NDArray[np.float64]:
    """Precision at each threshold, 1 without predicted positives."""
    predicted = true_positives + false_positives
    return np.where(predicted == 0, 1.0, quotient_or_zero(true_positives, predicted))


def roc_auc(true_positives: NDArray[Any], false_positives: NDArray[Any]) -> NDArray[np.float64]:
    """Area under the ROC curve along the last axis, NaN without both kinds of images."""
    heights = (true_positives[..., 1:] + true_positives[..., :-1]) / 2
    area = (np.diff(false_positives, axis=-1) * heights).sum(axis=-1)
    pairs = true_positives[..., -1].astype(np.float64) * false_positives[..., -1]
    return np.where(pairs == 0, np.nan, quotient_or_zero(area, pairs))


def average_precision(
    true_positives: NDArray[Any], false_positives: NDArray[Any]
) -> NDArray[np.float64]:
    """Average precision along the last axis, NaN without positive images."""
    steps = np.diff(true_positives, axis=-1)
    total = (steps * precisions(true_positives, false_positives)[..., 1:]).sum(axis=-1)
    positives = true_positives[..., -1]
    return np.where(positives == 0, np.nan, quotient_or_zero(total, positives))
