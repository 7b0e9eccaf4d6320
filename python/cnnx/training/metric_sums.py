"""Sums of metrics over batches, divided once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from numpy.typing import ArrayLike

from cnnx.arguments import shown


class BatchMetrics(NamedTuple):
    """Metrics of a batch.

    Attributes:
        loss: mean loss.
        accuracy: accuracy; NaN unless the loss is a cross-entropy.
        weight: divisor of the mean loss.
        images: number of images.
    """

    loss: float
    accuracy: float
    weight: float
    images: int


# Measures a batch; the name begins an error message.
Measure: TypeAlias = Callable[[ArrayLike, ArrayLike, str], BatchMetrics]


@dataclass
class MetricSums:
    """Sums over the images of several batches.

    Attributes:
        loss: sum of the losses.
        weight: divisor of the mean loss.
        accuracy: number of correct predictions.
        images: number of images.
    """

    loss: float = 0.0
    weight: float = 0.0
    accuracy: float = 0.0
    images: int = 0

    def add(self, batch: BatchMetrics) -> None:
        """Add a batch."""
        self.loss += batch.loss * batch.weight
        self.weight += batch.weight
        self.accuracy += batch.accuracy * batch.images
        self.images += batch.images

    @property
    def means(self) -> tuple[float, float]:
        """Mean loss and accuracy."""
        return self.loss / (self.weight or 1.0), self.accuracy / self.images


def arrays_of(batch: Any, function: str) -> tuple[Any, Any]:
    """A batch as (x, y).

    Raises:
        TypeError: if it is anything else; the message begins with `function`.
    """
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        raise TypeError(f"{function}: a batch is {shown(batch)}, expected (x, y)")
    x, y = batch
    return x, y


def measure_batches(batches: Iterable[Any], measure: Measure, function: str) -> tuple[float, float]:
    """Mean loss and accuracy over all images of the batches.

    Raises:
        TypeError: if a batch is not (x, y).
        ValueError: if there are no batches.
    """
    sums = MetricSums()
    for batch in batches:
        sums.add(measure(*arrays_of(batch, function), function))
    if sums.images == 0:
        raise ValueError(f"{function}: there are no batches, expected at least one (x, y)")
    return sums.means
