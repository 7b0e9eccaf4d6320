"""Metrics of an evaluation as functions of how often each image occurs, for the bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnx.evaluation.bootstrap import CountedMetric
from cnnx.evaluation.class_rates import (
    ClassRates,
    balanced_accuracy,
    class_rates,
    macro_average,
    weighted_average,
)
from cnnx.evaluation.reliability import bin_indices
from cnnx.evaluation.threshold_curve import RankedScores, average_precision, roc_auc

if TYPE_CHECKING:
    from cnnx.evaluation.evaluation import Evaluation

CALIBRATION_BINS = 15


def accuracy_metric(evaluation: Evaluation) -> CountedMetric:
    """The accuracy."""
    correct = int(evaluation.correct.sum())
    sizes = np.array([correct, evaluation.count - correct])
    return CountedMetric(sizes, lambda counts: counts[:, 0] / counts.sum(axis=1))


def loss_metric(evaluation: Evaluation) -> CountedMetric:
    """The mean cross-entropy."""
    losses = evaluation.losses
    return CountedMetric(
        np.ones(evaluation.count, np.int64), lambda counts: counts @ losses / counts.sum(axis=1)
    )


def calibration_metric(evaluation: Evaluation) -> CountedMetric:
    """The expected calibration error."""
    # A bin's count times the difference of its accuracy and confidence is a sum over its images.
    gaps = np.zeros((evaluation.count, CALIBRATION_BINS))
    place = bin_indices(evaluation.confidence, CALIBRATION_BINS)
    gaps[np.arange(evaluation.count), place] = evaluation.correct - evaluation.confidence
    return CountedMetric(
        np.ones(evaluation.count, np.int64),
        lambda counts: np.abs(counts @ gaps).sum(axis=1) / counts.sum(axis=1),
    )


def _rates_metric(measure: Callable[[ClassRates], NDArray[np.float64]]) -> Any:
    """Metric of the classes' rates. Its groups are the cells of the confusion matrix."""

    def metric(evaluation: Evaluation) -> CountedMetric:
        matrix = evaluation.confusion_matrix
        true, predicted = np.nonzero(matrix)
        is_correct = true == predicted

        def of_counts(counts: NDArray[np.int64]) -> NDArray[np.float64]:
            classes = len(matrix)
            hits = _sums(counts[:, is_correct], true[is_correct], classes)
            rates = class_rates(
                hits, _sums(counts, predicted, classes), _sums(counts, true, classes)
            )
            return measure(rates)

        return CountedMetric(matrix[true, predicted], of_counts)

    return metric


def _sums(counts: NDArray[np.int64], classes: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    """Sums of the columns of each class, (resamples, number of classes)."""
    found = np.zeros((len(counts), number), np.int64)
    if classes.size:
        order = np.argsort(classes, kind="stable")
        starts = np.flatnonzero(np.diff(classes[order], prepend=-1))
        found[:, classes[order][starts]] = np.add.reduceat(counts[:, order], starts, axis=1)
    return found


def _curve_metric(measure: Callable[[NDArray[Any], NDArray[Any]], NDArray[np.float64]]) -> Any:
    """Metric of the threshold curve of the second of two classes."""

    def metric(evaluation: Evaluation) -> CountedMetric:
        ranked = RankedScores.of(evaluation.probabilities[:, 1])
        is_positive = evaluation.labels == 1
        return CountedMetric(
            np.ones(evaluation.count, np.int64),
            lambda counts: measure(
                ranked.counts(counts * is_positive), ranked.counts(counts * ~is_positive)
            ),
        )

    return metric


METRICS: dict[str, Callable[[Evaluation], CountedMetric]] = {
    "accuracy": accuracy_metric,
    "loss": loss_metric,
    "balanced_accuracy": _rates_metric(balanced_accuracy),
    "macro_precision": _rates_metric(lambda rates: macro_average(rates, rates.precision)),
    "macro_recall": _rates_metric(lambda rates: macro_average(rates, rates.recall)),
    "macro_f1": _rates_metric(lambda rates: macro_average(rates, rates.f1)),
    "weighted_precision": _rates_metric(lambda rates: weighted_average(rates, rates.precision)),
    "weighted_recall": _rates_metric(lambda rates: weighted_average(rates, rates.recall)),
    "weighted_f1": _rates_metric(lambda rates: weighted_average(rates, rates.f1)),
    "expected_calibration_error": calibration_metric,
}
# Metrics of models that distinguish two classes.
TWO_CLASS_METRICS: dict[str, Callable[[Evaluation], CountedMetric]] = {
    "roc_auc": _curve_metric(roc_auc),
    "average_precision": _curve_metric(average_precision),
}
