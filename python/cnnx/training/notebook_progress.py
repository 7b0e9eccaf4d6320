"""Progress of a fit in a notebook: one display with the epochs or curves so far and a bar."""

from __future__ import annotations

from typing import Any

from cnnx.drawing.curves import history_charts
from cnnx.drawing.markup import Markup, element, joined, table
from cnnx.drawing.notebook import display
from cnnx.drawing.page import fragment
from cnnx.metric_kinds import metric_words
from cnnx.training.callback_base import Callback
from cnnx.training.history import History, Progress
from cnnx.training.run_speed import RunSpeed, epoch_line, left, measured, rate

_BETWEEN_UPDATES = 0.25  # seconds; each one is sent to the browser
_REST = 100  # times the duration of an update pass before the next one, so that it costs 1 %


class NotebookDisplay(Callback):
    """Base class of callbacks with one display in a notebook, which they update.

    A subclass makes the display's content in `_content`.
    """

    only_in_first_process = True

    def __init__(self) -> None:
        self._speed = RunSpeed()
        self._handle: Any = None
        self._progress: Progress | None = None  # None before the first step and after the fit
        self._next_update = 0.0

    def on_fit_begin(self, trainer: Any) -> None:
        """Create the display."""
        self._speed.begin()
        self._progress, self._next_update = None, 0.0
        self._handle = display(self)

    def on_step_end(self, trainer: Any, progress: Progress) -> None:
        """Update the display a few times a second."""
        if self._speed.step(progress) >= self._next_update:
            self._progress = progress
            self._update()

    def on_epoch_end(self, trainer: Any, progress: Progress) -> None:
        """Add the epoch, and update the display a few times a second."""
        self._progress = progress
        self._speed.end_epoch(progress)
        if self._speed.now() >= self._next_update:
            self._update()

    def on_fit_end(self, trainer: Any) -> None:
        """Show the finished epochs without a bar."""
        self._progress = None
        self._update()

    def _update(self) -> None:
        if self._handle is None:
            return
        started = self._speed.now()
        self._handle.update(self)
        ended = self._speed.now()
        self._next_update = ended + max(_BETWEEN_UPDATES, _REST * (ended - started))

    def _content(self) -> Markup:
        raise NotImplementedError

    def _bar(self) -> Markup | None:
        """The bar of the running epoch with the speed and the time left."""
        progress = self._progress
        if progress is None:
            return None
        parts = [
            f"epoch {progress.epoch}/{progress.epochs}",
            f"loss {progress.loss:.4f}",
            rate(self._speed.images_per_second),
            left(self._speed.seconds_left(progress)),
        ]
        bar = element("progress", value=progress.step, max=progress.steps or None)
        return element("p", bar, f" {', '.join(filter(None, parts))}", class_="faint")

    def _repr_html_(self) -> str:
        return fragment(self._content(), self._bar())


class NotebookProgress(NotebookDisplay):
    """Progress of a fit as a table of the finished epochs and a bar."""

    def __init__(self) -> None:
        super().__init__()
        self._epochs: list[tuple[int, int, dict[str, float]]] = []

    def on_fit_begin(self, trainer: Any) -> None:
        """Create the display without epochs."""
        self._epochs = []
        super().on_fit_begin(trainer)

    def on_epoch_end(self, trainer: Any, progress: Progress) -> None:
        """Add the epoch."""
        self._epochs.append((progress.epoch, progress.epochs, progress.finished_epoch or {}))
        super().on_epoch_end(trainer, progress)

    def _content(self) -> Markup:
        if not self._epochs:
            return joined([])
        texts = [measured(metrics) for _, _, metrics in self._epochs]
        names = list(dict.fromkeys(name for each in texts for name in each))
        rows = [
            (f"{epoch}", *(own.get(name, "") for name in names), f"{metrics['seconds']:.1f} s")
            for (epoch, _, metrics), own in zip(self._epochs, texts, strict=True)
        ]
        header = ("epoch", *map(metric_words, names), "time")
        return element("div", table(header, rows), class_="epochs")

    def __repr__(self) -> str:
        return "\n".join(epoch_line(*each) for each in self._epochs)


class NotebookCurves(NotebookDisplay):
    """Display of the curves of a trainer's history."""

    def __init__(self) -> None:
        super().__init__()
        self._history = History()

    def on_fit_begin(self, trainer: Any) -> None:
        """Create the display with the epochs so far."""
        self._history = trainer.history
        super().on_fit_begin(trainer)

    def _content(self) -> Markup:
        return history_charts(vars(self._history)) if len(self._history) else joined([])

    def __repr__(self) -> str:
        return f"curves of {len(self._history)} epochs"
