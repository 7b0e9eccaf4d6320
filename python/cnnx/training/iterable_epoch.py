"""Epochs over an iterable of batches, for `Trainer.fit`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from itertools import islice
from typing import Any, Protocol, TypeAlias

import numpy as np

from cnnx import _core
from cnnx.arguments import shown
from cnnx.training.run_state import Position

AugmentationSettings: TypeAlias = "dict[str, Any] | None"


class BeginBatch(Protocol):
    """Function that begins an epoch of one batch."""

    def __call__(
        self, x: Any, y: Any, epoch: int, first: int, augmentation: AugmentationSettings
    ) -> tuple[_core.Epoch, int]:
        """Begin an epoch of the images `first`, `first` + 1, ...; return it and their number."""


class IterableEpoch:
    """Epoch over an iterable of batches, with the interface of `_core.Epoch`.

    Attributes:
        step: number of finished batches.
        steps: number of batches; 0 if the iterable has no length.
    """

    def __init__(
        self,
        batches: Iterable[Any],
        begin: BeginBatch,
        epoch: int,
        augmentation: AugmentationSettings,
        position: Position,
    ) -> None:
        """Start iterating over batches (x, y), skipping those before `position`."""
        self.step, sums = position
        self.steps = _number_of(batches)
        self._iterator = iter(batches)
        self._begin = begin
        self._epoch = epoch
        self._augmentation = augmentation
        self._loss, self._weight, self._accuracy, images = sums or (0.0, 0.0, 0.0, 0.0)
        self._images = int(images)
        for _ in islice(self._iterator, self.step):
            pass

    @property
    def position(self) -> Position:
        """Position at which a resumed run continues."""
        return self.step, (self._loss, self._weight, self._accuracy, float(self._images))

    @property
    def metrics(self) -> tuple[float, float]:
        """Mean loss, weighted by its kind, and accuracy over the images so far."""
        return self._loss / (self._weight or 1.0), self._accuracy / self._images

    def advance(self) -> bool:
        """Train on the next batch; return False after the last one."""
        for batch in self._iterator:
            if not isinstance(batch, (tuple, list)) or len(batch) != 2:
                raise TypeError(f"fit: a batch is {shown(batch)}, expected (x, y)")
            x, y = batch
            run, count = self._begin(x, y, self._epoch, self._images, self._augmentation)
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


Epoch: TypeAlias = _core.Epoch | IterableEpoch


def batch_epochs(
    batches: Any,
    epochs: int,
    begin: BeginBatch,
    augmentation: AugmentationSettings,
    **for_arrays: object,
) -> tuple[Callable[[int, Position], Epoch], int]:
    """Function that begins an epoch over `batches`, and its number of steps (0 if unknown).

    Args:
        batches: the `x` of `fit` without `y`.
        epochs: number of epochs.
        begin: function that begins an epoch of one batch.
        augmentation: settings of an augmentation, or None.
        for_arrays: settings of `fit` that apply only to arrays.

    Raises:
        TypeError: if `batches` is not an iterable of batches.
        ValueError: if a setting for arrays is given, or an iterator has to be used twice.
    """
    if not isinstance(batches, Iterable) or isinstance(batches, (np.ndarray, str)):
        raise TypeError(
            f"fit: x is {shown(batches)} without y, expected labels too, a Dataset, or an iterable "
            "of batches (x, y)"
        )
    for name, value in for_arrays.items():
        if value is not None:
            raise ValueError(f"fit: {name} is {value!r}, expected none with an iterable of batches")
    if epochs > 1 and isinstance(batches, Iterator):
        raise ValueError(
            f"fit: x is an iterator, which can be used once, but epochs is {epochs}: pass an "
            "iterable such as a list or a DataLoader"
        )

    def begin_epoch(epoch: int, position: Position) -> Epoch:
        return IterableEpoch(batches, begin, epoch, augmentation, position)

    return begin_epoch, _number_of(batches)


def _number_of(batches: Iterable[Any]) -> int:
    return len(batches) if isinstance(batches, Sized) else 0
