"""Evaluation: probabilities of labelled images, and the metrics that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.arguments import at_least, integer, is_integer, one_of, shown
from cnnx.evaluation.as_json import as_dict
from cnnx.evaluation.as_text import summary_text
from cnnx.evaluation.bootstrap import Resampling, percentile_interval
from cnnx.evaluation.class_rates import (
    ClassRates,
    balanced_accuracy,
    class_rates,
    macro_average,
    weighted_average,
)
from cnnx.evaluation.counted_metrics import METRICS, TWO_CLASS_METRICS
from cnnx.evaluation.inputs import (
    checked_images,
    checked_labels,
    checked_losses,
    checked_probabilities,
)
from cnnx.evaluation.reliability import Calibration, calibration_of
from cnnx.evaluation.results import (
    Averages,
    ClassMetrics,
    ConfidenceInterval,
    Confusion,
    TopLosses,
)
from cnnx.evaluation.threshold_curve import ThresholdCurve, threshold_curve
from cnnx.metrics import confusion_matrix, label_ranks
from cnnx.spelling import NamedAttributes, checked_call, nearest

_MOST_BINS = 10_000  # of a calibration


@checked_call
class Evaluation(NamedAttributes):
    """Probabilities of labelled images, and the metrics that follow from them.

    Every image has one class. The most probable class is the prediction; of equal probabilities the
    first. Metrics are equal to those of scikit-learn with ``zero_division=0``.

    Args:
        probabilities: probability of each class, or of the second of two classes.
        labels: true classes: integers, names, or one-hot rows.
        classes: names of the classes, their number, or None; without names they are numbers.
        names: names of the images, such as paths of their files.
        images: the images, for reports: pixels, or floats from 0 to 1.
        losses: cross-entropy of each image, where probabilities are rounded to 0 or 1; None is the
            negative logarithm of the label's probability, which is at least the rounding error of
            the probabilities' dtype.

    Shape:
        probabilities (images, classes) or, for two classes, (images,) or (images, 1); labels, names
        and losses (images,); images (images, height, width, channels).

    Attributes:
        probabilities: probability of each class, (images, classes), float32 or float64.
        labels: true classes, int64, (images,).
        classes: names of the classes.
        names: names of the images, or None.
        images: the images, or None.
        losses: cross-entropy of each image in nats, float64, (images,).

    Raises:
        TypeError: if an argument has another type.
        ValueError: if shapes differ, there are no images, a label is no class, or a row of
            probabilities is not finite, not from 0 to 1, or does not add up to 1.

    Example:
        >>> evaluation = Evaluation([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], [0, 1, 1], ["X", "O"])
        >>> evaluation.confusion_matrix
        array([[1, 0],
               [1, 1]])
        >>> evaluation.per_class[1]
        ClassMetrics(name='O', count=2, precision=1.0, recall=0.5, f1=0.6666666666666666)
    """

    probabilities: NDArray[Any]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    names: tuple[str, ...] | None
    images: NDArray[Any] | None
    losses: NDArray[np.float64]

    def __init__(
        self,
        probabilities: ArrayLike,
        labels: ArrayLike,
        classes: Sequence[str] | int | None = None,
        *,
        names: Sequence[str] | None = None,
        images: ArrayLike | None = None,
        losses: ArrayLike | None = None,
    ) -> None:
        self.probabilities, self.classes, has_names = checked_probabilities(probabilities, classes)
        self.labels = checked_labels(labels, len(self.probabilities), self.classes, has_names)
        self.losses = checked_losses(losses, self.probabilities, self.labels)
        if isinstance(names, str):
            raise TypeError(f"Evaluation: names is {shown(names)}, expected a list of names")
        self.names = None if names is None else tuple(map(str, names))
        if self.names is not None and len(self.names) != self.count:
            raise ValueError(
                f"Evaluation: names has {len(self.names)} entries, expected one per image, "
                f"{self.count}"
            )
        self.images = None if images is None else checked_images(images, self.count)

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self.labels)

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """Most probable class of each image, (images,)."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        """Probability of the predicted class of each image, (images,)."""
        return np.asarray(self.probabilities.max(axis=1), np.float64)

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each image is predicted correctly, (images,)."""
        return np.asarray(self.predicted == self.labels)

    @property
    def accuracy(self) -> float:
        """Fraction of the images that are predicted correctly."""
        return float(self.correct.mean())

    @property
    def loss(self) -> float:
        """Mean cross-entropy in nats."""
        return float(self.losses.mean())

    @cached_property
    def confusion_matrix(self) -> NDArray[np.int64]:
        """Counts with true classes as rows and predicted classes as columns, (classes, classes)."""
        return confusion_matrix(self.labels, self.predicted, classes=len(self.classes))

    @cached_property
    def _rates(self) -> ClassRates:
        matrix = self.confusion_matrix
        return class_rates(matrix.diagonal(), matrix.sum(axis=0), matrix.sum(axis=1))

    @property
    def per_class(self) -> tuple[ClassMetrics, ...]:
        """Number of images, precision, recall and F1 of every class."""
        rates = self._rates
        columns = (rates.support, rates.precision, rates.recall, rates.f1)
        return tuple(
            ClassMetrics(name, *values)
            for name, *values in zip(
                self.classes, *(each.tolist() for each in columns), strict=True
            )
        )

    @property
    def macro_average(self) -> Averages:
        """Means over the classes that occur among the labels or the predictions."""
        rates = self._rates
        return Averages(*(float(macro_average(rates, values)) for values in rates[2:]))

    @property
    def weighted_average(self) -> Averages:
        """Means over the classes, weighted by their numbers of images."""
        rates = self._rates
        return Averages(*(float(weighted_average(rates, values)) for values in rates[2:]))

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the classes that have images."""
        return float(balanced_accuracy(self._rates))

    @checked_call
    def top_k_accuracy(self, k: int = 5) -> float:
        """Fraction of the images whose label is among the k most probable classes.

        Raises:
            ValueError: if k is not from 1 to the number of classes.
        """
        if not is_integer(k) or not 1 <= k <= len(self.classes):
            raise ValueError(
                f"top_k_accuracy: k is {shown(k)}, expected an integer from 1 to "
                f"{len(self.classes)}"
            )
        return float((self._label_ranks < k).mean())

    @cached_property
    def _label_ranks(self) -> NDArray[np.int64]:
        return label_ranks(self.probabilities, self.labels)

    @checked_call
    def most_confused(self, n: int = 10) -> tuple[Confusion, ...]:
        """The n most frequent pairs of a true and a wrongly predicted class.

        Pairs without images are left out. Of equally frequent pairs the first classes come first.
        """
        n = at_least(1, n, "most_confused", "n")
        errors = self.confusion_matrix.copy()
        np.fill_diagonal(errors, 0)
        order = np.argsort(-errors, axis=None, kind="stable")[:n]
        return tuple(
            Confusion(self.classes[true], self.classes[predicted], int(errors[true, predicted]))
            for true, predicted in zip(*np.unravel_index(order, errors.shape), strict=True)
            if errors[true, predicted]
        )

    @checked_call
    def top_losses(self, n: int = 9) -> TopLosses:
        """The n images with the largest losses, of equal losses the first ones."""
        n = at_least(1, n, "top_losses", "n")
        indices = np.argsort(-self.losses, kind="stable")[:n]
        return TopLosses(indices, self.losses[indices])

    @checked_call
    def most_certain_errors(self, n: int = 9) -> NDArray[np.int64]:
        """Positions of the n wrongly predicted images with the highest confidence, in its order."""
        n = at_least(1, n, "most_certain_errors", "n")
        errors = np.flatnonzero(~self.correct)
        return errors[np.argsort(-self.confidence[errors], kind="stable")[:n]]

    @checked_call
    def calibration(self, bins: int = 15) -> Calibration:
        """Accuracy by confidence, and the expected calibration error.

        Args:
            bins: number of intervals of equal width from 0 to 1.

        Raises:
            ValueError: if bins is below 1 or above 10,000.

        Reference:
            Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, 2017.
        """
        bins = at_least(1, bins, "calibration", "bins")
        if bins > _MOST_BINS:
            raise ValueError(f"calibration: bins is {bins:,}, expected at most {_MOST_BINS:,}")
        return calibration_of(self.confidence, self.correct, bins)

    @checked_call
    def threshold_curve(self, positive: str | int | None = None) -> ThresholdCurve:
        """Precision, recall and false positive rate of one class at every threshold.

        Args:
            positive: name or index of the class; all others are negative. None is the second of two
                classes.

        Raises:
            TypeError: if positive is neither a name nor an integer.
            ValueError: if it is no class, or None with other than two classes.
        """
        if positive is None and len(self.classes) != 2:
            raise ValueError(
                f"threshold_curve: positive is None with {len(self.classes)} classes, expected the "
                "name of a class"
            )
        index = 1 if positive is None else self._class_index(positive, "threshold_curve")
        return threshold_curve(
            self.probabilities[:, index], self.labels == index, self.classes[index]
        )

    def _class_index(self, given: str | int, function: str) -> int:
        """Index of a class given by its name or index."""
        if isinstance(given, str):
            if given not in self.classes:
                expected = (nearest(given, self.classes) or [f"one of {', '.join(self.classes)}"])[
                    0
                ]
                raise ValueError(f"{function}: positive is {given!r}, expected {expected}")
            return self.classes.index(given)
        index = integer(given, function, "positive")
        if not 0 <= index < len(self.classes):
            raise ValueError(
                f"{function}: positive is {index}, expected an index from 0 to "
                f"{len(self.classes) - 1}"
            )
        return index

    @checked_call
    def confidence_interval(
        self,
        metric: str = "accuracy",
        *,
        level: float = 0.95,
        resamples: int = 2000,
        seed: int = 0,
    ) -> ConfidenceInterval:
        """Bootstrap percentile interval of a metric over images drawn with replacement.

        Args:
            metric: "accuracy", "balanced_accuracy", "loss", "expected_calibration_error" (15 bins),
                "macro_precision", "macro_recall", "macro_f1", "weighted_precision",
                "weighted_recall" or "weighted_f1"; with two classes also "roc_auc" and
                "average_precision".
            level: confidence level, above 0 and below 1.
            resamples: number of resamples.
            seed: seed of the resamples.

        Returns:
            The interval; NaN if the metric is not defined, such as the ROC AUC of one class.

        Raises:
            TypeError: if level is not a number.
            ValueError: if an argument is out of range or there is no such metric.

        Reference:
            Efron, Tibshirani: An Introduction to the Bootstrap, 1993, chapter 13.

        Example:
            >>> p = [[0.9, 0.1]] * 80 + [[0.3, 0.7]] * 20
            >>> low, high = Evaluation(p, [0] * 100).confidence_interval("accuracy")
            >>> bool(0.7 < low < 0.8 < high < 0.9)
            True
        """
        known = METRICS | (TWO_CLASS_METRICS if len(self.classes) == 2 else {})
        one_of(metric, tuple(known), "confidence_interval", "metric")
        resampling = Resampling(level, resamples, seed)
        resampling.check("confidence_interval")
        return percentile_interval(known[metric](self), resampling)

    def to_dict(self) -> dict[str, Any]:
        """All metrics as lists, dicts, numbers and text, for the module json.

        Example:
            >>> Evaluation([[0.9, 0.1], [0.2, 0.8]], [0, 1]).to_dict()["confusion_matrix"]
            [[1, 0], [0, 1]]
        """
        return as_dict(self)

    def __str__(self) -> str:
        return summary_text(self)

    def __repr__(self) -> str:
        images = "image" if self.count == 1 else "images"
        classes = "class" if len(self.classes) == 1 else "classes"
        return (
            f"Evaluation({self.count:,} {images}, {len(self.classes):,} {classes}, "
            f"accuracy {self.accuracy:.4f}, loss {self.loss:.4f})"
        )

    def _repr_html_(self) -> str:
        """Show the totals, the confusion matrix and the classes in a notebook."""
        from cnnx.evaluation.page import evaluation_fragment

        return evaluation_fragment(self)
