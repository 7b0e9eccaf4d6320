"""Sums of metrics over batches, divided once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from cnnx.arguments import shown


class BatchMetrics(NamedTuple):
    """Metrics of a batch.

    Attributes:
        loss: mean loss.
        accuracy: accuracy; NaN unless the loss is a cross-entropy.
        weight: divisor of the mean loss.
        row_weight: divisor of the accuracy, the sum of the weights of the images.
        images: number of images.
        heads: metrics of each of several outputs.
        terms: mean loss, by its weight in the sum, and its divisor of each of several terms.
    """

    loss: float
    accuracy: float
    weight: float
    row_weight: float
    images: int
    heads: tuple[BatchMetrics, ...] = ()
    terms: tuple[tuple[float, float], ...] = ()

    @property
    def means(self) -> tuple[float, float]:
        """Mean loss and accuracy."""
        return self.loss, self.accuracy


class Batch(NamedTuple):
    """A batch of an iterable.

    Attributes:
        x: images.
        y: labels or targets.
        sample_weight: weights of the images, or None.
    """

    x: Any
    y: Any
    sample_weight: Any = None


@dataclass
class MetricSums:
    """Sums over the images of several batches.

    Attributes:
        loss: sum of the losses.
        weight: divisor of the mean loss.
        accuracy: number of correct predictions, each by the weight of its image.
        row_weight: divisor of the accuracy.
        images: number of images.
        heads: sums of each of several outputs.
        terms: sum of the losses and its divisor of each of several terms of the loss.
    """

    loss: float = 0.0
    weight: float = 0.0
    accuracy: float = 0.0
    row_weight: float = 0.0
    images: int = 0
    heads: list[MetricSums] = field(default_factory=list)
    terms: list[tuple[float, float]] = field(default_factory=list)

    def add(self, batch: BatchMetrics) -> None:
        """Add a batch."""
        self.loss += batch.loss * batch.weight
        self.weight += batch.weight
        self.accuracy += batch.accuracy * batch.row_weight
        self.row_weight += batch.row_weight
        self.images += batch.images
        self.heads += [MetricSums() for _ in batch.heads[len(self.heads) :]]
        for own, of_head in zip(self.heads, batch.heads, strict=True):
            own.add(of_head)
        sums = self.terms or [(0.0, 0.0)] * len(batch.terms)
        self.terms = [
            (total + loss * divisor, divisors + divisor)
            for (total, divisors), (loss, divisor) in zip(sums, batch.terms, strict=True)
        ]

    @property
    def means(self) -> tuple[float, float]:
        """Mean loss and accuracy. Each term of a loss has a mean of its own."""
        sums = self.terms or [(self.loss, self.weight)]
        loss = sum(total / (divisor or 1.0) for total, divisor in sums)
        return loss, self.accuracy / (self.row_weight or 1.0)


Means: TypeAlias = BatchMetrics | MetricSums


def batch_of(batch: Any, function: str) -> Batch:
    """A batch (x, y) or (x, y, sample_weight).

    Raises:
        TypeError: if it is anything else; the message begins with `function`.
    """
    if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
        raise TypeError(
            f"{function}: a batch is {shown(batch)}, expected (x, y) or (x, y, sample_weight)"
        )
    return Batch(*batch)


def measured_sums(
    batches: Iterable[Batch], measure: Callable[[Batch], BatchMetrics], function: str
) -> MetricSums:
    """Sums of the metrics over all images of the batches.

    Raises:
        TypeError: if a batch is neither (x, y) nor (x, y, sample_weight).
        ValueError: if there are no batches, all weights are 0, or all labels are ignored.
    """
    sums = MetricSums()
    has_zeros_alone = True
    for batch in batches:
        sums.add(measure(batch))
        weights = batch.sample_weight
        has_zeros_alone &= weights is not None and not np.any(weights)
    if sums.images == 0:
        raise ValueError(f"{function}: there are no batches, expected at least one (x, y)")
    if has_zeros_alone:
        raise ValueError(only_zeros(function))
    if sums.row_weight == 0 and not sums.heads:  # other outputs may have labels
        raise ValueError(only_ignored(function))
    return sums


def only_zeros(function: str) -> str:
    """Sentence that refuses the weights of a data set."""
    return f"{function}: sample_weight holds only zeros, expected at least one number above 0"


def only_ignored(function: str) -> str:
    """Sentence that refuses the labels of a data set."""
    return f"{function}: every label is ignore_index, expected one of a class"
