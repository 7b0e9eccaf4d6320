"""Callback: what may happen at the events of a fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnx.arguments import shown
from cnnx.training.history import Progress

__all__ = ["Callback"]


class Callback:
    """Told about the events of a `Trainer.fit`; override what you need.

    `trainer.stop()` ends the fit. What a callback changes in the trainer or its model is part of
    the run; so that a resumed run is the same run, `state` gives what it must not forget.

    Attributes:
        watch: the figure of an epoch that it needs, as in `History`; `fit` refuses one that will
            not be measured. None for none.

    Example:
        >>> import cnnx
        >>> class Loud(cnnx.callbacks.Callback):
        ...     def on_epoch_end(self, trainer, progress):
        ...         print("epoch", progress.epoch, "of", progress.epochs)
        >>> x, y = cnnx.data.xo(64, seed=1)
        >>> trainer = cnnx.Trainer(cnnx.models.small((32, 32, 1), ["X", "O"]))
        >>> history = trainer.fit(x, y, epochs=2, callbacks=[Loud()])
        epoch 1 of 2
        epoch 2 of 2
    """

    watch: str | None = None

    def on_fit_begin(self, trainer: Any) -> None:
        """Before the first step, also of a run that goes on; `trainer.history` holds what was."""

    def on_step_end(self, trainer: Any, progress: Progress) -> None:
        """After a step."""

    def on_epoch_end(self, trainer: Any, progress: Progress) -> None:
        """After an epoch's validation, with its figures in `progress.finished_epoch`."""

    def on_run_end(self, trainer: Any) -> None:
        """When a run is over, before its last checkpoint: all epochs are done, or `stop` ended it.
        One that is interrupted is not over.
        """

    def on_fit_end(self, trainer: Any) -> None:
        """When the fit ends, however it does."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint must keep: plain values and float32 or float64 arrays, by name."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take what `state` gave, lists for tuples, after `on_fit_begin` of a run that goes on."""


def check_callbacks(callbacks: object) -> None:
    """What `fit` was given.

    Raises:
        TypeError: if it is no list of callbacks.
    """
    if not isinstance(callbacks, Sequence):
        raise TypeError(f"fit: callbacks is {shown(callbacks)}, expected a list of callbacks")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(
                f"fit: callbacks holds {shown(callback)}, expected a cnnx.callbacks.Callback"
            )
