"""Callbacks for `Trainer.fit`: early stopping, the best model in a file, logs."""

from __future__ import annotations

import csv
import importlib
import math
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cnnx.arguments import is_integer, not_negative
from cnnx.training.callback_base import Callback
from cnnx.training.history import History, Progress
from cnnx.training.trainer import Trainer

__all__ = ["BestModel", "CSVLog", "Callback", "EarlyStopping", "TensorBoardLog"]

_FIGURES = ("loss", "accuracy", "validation_loss", "validation_accuracy")


class _Best(Callback):
    """Remembers the best value of a figure; an accuracy improves upwards, a loss downwards."""

    def __init__(self, watch: str, least: float) -> None:
        if watch not in _FIGURES:
            expected = ", ".join(map(repr, _FIGURES))
            name = type(self).__name__
            raise ValueError(f"{name}: watch is {watch!r}, expected one of {expected}")
        self.watch = watch
        self.best = math.nan
        self._least = least

    def _improved(self, progress: Progress) -> bool:
        """Whether the epoch's figure is better than all before; NaN never is."""
        figure = (progress.finished_epoch or {})[str(self.watch)]
        gain = figure - self.best if str(self.watch).endswith("accuracy") else self.best - figure
        if math.isnan(figure) or not (math.isnan(self.best) or gain > self._least):
            return False
        self.best = figure
        return True

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Forgets an earlier fit."""
        self.best = math.nan

    def state(self) -> dict[str, Any]:
        """The best value so far."""
        return {"best": self.best}

    def restore(self, state: dict[str, Any]) -> None:
        """The best value again."""
        self.best = float(state["best"])


class EarlyStopping(_Best):
    """Ends a fit when a figure has not improved for some epochs, with the weights of the best one.

    Args:
        watch: "validation_loss", "validation_accuracy", "loss" or "accuracy".
        patience: epochs without improvement that are borne.
        least: by how much a figure must be better to count.
        restore_best: whether the model gets the best epoch's weights and buffers when the run is
            over, whatever ended it; else it keeps the last.

    Attributes:
        best: the best value so far; NaN before the first epoch.

    Raises:
        ValueError: if a setting is out of range.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(256, seed=1)
        >>> trainer = cnnx.Trainer(cnnx.models.small((32, 32, 1), ["X", "O"]))
        >>> stopping = cnnx.callbacks.EarlyStopping("validation_accuracy", patience=2)
        >>> history = trainer.fit(x, y, epochs=100, validation=0.2, callbacks=[stopping])
        >>> len(history) < 100, stopping.best == max(history.validation_accuracy)
        (True, True)
    """

    def __init__(
        self,
        watch: str = "validation_loss",
        *,
        patience: int = 5,
        least: float = 0.0,
        restore_best: bool = True,
    ) -> None:
        super().__init__(watch, not_negative(least, "EarlyStopping", "least"))
        if not is_integer(patience) or patience < 0:
            raise ValueError(f"EarlyStopping: patience is {patience!r}, expected an integer >= 0")
        self.patience = int(patience)
        self.restore_best = bool(restore_best)
        self._waited = 0
        self._weights: dict[str, Any] = {}

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Forgets an earlier fit."""
        super().on_fit_begin(trainer)
        self._waited, self._weights = 0, {}

    def on_epoch_end(self, trainer: Trainer, progress: Progress) -> None:
        """Keeps better weights; ends the fit when patience does."""
        improved = self._improved(progress)
        self._waited = 0 if improved else self._waited + 1
        if improved and self.restore_best:
            self._weights = {name: np.array(array) for name, array in _arrays(trainer).items()}
        if self._waited > self.patience:
            trainer.stop()

    def on_run_end(self, trainer: Trainer) -> None:
        """Gives the model the kept weights."""
        if not self._weights:
            return
        for arrays in (trainer.model.parameters, trainer.model.buffers):
            for name in arrays:
                arrays[name] = self._weights[name]

    def state(self) -> dict[str, Any]:
        """The best value and weights so far, and how long it has waited."""
        return {**super().state(), "waited": self._waited, "weights": self._weights}

    def restore(self, state: dict[str, Any]) -> None:
        """All of it again."""
        super().restore(state)
        self._waited, self._weights = int(state["waited"]), dict(state["weights"])


