"""A fit at work: epochs of steps, what is measured after each, and when the run is saved."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cnnx import _core
from cnnx.training.callback_base import Callback
from cnnx.training.history import History, Progress
from cnnx.training.interrupts import interrupts_wait
from cnnx.training.iterable_epoch import EpochRun
from cnnx.training.run_state import Position, Run

_NOTHING = (float("nan"), float("nan"))  # a validation's figures without one


@contextmanager
def _placed(place: str) -> Iterator[None]:
    """Begin what is said of numbers that are not finite with `place`."""
    try:
        yield
    except FloatingPointError as error:
        raise FloatingPointError(place + str(error).removeprefix("fit: ")) from None


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
        callbacks: likewise, and part of the run.
        trainer: whose fit it is, for the callbacks.
        save: writes a checkpoint, if there is to be one.
    """

    core: _core.Trainer
    history: History
    run: Run
    begin: Callable[[int, Position], EpochRun]
    validate: Callable[[], tuple[float, float]] | None
    watched: str | None
    progress: Callable[[Progress], object] | None
    callbacks: Sequence[Callback]
    trainer: Any
    save: Callable[[], None]

    def train(self) -> None:
        """Go on from where the run is to its end.

        Raises:
            KeyboardInterrupt: on Ctrl-C, when the step is done and the run is saved.
            FloatingPointError: the loss or a weight is NaN or infinite.
        """
        begun: list[Callback] = []
        try:
            for callback in self.callbacks:
                callback.on_fit_begin(self.trainer)
                begun.append(callback)
            if not self.run.is_over:
                self._restore_callbacks()
                self._train()
        finally:
            for callback in begun:
                callback.on_fit_end(self.trainer)

    def _restore_callbacks(self) -> None:
        kept = self.run.callbacks
        if not kept:
            return
        keeping = self._keeping()
        given = [type(callback).__name__ for callback in keeping]
        expected = [name for name, _ in kept]
        if given != expected:
            raise ValueError(
                f"fit: callbacks with a state are {', '.join(given) or 'none'}, expected those "
                f"that the run was begun with, {', '.join(expected)}"
            )
        for callback, (_, state) in zip(keeping, kept, strict=True):
            callback.restore(state)

    def _train(self) -> None:
        try:
            self._save()  # that it can be written is better known before the work than after
            while not self.run.is_over:
                self._train_epoch()
        except KeyboardInterrupt:
            self._end()
            raise
        else:
            self._end()
        finally:
            self.run.callbacks = self._states()

    def _end(self) -> None:
        if self.run.is_over:
            with interrupts_wait():
                for callback in self.callbacks:
                    callback.on_run_end(self.trainer)
        self._save()

    def _keeping(self) -> list[Callback]:
        """Those that have a state, be it empty for now."""
        plain = Callback.state
        return [callback for callback in self.callbacks if type(callback).state is not plain]

    def _states(self) -> list[list[Any]]:
        return [[type(callback).__name__, callback.state()] for callback in self._keeping()]

    def _save(self) -> None:
        self.run.callbacks = self._states()
        self.save()

    def _train_epoch(self) -> None:
        run = self.run
        begun = time.perf_counter()
        epoch = self.begin(run.number, run.position)
        try:
            while self._advance(epoch):
                self._report(epoch)
                every = run.settings["checkpoint_every"]
                if every and (run.steps + epoch.step) % every == 0:
                    run.position = epoch.position
                    self._save()
                if run.stopped:
                    return
            validated = self._validated()
        finally:
            run.position = epoch.position
        with interrupts_wait():
            self.history.add(epoch.metrics, validated, time.perf_counter() - begun)
            figures = self.history.last()
            if self.watched is not None:
                self.core.observe(figures[self.watched])
            finished = self._progress(epoch, figures)
            run.end_epoch(epoch.step)
            for callback in self.callbacks:
                callback.on_epoch_end(self.trainer, finished)
        if self.progress is not None:
            self.progress(finished)
        if not run.is_over and not run.settings["checkpoint_every"]:
            self._save()

    def _validated(self) -> tuple[float, float]:
        """What is measured after an epoch, of a model that is fit to be measured."""
        after = f"fit: after epoch {self.run.epoch} "
        with _placed(after):
            self.core.check_finite()
        if self.validate is None:
            return _NOTHING
        loss, accuracy = self.validate()
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"{after}the validation loss is {'NaN' if math.isnan(loss) else 'infinite'}, "
                "expected a finite loss: try a smaller learning rate"
            )
        return loss, accuracy

    def _advance(self, epoch: EpochRun) -> bool:
        with _placed(f"fit: in step {epoch.step + 1} of epoch {self.run.epoch} "):
            return epoch.advance()

    def _report(self, epoch: EpochRun) -> None:
        progress = self._progress(epoch)
        for callback in self.callbacks:
            callback.on_step_end(self.trainer, progress)
        if self.progress is not None:
            self.progress(progress)

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
