"""Comparison of two evaluations of the same images: McNemar's test and paired intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cnnx.arguments import at_least, shown
from cnnx.evaluation.bootstrap import CountedMetric, Resampling, percentile_interval
from cnnx.evaluation.evaluation import Evaluation
from cnnx.evaluation.results import ConfidenceInterval
from cnnx.spelling import checked_call


@dataclass(frozen=True)
class McNemar:
    """McNemar's test: do two classifiers have the same accuracy?

    Attributes:
        only_first: number of images that only the first classifier predicts correctly.
        only_second: number of images that only the second classifier predicts correctly.
        p_value: probability of a difference at least as large if both had the same accuracy: the
            two-sided exact binomial test.
    """

    only_first: int
    only_second: int
    p_value: float


@checked_call
def mcnemar(first: Evaluation, second: Evaluation) -> McNemar:
    """McNemar's exact test of two evaluations of the same images.

    Args:
        first: evaluation of one model.
        second: evaluation of the other model.

    Raises:
        TypeError: if one is not an `Evaluation`.
        ValueError: if they are not of the same images and classes.

    Reference:
        McNemar: Note on the sampling error of the difference between correlated proportions, 1947.

    Example:
        >>> first = Evaluation([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]], [0, 0, 1])
        >>> second = Evaluation([[0.4, 0.6], [0.9, 0.1], [0.2, 0.8]], [0, 0, 1])
        >>> mcnemar(first, second)
        McNemar(only_first=1, only_second=0, p_value=1.0)
    """
    _check_same_images(first, second, "mcnemar")
    only_first = int((first.correct & ~second.correct).sum())
    only_second = int((second.correct & ~first.correct).sum())
    return McNemar(only_first, only_second, _binomial_test(only_first, only_second))


@dataclass(frozen=True)
class ClassDifference:
    """Metrics of a class in two evaluations of the same images.

    Attributes:
        name: name of the class.
        count: number of images of the class.
        first_recall: recall of the first model.
        second_recall: recall of the second model.
        first_f1: F1 of the first model.
        second_f1: F1 of the second model.
    """

    name: str
    count: int
    first_recall: float
    second_recall: float
    first_f1: float
    second_f1: float


class Comparison:
    """Two models on the same images.

    Args:
        first: evaluation of one model.
        second: evaluation of the other model.

    Raises:
        TypeError: if one is not an `Evaluation`.
        ValueError: if they are not of the same images and classes.

    Example:
        >>> first = Evaluation([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]], [0, 0, 1])
        >>> second = Evaluation([[0.4, 0.6], [0.9, 0.1], [0.2, 0.8]], [0, 0, 1])
        >>> round(Comparison(first, second).accuracy_difference, 3)
        -0.333
    """

    def __init__(self, first: Evaluation, second: Evaluation) -> None:
        _check_same_images(first, second, "Comparison")
        self.first = first
        self.second = second

    @property
    def accuracy_difference(self) -> float:
        """Accuracy of the second model minus that of the first."""
        return (int(self.second.correct.sum()) - int(self.first.correct.sum())) / self.first.count

    @cached_property
    def mcnemar(self) -> McNemar:
        """McNemar's test."""
        return mcnemar(self.first, self.second)

    @checked_call
    def difference_interval(
        self, level: float = 0.95, resamples: int = 2000, seed: int = 0
    ) -> ConfidenceInterval:
        """Bootstrap percentile interval of `accuracy_difference`, over pairs of predictions.

        Args:
            level: confidence level.
            resamples: number of resamples.
            seed: seed of the resamples.

        Raises:
            TypeError: if level is not a number.
            ValueError: if an argument is out of range.
        """
        resampling = Resampling(level, resamples, seed)
        resampling.check("difference_interval")
        test = self.mcnemar
        equal = self.first.count - test.only_first - test.only_second
        sizes = np.array([test.only_first, test.only_second, equal])
        metric = CountedMetric(
            sizes, lambda counts: (counts[:, 1] - counts[:, 0]) / counts.sum(axis=1)
        )
        return percentile_interval(metric, resampling)

    @property
    def per_class(self) -> tuple[ClassDifference, ...]:
        """Recall and F1 of every class in both models."""
        return tuple(
            ClassDifference(a.name, a.count, a.recall, b.recall, a.f1, b.f1)
            for a, b in zip(self.first.per_class, self.second.per_class, strict=True)
        )

    @cached_property
    def distances(self) -> NDArray[np.float64]:
        """Total variation distance of the two models' probabilities of each image, 0 to 1."""
        difference = self.first.probabilities.astype(np.float64) - self.second.probabilities
        return np.asarray(np.abs(difference).sum(axis=1) / 2)

    @checked_call
    def most_different(self, n: int = 10) -> NDArray[np.int64]:
        """Positions of the n images whose probabilities differ most, the largest distance first.

        Raises:
            ValueError: if n is below 1.
        """
        n = at_least(1, n, "most_different", "n")
        return np.argsort(-self.distances, kind="stable")[:n]


def _check_same_images(first: Evaluation, second: Evaluation, function: str) -> None:
    for argument, value in (("first", first), ("second", second)):
        if not isinstance(value, Evaluation):
            raise TypeError(f"{function}: {argument} is {shown(value)}, expected an Evaluation")
    if first.classes != second.classes:
        raise ValueError(
            f"{function}: second has the classes {', '.join(second.classes)}, expected those of "
            f"first, {', '.join(first.classes)}"
        )
    if first.count != second.count:
        raise ValueError(
            f"{function}: second has {second.count:,} images, expected those of first, "
            f"{first.count:,}"
        )
    if not np.array_equal(first.labels, second.labels) or (
        first.names and second.names and first.names != second.names
    ):
        raise ValueError(
            f"{function}: second has other labels or file names than first, expected evaluations "
            "of the same images in the same order"
        )


def _binomial_test(one: int, other: int) -> float:
    """Two-sided p-value of so many heads and tails of a fair coin."""
    tosses, fewer = one + other, min(one, other)
    # Twice the sum of binomial(tosses, k) / 2^tosses for k from 0 to `fewer`, the largest first.
    term = math.exp(
        math.lgamma(tosses + 1)
        - math.lgamma(fewer + 1)
        - math.lgamma(tosses - fewer + 1)
        - tosses * math.log(2)
    )
    total = 0.0
    for k in range(fewer, -1, -1):
        total += term
        if term < total * 1e-17:
            break
        term *= k / (tosses - k + 1)
    return min(1.0, 2 * total)
