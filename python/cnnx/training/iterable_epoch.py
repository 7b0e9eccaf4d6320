"""Epochs over an iterable of batches, for `Trainer.fit`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sized
from inspect import GEN_CREATED, getgeneratorstate
from itertools import islice
from typing import Any, Protocol, TypeAlias

from cnnx import _core
from cnnx.arguments import shown
from cnnx.training.labelled_images import refuse_iterator
from cnnx.training.metric_sums import Batch, BatchMetrics, MetricSums, batch_of
from cnnx.training.run_state import Position

AugmentationSettings: TypeAlias = "dict[str, Any] | None"

_END = object()  # in the place of a batch


class BeginBatch(Protocol):
    """Function that begins an epoch of one batch."""

    def __call__(
        self, batch: Batch, epoch: int, first: int, augmentation: AugmentationSettings
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
        """Start iterating over batches, skipping those before `position`."""
        self.step, sums = position
        self.steps = _number_of(batches)
        self._iterator = iter(batches)
        self._fetched: Any = None
        self._begin = begin
        self._epoch = epoch
        self._augmentation = augmentation
        loss, weight, accuracy, *row_weight, images = sums or (0.0, 0.0, 0.0, 0.0)
        self._sums = MetricSums(loss, weight, accuracy, (row_weight or [images])[0], int(images))
        for _ in islice(self._iterator, self.step):
            pass

    @property
    def position(self) -> Position:
        """Position at which a resumed run continues."""
        sums = self._sums
        images = float(sums.images)
        row_weight = () if sums.row_weight == images else (sums.row_weight,)
        return self.step, (sums.loss, sums.weight, sums.accuracy, *row_weight, images)

    @property
    def images(self) -> int:
        """Number of images so far."""
        return self._sums.images

    @property
    def metrics(self) -> tuple[float, float]:
        """Mean loss, weighted by its kind, and accuracy over the images so far."""
        return self._sums.means

    def fetch(self) -> None:
        """Take the next batch from the iterable, for `advance`.

        Raises:
            ValueError: if it has none at all.
        """
        self._fetched = next(self._iterator, _END)
        if self._fetched is _END and self.step == 0:
            raise ValueError("fit: x gave no batches, expected at least one (x, y)")

    def advance(self) -> bool:
        """Train on the fetched batch; return False after the last one."""
        if self._fetched is _END:
            return False
        run, count = self._begin(
            batch_of(self._fetched, "fit"), self._epoch, self._sums.images, self._augmentation
        )
        run.advance()
        self._sums.add(BatchMetrics(*run.metrics, run.weight, run.row_weight, count))
        self.step += 1
        return True


Epoch: TypeAlias = _core.Epoch | IterableEpoch


def batch_epochs(
    batches: Iterable[Any],
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
        ValueError: if a setting for arrays is given, or an iterator has to be used twice.
    """
    for name, value in for_arrays.items():
        if value is not None:
            raise ValueError(
                f"fit: {name} is {shown(value)}, expected none with an iterable of batches"
            )
    refuse_iterator(batches, epochs, "x")

    def begin_epoch(epoch: int, position: Position) -> Epoch:
        if position[0] > 0:
            _refuse_begun(batches, position[0])
        return IterableEpoch(batches, begin, epoch, augmentation, position)

    return begin_epoch, _number_of(batches)


def _refuse_begun(batches: Iterable[Any], skipped: int) -> None:
    """Refuse a generator that the interrupted epoch has begun, for the resumed one."""
    if isinstance(batches, Generator) and getgeneratorstate(batches) != GEN_CREATED:
        raise ValueError(
            f"fit: x is a generator that has begun, expected a new one: a resumed epoch skips the "
            f"{skipped} batches that it has trained on"
        )


def _number_of(batches: Iterable[Any]) -> int:
    return len(batches) if isinstance(batches, Sized) else 0
