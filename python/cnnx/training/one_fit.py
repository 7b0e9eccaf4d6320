"""Refusal of a second fit of a model while one is running."""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_Fit = Callable[Concatenate[Any, _Arguments], _Result]
_running: weakref.WeakKeyDictionary[Any, threading.Lock] = weakref.WeakKeyDictionary()


def one_at_a_time(fit: _Fit[_Arguments, _Result]) -> _Fit[_Arguments, _Result]:
    """Let `fit` raise a ValueError during another fit of the same model, in any thread.

    Two trainers of one model would mix their steps, in an order that no run repeats.
    """

    @functools.wraps(fit)
    def guarded(trainer: Any, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        running = _running.setdefault(trainer.model, threading.Lock())
        if not running.acquire(blocking=False):
            raise ValueError(
                "fit: another fit of this model is running, expected one at a time: fit a "
                "cnnx.Trainer of model.clone()"
            )
        try:
            return fit(trainer, *args, **kwargs)
        finally:
            running.release()

    return guarded
