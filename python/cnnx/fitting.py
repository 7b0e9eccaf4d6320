"""A fit at work: epochs of steps, what is measured after each, and when the run is saved."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from cnnx import _core
from cnnx.batch_run import EpochRun
from cnnx.history import History, Progress
from cnnx.interrupts import interrupts_wait
from cnnx.run import Position, Run

_NOTHING = (float("nan"), float("nan"))  # a validation's figures without one


@dataclass
class Fitting:
    """Trains until a run is over.

    Attributes:
        core: the trainer's core.
        history: receives every epoch's figures.
        run: what is asked for; always says how far it is when control leaves this object.
        begin: begins the epoch of a number at a position.
        validate: measures an epoch; None where nothing is held apart for it.
        watched: the figure that the schedule observes after every epoch.
        progress: called after every step and epoch.
        save: writes a checkpoint, if there is to be one.
    """

    core: _core.Trainer
    history: History
    run: Run
    begin: Callable[[int, Position], EpochRun]
    validate: Callable[[], tuple[float, float]] | None
    watched: str | None
    progress: Callable[[Progress], object] | None
    save: Callable[[], None]

    def train(self) -> None:
        """Goes on from where the run is to its end.

        Raises:
            KeyboardInterrupt: on Ctrl-C, when the step is done and the run is saved.
            FloatingPointError: the loss is NaN or infinite.
        """
        try:
            self.save()  # that it can be written is better known before the work than after
            while not self.run.is_over:
                self._train_epoch()
        except KeyboardInterrupt:
            self.save()
            raise

    def _train_epoch(self) -> None:
        run = self.run
        begun = time.perf_counter()
        epoch = self.begin(run.number, run.position)
        try:
            while self._advance(epoch):
                self._report(epoch)
                every = run.settings["checkpoint_every"]
                if every and self._steps_done(epoch) % every == 0:
                    run.position = epoch.position
                    self.save()
            validated = _NOTHING if self.validate is None else self.validate()
        finally:
            run.position = epoch.position
        with interrupts_wait():
            self.history.add(epoch.metrics, validated, time.perf_counter() - begun)
            figures = self.history.last()
            if self.watched is not None:
                self.core.observe(figures[self.watched])
            finished = self._progress(epoch, figures)
            run.end_epoch()
        if self.progress is not None:
            self.progress(finished)
        if run.is_over or not run.settings["checkpoint_every"]:
            self.save()

    def _advance(self, epoch: EpochRun) -> bool:
        try:
            return epoch.advance()
        except FloatingPointError as error:
            place = f"fit: in step {epoch.step + 1} of epoch {self.run.epoch} "
            raise FloatingPointError(place + str(error).removeprefix("fit: ")) from None

    def _steps_done(self, epoch: EpochRun) -> int:
        return (self.run.epoch - 1) * epoch.steps + epoch.step

    def _report(self, epoch: EpochRun) -> None:
        if self.progress is not None:
            self.progress(self._progress(epoch))

    def _progress(self, epoch: EpochRun, finished: dict[str, float] | None = None) -> Progress:
        return Progress(
            self.run.epoch,
            int(self.run.settings["epochs"]),
            epoch.step,
            epoch.steps,
            epoch.metrics[0],
            self.core.last_learning_rate,
            finished,
        )
