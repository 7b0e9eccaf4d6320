"""Results of an evaluation, as small immutable records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ClassMetrics:
    """Metrics of one class; a quotient without a denominator is 0.

    Attributes:
        name: name of the class.
        count: number of images of the class (support).
        precision: fraction of the images predicted as the class that are of the class.
        recall: fraction of the images of the class that are predicted as the class.
        f1: harmonic mean of precision and recall.
    """

    name: str
    count: int
    precision: float
    recall: float
    f1: float


class Averages(NamedTuple):
    """Means of the metrics of the classes.

    Attributes:
        precision: mean precision.
        recall: mean recall.
        f1: mean F1.
    """

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Confusion:
    """Two classes that a model confuses.

    Attributes:
        true: name of the true class.
        predicted: name of the predicted class.
        count: number of such images.
    """

    true: str
    predicted: str
    count: int


class TopLosses(NamedTuple):
    """Images with the largest losses.

    Attributes:
        indices: positions of the images, (n,), the largest loss first.
        losses: their cross-entropies, (n,).
    """

    indices: NDArray[np.int64]
    losses: NDArray[np.float64]


class ConfidenceInterval(NamedTuple):
    """Ends of a confidence interval.

    Attributes:
        low: lower end.
        high: upper end.
    """

    low: float
    high: float
