"""What a fit reports: the figures of every finished epoch, and where it is after a step."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["History", "Progress"]


@dataclass
class History:
    """What every finished epoch measured: lists of one length.

    Attributes:
        loss: mean over the epoch's images, each measured before the update its batch caused.
        accuracy: share of right answers, likewise; NaN unless the loss is a cross-entropy.
        validation_loss: after the epoch, on images that were not trained on; NaN without any.
        validation_accuracy: likewise.
        seconds: how long the epoch took, validation included.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.loss)

    def add(
        self, trained: tuple[float, float], validated: tuple[float, float], seconds: float
    ) -> None:
        """Append an epoch's (loss, accuracy), trained and validated."""
        for values, value in (
            (self.loss, trained[0]),
            (self.accuracy, trained[1]),
            (self.validation_loss, validated[0]),
            (self.validation_accuracy, validated[1]),
            (self.seconds, seconds),
        ):
            values.append(value)

    def last(self) -> dict[str, float]:
        """The latest epoch's figures by name."""
        return {name: values[-1] for name, values in vars(self).items()}


@dataclass(frozen=True)
class Progress:
    """Where a fit is, after a step.

    Attributes:
        epoch: the current epoch of this fit, from 1 to `epochs`.
        epochs: how many epochs this fit does.
        step: steps of this epoch done.
        steps: steps of an epoch; 0 where batches come from an iterable without a length.
        loss: mean over this epoch so far.
        learning_rate: of the step.
        finished_epoch: the epoch's figures, as in `History`, in the one call that follows its
            validation; else None.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    learning_rate: float
    finished_epoch: dict[str, float] | None = None
