"""Sums over predicted values and their targets, and the metrics that follow from them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnx.arguments import FloatArray


class Values(NamedTuple):
    """Predicted values and targets of some images.

    Attributes:
        predicted: predicted values, (images, outputs).
        targets: targets, (images, outputs).
        weights: weights of the images, or None.
    """

    predicted: FloatArray
    targets: FloatArray
    weights: FloatArray | None


class RegressionSums:
    """Sums of `outputs` numbers of each image, in the order of the images.

    The results do not depend on the batches in which the images are added.
    """

    names = ("r2", "mean_absolute_error")

    def __init__(self, outputs: int) -> None:
        # Of each output: the distances, their squares, the targets and their squares.
        self._sums = np.zeros((4, outputs))
        self._weight = np.zeros(1)
        # Targets near 0 have squares that lose few digits.
        self._shift: NDArray[np.float64] | None = None

    @staticmethod
    def of_images(
        outputs: FloatArray, targets: FloatArray, weights: FloatArray | None = None
    ) -> Values:
        """Values of some images, which are not added."""
        count = len(outputs)
        return Values(outputs.reshape(count, -1), targets.reshape(count, -1), weights)

    def add(self, values: Values) -> None:
        """Add values of `of_images`."""
        targets = values.targets.astype(np.float64)
        count = len(targets)
        weights = np.ones(count) if values.weights is None else values.weights.astype(np.float64)
        if self._shift is None:
            if not weights.any():
                return
            self._shift = targets[np.argmax(weights > 0)]
        errors = values.predicted - targets
        shifted = targets - self._shift
        of_images = np.stack([np.abs(errors), errors**2, shifted, shifted**2], axis=1)
        of_images *= weights[:, np.newaxis, np.newaxis]
        self._sums = _added_in_order(self._sums, of_images)
        self._weight = _added_in_order(self._weight, weights[:, np.newaxis])

    @property
    def metrics(self) -> dict[str, float]:
        """Mean of the coefficients of determination of the outputs, and mean absolute error."""
        distances, squares, targets, target_squares = self._sums
        variations = target_squares - targets**2 / self._weight
        return {
            "r2": float(r2_of_outputs(squares, variations).mean()),
            "mean_absolute_error": float((distances / self._weight).mean()),
        }


def r2_of_outputs(
    squares: NDArray[np.float64], variations: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Coefficients of determination of outputs; NaN for equal targets.

    Args:
        squares: sum of the squared errors of each output.
        variations: sum of the squared distances of its targets from their mean.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(variations > 0, 1 - squares / variations, np.nan))


def _added_in_order(
    total: NDArray[np.float64], of_images: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The total plus the numbers of each image, one image after the other."""
    sums = np.cumsum(np.concatenate([total[np.newaxis], of_images]), axis=0)
    return np.asarray(sums[-1])
