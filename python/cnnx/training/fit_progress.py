"""Progress of a fit in a terminal, a notebook or a log."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

import numpy as np

from cnnx.arguments import check_function_of, shown
from cnnx.data.progress import bar_maker
from cnnx.drawing.notebook import in_notebook
from cnnx.training.callback_base import Callback
from cnnx.training.history import Progress
from cnnx.training.run_speed import RunSpeed, epoch_line, left, rate

_BAR_AFTER = 0.3  # seconds of an epoch after which its bar appears
_BETWEEN_UPDATES = 0.1  # seconds
# A long run of short epochs has a line for each of the first ones, and then not more often than
# this.
_FIRST_EPOCHS = 10
_BETWEEN_LINES = 0.5  # seconds
_ROWS = 24  # some terminals report 0 rows, for which tqdm hides its bar
_NARROW = 72  # columns below which a bar has no speed
_BAR = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix}"
_COUNT = "{desc}: step {n_fmt}{postfix}"


class TextProgress(Callback):
    """Progress as text: a bar on terminals with tqdm, and one line per epoch.

    Args:
        stream: stream to write to; stderr if None.
        every_epoch: whether every epoch has a line, also of a long run of short epochs.

    Attributes:
        steps_done: number of finished steps.
    """

    only_in_first_process = True

    def __init__(self, stream: TextIO | None = None, *, every_epoch: bool = True) -> None:
        self._stream: TextIO | None = sys.stderr if stream is None else stream
        self._every_epoch = every_epoch
        self._speed = RunSpeed()
        self._bar: Any = None
        self._make_bar = bar_maker(self._stream)
        self._next_update = self._next_line = 0.0
        self._epoch_began = True
        self._unwritten: str | None = None

    @property
    def steps_done(self) -> int:
        """Number of finished steps."""
        return self._speed.steps

    def on_fit_begin(self, trainer: Any) -> None:
        """Start measuring the speed."""
        self._speed.begin()

    def on_step_end(self, trainer: Any, progress: Progress) -> None:
        """Advance the bar."""
        now = self._speed.step(progress)
        if self._make_bar is None:
            return
        if self._epoch_began:
            self._epoch_began, self._next_update = False, now + _BAR_AFTER
        if now >= self._next_update:
            self._next_update = now + _BETWEEN_UPDATES
            self._show_bar(progress)

    def on_epoch_end(self, trainer: Any, progress: Progress) -> None:
        """Replace the bar by the line of the epoch."""
        self._close_bar()
        self._unwritten = epoch_line(
            progress.epoch,
            progress.epochs,
            progress.finished_epoch or {},
            images_per_second=self._speed.images_per_second,
            seconds_left=self._speed.seconds_left(progress),
            columns=self._columns(),
        )
        self._speed.end_epoch(progress)
        self._epoch_began = True
        now = self._speed.now()
        if self._every_epoch or progress.epoch <= _FIRST_EPOCHS or now >= self._next_line:
            self._next_line = now + _BETWEEN_LINES
            self._write_line()

    def on_fit_end(self, trainer: Any) -> None:
        """Remove the bar, and write the line of the last epoch."""
        self._close_bar()
        self._write_line()

    def _write_line(self) -> None:
        if self._unwritten is not None and self._stream is not None:
            try:
                print(self._unwritten, file=self._stream, flush=True)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                # The terminal is closed. tqdm ignores this error, too. Commands end by SIGHUP.
                self._stream = self._make_bar = None
        self._unwritten = None

    def _show_bar(self, progress: Progress) -> None:
        if self._bar is None:
            self._bar = self._make_bar(
                total=progress.steps or None,
                desc=f"epoch {progress.epoch}/{progress.epochs}",
                initial=progress.step,
                bar_format=_BAR if progress.steps else _COUNT,
                leave=False,
                file=self._stream,
                nrows=_ROWS,
            )
        columns = self._columns() or _NARROW
        parts = [
            f"loss {progress.loss:.4f}",
            rate(self._speed.images_per_second) if columns >= _NARROW else "",
            left(self._speed.seconds_left(progress)),
        ]
        self._bar.n, self._bar.ncols = progress.step, columns - 1
        self._bar.set_postfix_str(", ".join(filter(None, parts)), refresh=True)

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _columns(self) -> int | None:
        """Width of the terminal; None for a stream that is none."""
        if self._stream is None or not self._stream.isatty():
            return None
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or None
        except (OSError, ValueError):
            return None


def with_progress(
    callbacks: Sequence[Callback], verbose: object, progress: object
) -> Sequence[Callback]:
    """The callbacks of `fit`, with one that shows the progress where it is to be shown.

    Args:
        callbacks: callbacks of the user.
        verbose: the argument of `fit`.
        progress: the user's own function for the progress, or None.

    Raises:
        TypeError: if verbose is neither None nor a boolean, or progress is no function.
    """
    check_function_of(progress, "fit", "progress", 1, "one cnnx.Progress, such as print")
    is_flag = isinstance(verbose, (bool, np.bool_, int)) and verbose in (True, False)
    if verbose is not None and not is_flag:
        raise TypeError(f"fit: verbose is {shown(verbose)}, expected True, False or None")
    if verbose is not None and not verbose:
        return callbacks
    is_shown = progress is not None or any(each.shows_progress for each in callbacks)
    if verbose is None and is_shown:
        return callbacks
    if in_notebook():
        from cnnx.training.notebook_progress import NotebookProgress  # on first use

        return [NotebookProgress(), *callbacks]
    if verbose is None and not (sys.stderr is not None and sys.stderr.isatty()):
        return callbacks
    return [TextProgress(every_epoch=verbose is not None), *callbacks]
