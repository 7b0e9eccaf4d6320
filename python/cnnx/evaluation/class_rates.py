"""Precision, recall and F1 of classes, and their averages, from counts of images."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class ClassRates(NamedTuple):
    """Rates of every class along the last axis, for one set of images or a row of counts per set.

    Attributes:
        support: number of images of each class.
        predicted: number of images predicted as each class.
        precision: true positives by predicted images; 0 without predicted images.
        recall: true positives by images of the class; 0 without such images.
        f1: twice the true positives by the sum of both numbers; 0 if that is 0.
    """

    support: NDArray[Any]
    predicted: NDArray[Any]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]


def class_rates(
    true_positives: NDArray[Any], predicted: NDArray[Any], support: NDArray[Any]
) -> ClassRates:
    """Rates from the numbers of each class, arrays of one shape with the classes along the last
    axis.
    """
    return ClassRates(
        support,
        predicted,
        quotient_or_zero(true_positives, predicted),
        quotient_or_zero(true_positives, support),
        quotient_or_zero(2 * true_positives, predicted + support),
    )


def quotient_or_zero(numerator: NDArray[Any], denominator: NDArray[Any]) -> NDArray[np.float64]:
    """The quotient of each pair of numbers, 0 where the denominator is 0."""
    found = np.zeros(np.broadcast(numerator, denominator).shape)
    np.divide(numerator, denominator, out=found, where=denominator != 0)
    return found


def macro_average(rates: ClassRates, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of a rate over the classes that occur among the labels or the predictions."""
    occurs = (rates.support + rates.predicted) > 0
    return quotient_or_zero((values * occurs).sum(axis=-1), occurs.sum(axis=-1))


def weighted_average(rates: ClassRates, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of a rate over the classes, weighted by their numbers of images."""
    return quotient_or_zero((values * rates.support).sum(axis=-1), rates.support.sum(axis=-1))


def balanced_accuracy(rates: ClassRates) -> NDArray[np.float64]:
    """Mean recall of the classes that have images."""
    has_images = rates.support > 0
    return quotient_or_zero((rates.recall * has_images).sum(axis=-1), has_images.sum(axis=-1))
