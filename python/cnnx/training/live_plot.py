"""Callback that draws the curves of a fit while it runs."""

from __future__ import annotations

from typing import Any

from cnnx.drawing.notebook import in_notebook
from cnnx.training.callback_base import Callback
from cnnx.training.fit_progress import TextProgress
from cnnx.training.history import Progress


class LivePlot(Callback):
    """Curves of loss and accuracy in a notebook, drawn again while the fit runs.

    One display shows the curves of all epochs of the trainer and, during the fit, a bar with the
    speed and the time left. Elsewhere it writes a line per epoch to stderr. It takes the place of
    the progress that `fit` shows by itself.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(64, seed=1)
        >>> trainer = cnnx.Trainer(cnnx.models.small((32, 32, 1), ["X", "O"]))
        >>> history = trainer.fit(x, y, epochs=2, callbacks=[cnnx.callbacks.LivePlot()])
    """

    shows_progress = True
    only_in_first_process = True

    def __init__(self) -> None:
        self._shown: Callback = Callback()

    def on_fit_begin(self, trainer: Any) -> None:
        """Create the display."""
        if in_notebook():
            from cnnx.training.notebook_progress import NotebookCurves  # on first use

            self._shown = NotebookCurves()
        else:
            self._shown = TextProgress()
        self._shown.on_fit_begin(trainer)

    def on_step_end(self, trainer: Any, progress: Progress) -> None:
        """Advance the bar."""
        self._shown.on_step_end(trainer, progress)

    def on_epoch_end(self, trainer: Any, progress: Progress) -> None:
        """Draw the curves again, or write the line of the epoch."""
        self._shown.on_epoch_end(trainer, progress)

    def on_fit_end(self, trainer: Any) -> None:
        """Draw the curves without a bar."""
        self._shown.on_fit_end(trainer)
        self._shown = Callback()  # a display and its stream cannot be copied or pickled
