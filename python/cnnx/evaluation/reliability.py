"""Reliability of confidences: accuracy by confidence, and the expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnx.evaluation.class_rates import quotient_or_zero


@dataclass(frozen=True)
class ReliabilityBin:
    """Images whose confidence lies in one interval.

    Attributes:
        lower: lower bound of the confidence, excluded unless it is 0.
        upper: upper bound, included.
        count: number of images.
        confidence: their mean confidence, 0 without images.
        accuracy: the fraction that is predicted correctly, 0 without images.
    """

    lower: float
    upper: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """How well confidences agree with accuracies.

    Attributes:
        bins: intervals of equal width from 0 to 1, in order.
        expected_error: expected calibration error (ECE): the mean over the images of the difference
            between accuracy and confidence of their bin.
        maximum_error: maximum calibration error (MCE): the largest such difference.
    """

    bins: tuple[ReliabilityBin, ...]
    expected_error: float
    maximum_error: float


def bin_indices(confidence: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """The bin of each confidence: (0, 1/bins], (1/bins, 2/bins], and so on."""
    return np.searchsorted(_bounds(bins)[1:-1], confidence, side="left")


def calibration_of(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], bins: int
) -> Calibration:
    """Reliability table and calibration errors."""
    place = bin_indices(confidence, bins)
    counts = np.bincount(place, minlength=bins)
    confidences = quotient_or_zero(np.bincount(place, confidence, bins), counts)
    accuracies = quotient_or_zero(np.bincount(place, correct, bins), counts)
    bounds = _bounds(bins)
    columns = (bounds[:-1], bounds[1:], counts, confidences, accuracies)
    gaps = np.abs(accuracies - confidences)
    return Calibration(
        tuple(
            ReliabilityBin(*row) for row in zip(*(each.tolist() for each in columns), strict=True)
        ),
        float((gaps * counts).sum() / counts.sum()),
        float(gaps.max()),
    )


def _bounds(bins: int) -> NDArray[np.float64]:
    return np.linspace(0, 1, bins + 1)
