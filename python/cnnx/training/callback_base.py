"""Base class of the callbacks of `Trainer.fit`."""

from __future__ import annotations

import difflib
import inspect
import os
from collections.abc import Mapping, Sequence
from typing import Any

from cnnx.advice import warn
from cnnx.arguments import check_signature, shown
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
        file: path of the file that it writes, or None. `fit` refuses two writers of one file.
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
    file: str | None = None

    def __init_subclass__(cls) -> None:
        """Warn of methods that look like those of a callback but are never called."""
        super().__init_subclass__()
        for name in vars(cls):
            if name.startswith("on_") and not hasattr(Callback, name):
                nearest = difflib.get_close_matches(_meant(name), _METHODS, 1, 0.0)[0]
                warn(f"{cls.__name__}: no fit calls {name}, expected {nearest}")
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


def warn_of_changed(callback: Callback, state: Mapping[str, Any]) -> None:
    """Warn of settings that a resumed run replaces by those in the state of its callback.

    A callback with default settings gets them without a warning.
    """
    for name, parameter in inspect.signature(type(callback)).parameters.items():
        given = getattr(callback, name, None)
        if name in state and given not in (state[name], parameter.default):
            warn(
                f"fit: {name} of {type(callback).__name__} is {shown(given)}, but the resumed run "
                f"keeps {shown(state[name])}, with which it was started"
            )


_KERAS_ARGUMENTS = ("batch", "epoch", "logs")
_METHODS = [name for name in vars(Callback) if name.startswith("on_")]


def _meant(name: str) -> str:
    """A method's name in other libraries in the words of this one."""
    for theirs, ours in (("train", "fit"), ("batch", "step"), ("start", "begin")):
        name = name.replace(theirs, ours)
    return name


def state_of(callback: Callback) -> dict[str, Any]:
    """State of a callback.

    Raises:
        TypeError: if it is no dict.
    """
    state = callback.state()
    if not isinstance(state, dict):
        raise TypeError(
            f"fit: {type(callback).__name__}.state() is {shown(state)}, expected a dict"
        )
    return state


def check_callbacks(callbacks: object, checkpoint: str | None) -> None:
    """Check the `callbacks` argument of `fit`, whose checkpoint is that file.

    Raises:
        TypeError: if it is not a list of callbacks, or a method takes other arguments.
        ValueError: if two callbacks, or one and the checkpoint, write one file.
    """
    if not isinstance(callbacks, Sequence):
        raise TypeError(f"fit: callbacks is {shown(callbacks)}, expected a list of callbacks")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(
                f"fit: callbacks holds {shown(callback)}, expected a cnnx.callbacks.Callback"
            )
        for name in _METHODS:
            _check_method(callback, name)
    _check_files([("checkpoint", checkpoint), *((type(c).__name__, c.file) for c in callbacks)])


def _check_method(callback: Callback, name: str) -> None:
    arguments = [*inspect.signature(getattr(Callback, name)).parameters][1:]
    beginning = f"fit: callbacks: {type(callback).__name__}.{name}"
    expected = f"({', '.join(arguments)})"
    check_signature(getattr(callback, name), len(arguments), beginning, expected)
    first = next(iter(inspect.signature(getattr(callback, name)).parameters), "")
    if first in _KERAS_ARGUMENTS:
        raise TypeError(
            f"{beginning} takes {first!r} first, as in Keras, expected {expected}, of which "
            "progress.epoch counts the epochs and progress.finished_epoch has their metrics"
        )


def _check_files(writers: Sequence[tuple[str, str | None]]) -> None:
    found: dict[str, str] = {}
    for name, file in writers:
        if file is None:
            continue
        place = os.path.realpath(file)
        if place in found:
            raise ValueError(
                f"fit: {found[place]} and {name} both write {file!r}, expected a file for each"
            )
        found[place] = name
