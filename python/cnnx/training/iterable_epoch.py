"""Epochs of batches as they come from an iterable: what `Trainer.fit` does with generators."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from itertools import islice
from typing import Any, Protocol, TypeAlias

import numpy as np

from cnnx import _core
from cnnx.arguments import shown
from cnnx.training.run_state import Position

Changes: TypeAlias = "dict[str, Any] | None"


class BeginBatch(Protocol):
    """Begins the epoch of one batch."""

    def __call__(
        self, x: Any, y: Any, epoch: int, first: int, changes: Changes
    ) -> tuple[_core.Epoch, int]:
        """The epoch of images `first`, `first` + 1, ..., and how many they are."""


class BatchRun:
    """Trains on one batch after the other, as `_core.Epoch` does on an array's.

    Attributes:
        step: batches trained.
        steps: how many there will be; 0 where the iterable has no length.
    """

    def __init__(
        self,
        batches: Iterable[Any],
        begin: BeginBatch,
        epoch: int,
        changes: Changes,
        position: Position,
    ) -> None:
        """Begin to iterate over what gives (x, y), and passes over what is already trained on."""
        self.step, sums = position
        self.steps = _number_of(batches)
        self._iterator = iter(batches)
        self._begin = begin
        self._epoch = epoch
        self._changes = changes
        self._loss, self._weight, self._accuracy, images = sums or (0.0, 0.0, 0.0, 0.0)
        self._images = int(images)
        for _ in islice(self._iterator, self.step):
            pass

    @property
    def position(self) -> Position:
        """Where a run that is begun anew goes on."""
        return self.step, (self._loss, self._weight, self._accuracy, float(self._images))

    @property
    def metrics(self) -> tuple[float, float]:
        """Mean loss and accuracy over the images so far, the loss weighted as its kind says."""
        return self._loss / (self._weight or 1.0), self._accuracy / self._images

    def advance(self) -> bool:
        """Train on the next batch; False, and nothing happens, when there is none."""
        for batch in self._iterator:
            if not isinstance(batch, (tuple, list)) or len(batch) != 2:
                raise TypeError(f"fit: a batch is {shown(batch)}, expected (x, y)")
            x, y = batch
            run, count = self._begin(x, y, self._epoch, self._images, self._changes)
            run.advance()
            loss, accuracy = run.metrics
            self._loss += loss * run.weight
            self._weight += run.weight
            self._accuracy += accuracy * count
            self._images += count
            self.step += 1
            return True
        if self.step == 0:
            raise ValueError("fit: x gave no batches, expected at least one (x, y)")
        return False


EpochRun: TypeAlias = _core.Epoch | BatchRun


def batch_epochs(
    batches: Any, epochs: int, begin: BeginBatch, changes: Changes, **for_arrays: object
) -> tuple[Callable[[int, Position], EpochRun], int]:
    """What begins an epoch of batches, and how many steps it has (0: nobody knows).

    Args:
        batches: what `fit` got without labels.
        epochs: how often they are needed.
        begin: the trainer's part.
        changes: an augmentation's settings.
        for_arrays: settings of `fit` that batches as they come leave no room for.
    """
    if not isinstance(batches, Iterable) or isinstance(batches, (np.ndarray, str)):
        raise TypeError(
            f"fit: x is {shown(batches)} without y, expected labels too, a Dataset, or an iterable "
            "of batches (x, y)"
        )
    for name, value in for_arrays.items():
        if value is not None:
            raise ValueError(f"fit: {name} is {value!r}, expected none with batches as they come")
    if epochs > 1 and isinstance(batches, Iterator):
        raise ValueError(
            f"fit: x gives its batches once, but epochs is {epochs}: pass an iterable that begins "
            "anew, such as a list or a DataLoader"
        )

    def begin_epoch(epoch: int, position: Position) -> EpochRun:
        return BatchRun(batches, begin, epoch, changes, position)

    return begin_epoch, _number_of(batches)


def _number_of(batches: Iterable[Any]) -> int:
    return len(batches) if isinstance(batches, Sized) else 0
