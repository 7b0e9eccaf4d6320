"""Progress on stderr: a bar on terminals, and one line per epoch of training."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

from cnnx.data.progress import bar_maker

if TYPE_CHECKING:
    from cnnx.training.history import Progress


class EpochProgress:
    """Progress of `Trainer.fit`, a context manager that closes its bar.

    Args:
        stream: stream to write to; stderr if None.

    Attributes:
        steps_done: number of finished steps.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._bar: Any = None
        self._make_bar = bar_maker(self._stream)
        self._started = time.perf_counter()
        self.steps_done = 0

    def __enter__(self) -> EpochProgress:
        return self

    def __exit__(self, *exception: object) -> None:
        self._close_bar()

    def __call__(self, progress: Progress) -> None:
        """Advance the bar by one step, or print the line of a finished epoch."""
        if progress.finished_epoch is not None:
            self._close_bar()
            left = self._seconds_left(progress)
            line = epoch_line(progress.epoch, progress.epochs, progress.finished_epoch, left)
            print(line, file=self._stream, flush=True)
            return
        self.steps_done += 1
        if self._make_bar is not None and self._bar is None:
            self._bar = self._make_bar(
                total=progress.steps,
                desc=f"epoch {progress.epoch}/{progress.epochs}",
                initial=progress.step - 1,
                unit="step",
                leave=False,
                file=self._stream,
                dynamic_ncols=True,
            )
        if self._bar is not None:
            left = self._seconds_left(progress)
            whole = f", {duration(left)} left in all" if left else ""
            self._bar.set_postfix_str(f"loss {progress.loss:.4f}{whole}", refresh=False)
            self._bar.update(1)

    def _seconds_left(self, progress: Progress) -> float:
        """Seconds to the end of the run at the speed so far; 0 if they are unknown."""
        left = (progress.epochs - progress.epoch + 1) * progress.steps - progress.step
        if not self.steps_done or not progress.steps:
            return 0
        return (time.perf_counter() - self._started) / self.steps_done * left

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def epoch_line(
    epoch: int, epochs: int, metrics: Mapping[str, float], seconds_left: float = 0
) -> str:
    """Metrics of one epoch in one line, without those that were not measured."""
    parts = []
    for key in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
        value = metrics.get(key, math.nan)
        if not math.isnan(value):
            shown = f"{value:.2%}" if key.endswith("accuracy") else f"{value:.4f}"
            parts.append(f"{key.replace('_', ' ')} {shown}")
    left = f", {duration(seconds_left)} left" if seconds_left else ""
    return f"epoch {epoch}/{epochs}: {', '.join(parts)} ({metrics['seconds']:.1f} s{left})"


def duration(seconds: float) -> str:
    """Duration in seconds, minutes and seconds, or hours and minutes.

    Example:
        >>> duration(7.6), duration(200), duration(7500)
        ('8 s', '3:20 min', '2:05 h')
    """
    whole = math.ceil(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02} h"
