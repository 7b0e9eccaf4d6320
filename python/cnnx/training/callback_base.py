"""Base class of the callbacks of `Trainer.fit`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnx.arguments import shown
from cnnx.spelling import checked_call
from cnnx.training.history import Progress

__all__ = ["Callback"]


class Callback:
    """Base class of callbacks for `Trainer.fit`; override the methods you need.

    `trainer.stop()` ends the fit. Changes to the trainer or its model are part of the run. `state`
    returns the state of the callback that a checkpoint saves, so that a resumed run is identical.

    Attributes:
        watch: metric that the callback needs, as in `History`, or None. `fit` refuses a metric
            that it does not measure.
        shows_progress: whether it shows the progress, so that `fit` by itself does not.
        only_in_first_process: whether a training of several processes calls it in process 0 only,
            because it prints or writes files; such a callback has no `state`. All processes call
            the others.

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
    shows_progress = False
    only_in_first_process = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__init__" in vars(cls):
            checked_call(cls)

    def on_fit_begin(self, trainer: Any) -> None:
        """Handle the start of a fit, new or resumed; `trainer.history` has the earlier epochs."""

    def on_step_end(self, trainer: Any, progress: Progress) -> None:
        """Handle the end of a step."""

    def on_epoch_end(self, trainer: Any, progress: Progress) -> None:
        """Handle the end of an epoch; its metrics are in `progress.finished_epoch`."""

    def on_run_end(self, trainer: Any) -> None:
        """Handle the end of a run, before its last checkpoint is written.

        A run ends after its last epoch or by `stop`. An interrupted run has not ended.
        """

    def on_fit_end(self, trainer: Any) -> None:
        """Handle the end of a fit, for any reason of ending."""

    def state(self) -> dict[str, Any]:
        """State for a checkpoint: plain values and float32 or float64 arrays by name."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the result of `state`, with lists for tuples, after `on_fit_begin`."""


def check_callbacks(callbacks: object) -> None:
    """Check the `callbacks` argument of `fit`.

    Raises:
        TypeError: if it is not a list of callbacks.
    """
    if not isinstance(callbacks, Sequence):
        raise TypeError(f"fit: callbacks is {shown(callbacks)}, expected a list of callbacks")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(
                f"fit: callbacks holds {shown(callback)}, expected a cnnx.callbacks.Callback"
            )
