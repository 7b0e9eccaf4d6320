"""Refusal of a second fit of a trainer while one is running."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_Fit = Callable[Concatenate[Any, _Arguments], _Result]


def one_at_a_time(fit: _Fit[_Arguments, _Result]) -> _Fit[_Arguments, _Result]:
    """Let `fit` raise a ValueError during another fit of the same trainer, in any thread."""

    @functools.wraps(fit)
    def guarded(trainer: Any, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        running: threading.Lock = trainer._fit_is_running
        if not running.acquire(blocking=False):
            raise ValueError(
                "fit: another fit of this trainer is running, expected one at a time: fit a second "
                "cnnx.Trainer of model.clone()"
            )
        try:
            return fit(trainer, *args, **kwargs)
        finally:
            running.release()

    return guarded
