"""Counts of true and predicted classes of positions, and the overlap that follows from them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnx.arguments import FloatArray
from cnnx.model.predictions import classes_of


class PositionCounts:
    """Confusion matrix of positions: true classes are rows, predicted classes columns.

    Args:
        outputs: number of outputs of a position; one is class 0 or 1.
        probabilities: how the outputs become probabilities, as the compiled core names it.
        ignore_index: label of positions that are not counted, or None.

    Attributes:
        matrix: counts so far, (classes, classes); with weights of images real numbers.
    """

    names = ("mean_iou",)

    def __init__(self, outputs: int, probabilities: str, ignore_index: int | None) -> None:
        classes = max(2, outputs)
        self.matrix: NDArray[Any] = np.zeros((classes, classes), np.int64)
        self._probabilities = probabilities
        self._ignore_index = ignore_index

    def of_images(
        self, outputs: FloatArray, labels: NDArray[Any], weights: FloatArray | None = None
    ) -> NDArray[Any]:
        """Counts of some images, which are not added.

        Args:
            outputs: outputs, (images, height, width, outputs).
            labels: whole numbers, (images, height, width), or soft labels in the shape of the
                outputs.
            weights: weights of the images, or None.
        """
        predicted = classes_of(outputs, self._probabilities)
        is_soft = labels.ndim == outputs.ndim  # and then no class is ignored
        own = classes_of(labels, "outputs") if is_soft else labels.astype(np.int64, copy=False)
        size = len(self.matrix)
        pairs = own * size + predicted
        of_each = None if weights is None else np.broadcast_to(_rows(weights), pairs.shape)
        if self._ignore_index is not None:
            counted = own != self._ignore_index
            pairs, of_each = pairs[counted], None if of_each is None else of_each[counted]
        every = None if of_each is None else of_each.ravel()
        counts = np.bincount(pairs.ravel(), every, minlength=self.matrix.size)
        return counts.reshape(self.matrix.shape)

    def add(self, counts: NDArray[Any]) -> None:
        """Add counts of `of_images`."""
        self.matrix = self.matrix + counts

    @property
    def metrics(self) -> dict[str, float]:
        """Mean IoU of the classes that occur among the labels or the predictions, by its name."""
        return {"mean_iou": mean_of_defined(ious_of(self.matrix))}


def _rows(weights: FloatArray) -> NDArray[np.float64]:
    return weights.astype(np.float64)[:, np.newaxis, np.newaxis]


def ious_of(matrix: NDArray[Any]) -> list[float]:
    """Intersection over union of each class; NaN where neither labels nor predictions have it."""
    both = matrix.diagonal()
    either = matrix.sum(axis=0) + matrix.sum(axis=1) - both
    return [quotient_or_nan(*each) for each in zip(both.tolist(), either.tolist(), strict=True)]


def quotient_or_nan(numerator: float, denominator: float) -> float:
    """A quotient, or NaN if the denominator is 0."""
    return numerator / denominator if denominator else math.nan


def mean_of_defined(values: Iterable[float]) -> float:
    """Mean of the values that are not NaN; NaN without one."""
    defined = [value for value in values if not math.isnan(value)]
    return quotient_or_nan(sum(defined), len(defined))