def _arrays(trainer: Trainer) -> Mapping[str, Any]:
    return {**trainer.model.parameters, **trainer.model.buffers}


class BestModel(_Best):
    """Saves the model after every epoch that is better than all before.

    Args:
        path: the model's file, replaced as a whole each time.
        watch: "validation_loss", "validation_accuracy", "loss" or "accuracy".

    Attributes:
        best: the best value so far; NaN before the first epoch.

    Raises:
        ValueError: if `watch` is no figure. OSError of a file that cannot be written ends the fit.

    Example:
        >>> import cnnx
        >>> best = cnnx.callbacks.BestModel("best.cnnx", watch="validation_accuracy")
    """

    def __init__(self, path: str | os.PathLike[str], watch: str = "validation_loss") -> None:
        super().__init__(watch, 0.0)
        self.path = path

    def on_epoch_end(self, trainer: Trainer, progress: Progress) -> None:
        """Saves the model if it is the best."""
        if self._improved(progress):
            trainer.model.save(self.path)


class CSVLog(Callback):
    """Writes the history to a file of comma-separated values, a line per epoch as it ends.

    The columns are epoch, loss, accuracy, validation_loss, validation_accuracy and seconds. A run
    that goes on writes the file anew from the history, so that no epoch stands in it twice.

    Args:
        path: the file.

    Example:
        >>> import cnnx
        >>> log = cnnx.callbacks.CSVLog("log.csv")
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Writes the epochs there are."""
        self._write("w", ["epoch", *vars(History())])
        for epoch in range(1, len(trainer.history) + 1):
            self._write_epoch(trainer.history, epoch)

    def on_epoch_end(self, trainer: Trainer, progress: Progress) -> None:
        """Writes the epoch."""
        self._write_epoch(trainer.history, len(trainer.history))

    def _write_epoch(self, history: History, epoch: int) -> None:
        self._write("a", [epoch, *(values[epoch - 1] for values in vars(history).values())])

    def _write(self, mode: str, row: list[Any]) -> None:
        with Path(self.path).open(mode, newline="", encoding="utf-8") as file:
            csv.writer(file).writerow(row)


class TensorBoardLog(Callback):
    """Writes an event log that TensorBoard shows, through the package tensorboardX.

    After every epoch its figures under their names in `History` and the learning rate, at the
    epoch's number. A run that goes on marks what it does again as gone.

    Args:
        folder: where the log goes; one per run, so that TensorBoard can tell them apart.

    Raises:
        ImportError: if tensorboardX is not installed; `pip install 'cnnx[tensorboard]'` does it.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        try:
            self._package: Any = importlib.import_module("tensorboardX")
        except ImportError:
            raise ImportError(
                "TensorBoardLog: needs the package tensorboardX, which is not installed: "
                "pip install 'cnnx[tensorboard]'"
            ) from None
        self.folder = folder
        self._writer: Any = None

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Opens the log after the epochs there are."""
        self._writer = self._package.SummaryWriter(
            os.fspath(self.folder),
            purge_step=len(trainer.history) + 1,
            # Logs begun within a second would have one name.
            filename_suffix=f".{secrets.token_hex(4)}",
        )

    def on_epoch_end(self, trainer: Trainer, progress: Progress) -> None:
        """Writes the epoch."""
        figures = {**(progress.finished_epoch or {}), "learning_rate": progress.learning_rate}
        for name, figure in figures.items():
            if not math.isnan(figure):
                self._writer.add_scalar(name, figure, len(trainer.history))
        self._writer.flush()

    def on_fit_end(self, trainer: Trainer) -> None:
        """Closes the log."""
        self._writer.close()
