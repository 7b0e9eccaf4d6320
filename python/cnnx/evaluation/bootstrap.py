"""Bootstrap confidence intervals: percentiles of a metric over resampled images.

Reference:
    Efron, Tibshirani: An Introduction to the Bootstrap, 1993, chapter 13.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnx.arguments import at_least, number, shown
from cnnx.evaluation.results import ConfidenceInterval

# Counts of resampled groups in memory at a time (32 MB).
_MOST_COUNTS = 1 << 22


@dataclass(frozen=True)
class CountedMetric:
    """A metric as a function of how often each group of images occurs.

    The images of a group are alike to the metric. For the accuracy two groups are enough, correct
    and incorrect ones, and a resample of a million images is then two numbers.

    Attributes:
        sizes: number of images of each group.
        measure: the metric of each row of counts, (resamples, groups) to (resamples,).
    """

    sizes: NDArray[np.int64]
    measure: Callable[[NDArray[np.int64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Resampling:
    """Settings of a bootstrap.

    Attributes:
        level: confidence level, above 0 and below 1.
        resamples: number of resamples.
        seed: seed of the resamples.
    """

    level: float = 0.95
    resamples: int = 2000
    seed: int = 0

    def check(self, function: str) -> None:
        """Refuse settings out of range.

        Raises:
            TypeError: if level is not a number.
            ValueError: if a setting is out of range.
        """
        if not 0 < number(self.level, function, "level") < 1:
            raise ValueError(
                f"{function}: level is {shown(self.level)}, expected a number above 0 and below 1"
            )
        at_least(1, self.resamples, function, "resamples")
        at_least(0, self.seed, function, "seed")


def percentile_interval(metric: CountedMetric, resampling: Resampling) -> ConfidenceInterval:
    """Percentile interval of a metric over images drawn with replacement.

    Resamples in which the metric is not defined are left out. Without any, both ends are NaN.
    """
    random = np.random.default_rng(resampling.seed)
    sizes = metric.sizes
    total = int(sizes.sum())
    rows = max(1, _MOST_COUNTS // len(sizes))
    found = [
        metric.measure(
            random.multinomial(total, sizes / total, size=min(rows, resampling.resamples - first))
        )
        for first in range(0, resampling.resamples, rows)
    ]
    values = np.concatenate(found)
    values = values[~np.isnan(values)]
    if values.size == 0:
        return ConfidenceInterval(float("nan"), float("nan"))
    tail = (1 - resampling.level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return ConfidenceInterval(float(low), float(high))
