"""Progress on stderr: a bar on a terminal, and of training everywhere one line per epoch."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from cnnx.training.history import Progress


class EpochProgress:
    """Called by `Trainer.fit` after every step; use it in a `with` so that no bar is left open.

    Args:
        stream: Where to write; stderr if None.

    Attributes:
        steps_done: how many it has seen.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._bar: Any = None
        self._make_bar = _bar_maker(self._stream)
        self.steps_done = 0

    def __enter__(self) -> EpochProgress:
        return self

    def __exit__(self, *exception: object) -> None:
        self._close_bar()

    def __call__(self, progress: Progress) -> None:
        """Move the bar by one step; ends it with a line when the epoch is finished."""
        if progress.finished_epoch is not None:
            self._close_bar()
            line = epoch_line(progress.epoch, progress.epochs, progress.finished_epoch)
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
            self._bar.set_postfix_str(f"loss {progress.loss:.4f}", refresh=False)
            self._bar.update(1)

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class DecodingProgress:
    """Called by `cnnx.data.load` as it decodes: a bar on a terminal, elsewhere nothing.

    Args:
        stream: Where to write; stderr if None.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._make_bar = _bar_maker(self._stream)
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        """Move the bar; ends it with the last image of each set."""
        if self._make_bar is None:
            return
        if self._bar is None:
            self._bar = self._make_bar(
                total=total, desc="decoding", unit="image", leave=False, file=self._stream
            )
        self._bar.update(done - self._bar.n)
        if done == total:
            self._bar.close()
            self._bar = None


def epoch_line(epoch: int, epochs: int, figures: Mapping[str, float]) -> str:
    """One epoch in one line; figures that were not measured are left out."""
    parts = []
    for key in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
        value = figures.get(key, math.nan)
        if not math.isnan(value):
            shown = f"{value:.2%}" if key.endswith("accuracy") else f"{value:.4f}"
            parts.append(f"{key.replace('_', ' ')} {shown}")
    return f"epoch {epoch}/{epochs}: {', '.join(parts)} ({figures['seconds']:.1f} s)"


def _bar_maker(stream: TextIO) -> Any:
    """tqdm, when there is a terminal to draw on and it is installed."""
    if not stream.isatty():
        return None
    try:
        return import_module("tqdm").tqdm
    except ImportError:
        return None
