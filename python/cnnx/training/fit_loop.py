"""Training loop: epochs, validation, callbacks and checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnx import _core
from cnnx.advice import warn
from cnnx.training.callback_base import Callback, state_of
from cnnx.training.checkpoint import CheckpointPath
from cnnx.training.fit_inputs import FitData
from cnnx.training.history import History, Progress
from cnnx.training.interrupts import InterruptedSteps, interrupts_between_steps, interrupts_wait
from cnnx.training.iterable_epoch import Epoch, IterableEpoch
from cnnx.training.processes import Processes
from cnnx.training.run_length import interrupted_sentence
from cnnx.training.run_state import BATCH_SIZE, Run

_EXPLODED = 100  # times the loss at the start and that of a guess


@contextmanager
def _located(place: str) -> Iterator[None]:
    """Prefix a FloatingPointError with its place in the run."""
    try:
        yield
    except FloatingPointError as error:
        raise FloatingPointError(place + str(error).removeprefix("fit: ")) from None


@dataclass
class FitLoop:
    """Training loop of a run.

    Attributes:
        core: core of the trainer.
        history: receives the metrics of every epoch.
        run: settings and position of the run; up to date whenever control leaves this object.
        data: data of the fit.
        watched: metric that the schedule observes after every epoch.
        progress: called after every step and epoch.
        callbacks: called after every step and epoch; their states are part of the run.
        trainer: trainer to pass to the callbacks.
        save: writes a checkpoint, if the run has one.
        checkpoint: the checkpoint, or None.
        processes: processes of the trainer.
        first_loss: loss of the first step, before its update; None before it.
    """

    core: _core.Trainer
    history: History
    run: Run
    data: FitData
    watched: str | None
    progress: Callable[[Progress], object] | None
    callbacks: Sequence[Callback]
    trainer: Any
    save: Callable[[], None]
    checkpoint: CheckpointPath | None
    processes: Processes
    first_loss: float | None = None

    def train(self) -> None:
        """Train from the position of the run to its end.

        Raises:
            KeyboardInterrupt: on Ctrl-C, after the step is finished and the run is saved.
            FloatingPointError: if the loss or a weight is NaN or infinite.
        """
        started: list[Callback] = []
        try:
            with self._run_of_trainer():
                for callback in self.callbacks:
                    callback.on_fit_begin(self.trainer)
                    started.append(callback)
            if not self.run.is_over:
                self._restore_callbacks()
                self._train()
                self._warn_of_explosion()
        finally:
            with ExitStack() as ends:  # all of them, also after one that fails
                for callback in reversed(started):
                    ends.callback(callback.on_fit_end, self.trainer)

    @contextmanager
    def _run_of_trainer(self) -> Iterator[None]:
        """Make the run that of the trainer, unless a callback refuses it in the block."""
        trainer, run = self.trainer, self.run
        earlier = trainer._run, trainer._checkpoint, trainer._held_out
        last = earlier[0]
        begins_schedule = not (run.has_begun or run.is_over)
        # The core has one schedule: that of an unfinished run stays until no callback refuses.
        is_late = last is not None and last is not run and last.has_begun and not last.is_over
        if begins_schedule and not is_late:
            self._begin_schedule()
        trainer._run, trainer._checkpoint = run, self.checkpoint
        trainer._held_out = self.data.held_out
        try:
            yield
        except BaseException:
            trainer._run, trainer._checkpoint, trainer._held_out = earlier
            raise
        trainer._resumed = None
        if begins_schedule and is_late:
            self._begin_schedule()

    def _begin_schedule(self) -> None:
        self.core.begin_schedule(self.run.settings["epochs"], max(1, self.data.steps))

    def _restore_callbacks(self) -> None:
        saved = self.run.callbacks
        if not saved:
            return
        stateful = self._stateful()
        given = [type(callback).__name__ for callback in stateful]
        expected = [name for name, _ in saved]
        if given != expected:
            raise ValueError(
                f"fit: callbacks with a state are {', '.join(given) or 'none'}, expected those "
                f"that the run was started with, {', '.join(expected)}"
            )
        for callback, (name, state) in zip(stateful, saved, strict=True):
            try:
                callback.restore(state)
            except (TypeError, LookupError) as error:
                raise ValueError(f"fit: {name} cannot restore its state: {error}") from error

    def _train(self) -> None:
        try:
            self._save()  # an unwritable checkpoint fails before the first step
            with self.processes.agreed_interrupts(), interrupts_between_steps() as steps:
                while not self.run.is_over:
                    self._train_epoch(steps)
        except KeyboardInterrupt as interrupt:
            self._end()
            path = self.checkpoint and self.checkpoint.name
            interrupt.args = interrupt.args or (interrupted_sentence(self.run, path),)
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

    def _warn_of_explosion(self) -> None:
        """Warn of a last epoch whose loss is finite but far above those of a start and a guess.

        The uniform guess among classes has a loss of a few units, and outputs of 0 have one of at
        most the mean square of the targets. Those of batches are not known.
        """
        arrays, first = self.data.arrays[""], self.first_loss
        if first is None or len(self.history) == 0:
            return
        loss, accuracy = self.history.loss[-1], self.history.accuracy[-1]
        if loss <= _EXPLODED * max(first, 1) or (arrays is None and math.isnan(accuracy)):
            return
        if arrays is not None and loss <= _EXPLODED * np.square(arrays[2], dtype=float).mean():
            return
        self.trainer._has_exploded = True
        warn(
            f"fit: the loss of the last epoch is {loss:.3g} and was {first:.3g} in the first step, "
            "expected a lower one: train a new model with a smaller learning rate"
        )

    def _stateful(self) -> list[Callback]:
        """Callbacks that define a state, which may be empty."""
        plain = Callback.state
        return [callback for callback in self.callbacks if type(callback).state is not plain]

    def _states(self) -> list[list[Any]]:
        return [[type(callback).__name__, state_of(callback)] for callback in self._stateful()]

    def _save(self) -> None:
        self.run.callbacks = self._states()
        self.save()

    def _train_epoch(self, steps: InterruptedSteps) -> None:
        run = self.run
        started = time.perf_counter()
        epoch = self.data.begin(run.number, run.position)
        try:
            while self._step(epoch, steps):
                every = run.settings["checkpoint_every"]
                if every and (run.steps + epoch.step) % every == 0:
                    run.position = epoch.position
                    self._save()
                self.processes.end_step(run)
                if run.stopped:
                    return
            validated = self._validated()
        finally:
            run.position = epoch.position
        with interrupts_wait():
            self.history.add(epoch.metrics, validated, time.perf_counter() - started)
            metrics = self.history.last()
            if self.watched is not None:
                self.core.observe(metrics[self.watched])
            finished = self._progress(epoch, metrics)
            run.end_epoch(epoch.step)
            for callback in self.callbacks:
                callback.on_epoch_end(self.trainer, finished)
        if self.progress is not None:
            self.progress(finished)
        self.processes.end_step(run)
        if not run.is_over and not run.settings["checkpoint_every"]:
            self._save()

    def _validated(self) -> dict[str, float]:
        """Check that the weights are finite, and measure the validation set if there is one."""
        after = f"fit: after epoch {self.run.epoch} "
        with _located(after):
            self.core.check_finite()
        if self.data.validate is None:
            return {}
        metrics = self.data.validate()
        loss = metrics["loss"]
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"{after}the validation loss is {'NaN' if math.isnan(loss) else 'infinite'}, "
                "expected a finite loss: try a smaller learning rate"
            )
        return metrics

    def _step(self, epoch: Epoch, steps: InterruptedSteps) -> bool:
        """Train one step and report it; an interrupt comes before or after both."""
        if isinstance(epoch, IterableEpoch):
            epoch.fetch()  # may wait for the user's data, so that it can be interrupted
        with steps:
            with _located(f"fit: in step {epoch.step + 1} of epoch {self.run.epoch} "):
                if not epoch.advance():
                    return False
            if self.first_loss is None:
                self.first_loss = epoch.metrics[0]
            self._report(epoch)
        return True

    def _report(self, epoch: Epoch) -> None:
        progress = self._progress(epoch)
        for callback in self.callbacks:
            callback.on_step_end(self.trainer, progress)
        if self.progress is not None:
            self.progress(progress)

    def _progress(self, epoch: Epoch, finished: dict[str, float] | None = None) -> Progress:
        return Progress(
            self.run.epoch,
            int(self.run.settings["epochs"]),
            epoch.step,
            epoch.steps,
            epoch.metrics[0],
            self.core.last_learning_rate,
            finished,
            self._images(epoch),
        )

    def _images(self, epoch: Epoch) -> int:
        """Number of images of the epoch so far."""
        if isinstance(epoch, IterableEpoch):
            return epoch.images
        return min(epoch.step * (self.run.settings["batch_size"] or BATCH_SIZE), self.data.images)
