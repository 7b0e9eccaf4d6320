"""Callbacks for `Trainer.fit`: early stopping, fine-tuning, best models, live curves, logs."""

from __future__ import annotations

import csv
import importlib
import math
import os
import secrets
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from cnnx.arguments import at_least, boolean, is_integer, not_negative, path_of, shown
from cnnx.files.file_kind import FileKind, refuse_other_kind
from cnnx.metric_kinds import EXPECTED_METRICS, higher_is_better, is_metric
from cnnx.model.custom_layers import refuse_custom_layers
from cnnx.training.callback_base import Callback, warn_of_changed
from cnnx.training.fine_tuning import FineTuning
from cnnx.training.history import History, Progress
from cnnx.training.live_plot import LivePlot
from cnnx.training.trainer import Trainer

__all__ = [
    "BestModel",
    "CSVLog",
    "Callback",
    "EarlyStopping",
    "FineTuning",
    "LivePlot",
    "TensorBoardLog",
]


class _Best(Callback):
    """Tracker of the best value of a metric: the lowest loss or error, the highest of others."""

    def __init__(self, watch: str, least: float) -> None:
        self._set_metric(watch, least)
        self.best = math.nan

    def _set_metric(self, watch: Any, least: Any) -> None:
        name = type(self).__name__
        if not is_metric(watch):
            raise ValueError(f"{name}: watch is {shown(watch)}, expected one of {EXPECTED_METRICS}")
        self.watch = watch
        self.least = not_negative(least, name, "least")

    def _improved(self, progress: Progress) -> bool:
        """Whether the epoch's metric is better than all before; False for NaN."""
        value = (progress.finished_epoch or {})[str(self.watch)]
        gain = value - self.best if higher_is_better(str(self.watch)) else self.best - value
        if math.isnan(value) or not (math.isnan(self.best) or gain > self.least):
            return False
        self.best = value
        return True

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Reset the best value."""
        self.best = math.nan

    def state(self) -> dict[str, Any]:
        """State for a checkpoint: the metric and its best value so far."""
        return {"watch": str(self.watch), "least": self.least, "best": self.best}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the metric and its best value from a checkpoint.

        Raises:
            ValueError: if the state is not one of this callback.
        """
        warn_of_changed(self, state)
        # States of earlier versions have the value alone.
        self._set_metric(state.get("watch", self.watch), state.get("least", self.least))
        best = self._saved(state, "best")
        if not isinstance(best, Real) or isinstance(best, bool):
            raise ValueError(
                f"{type(self).__name__}: best of the state is {shown(best)}, expected a number"
            )
        self.best = float(best)

    def _saved(self, state: Mapping[str, Any], name: str) -> Any:
        if name not in state:
            raise ValueError(f"{type(self).__name__}: the state has no {name}")
        return state[name]


class EarlyStopping(_Best):
    """Early stopping: ends a fit when a metric has not improved for `patience` epochs.

    A resumed run keeps the settings that it was started with, whatever those of its callback are.

    Args:
        watch: "validation_loss", "validation_accuracy", "loss", "accuracy" or another metric of
            `History`, such as "validation_mean_iou".
        patience: number of epochs without improvement to tolerate.
        least: minimum change that counts as an improvement.
        restore_best: whether the model receives the weights and buffers of the best epoch at the
            end of the run, for any reason of ending; otherwise it keeps the last ones.

    Attributes:
        best: best value so far; NaN before the first epoch.

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
        super().__init__(watch, least)
        self._set_wait(patience, restore_best)
        self._waited = 0
        self._weights: dict[str, Any] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}  # of the arrays of the trained model

    def _set_wait(self, patience: Any, restore_best: Any) -> None:
        self.patience = at_least(0, patience, "EarlyStopping", "patience")
        self.restore_best = boolean(restore_best, "EarlyStopping", "restore_best")

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Reset the best value, the weights and the wait."""
        super().on_fit_begin(trainer)
        self._waited, self._weights = 0, {}
        self._shapes = {name: array.shape for name, array in _arrays(trainer).items()}

    def on_epoch_end(self, trainer: Trainer, progress: Progress) -> None:
        """Save the weights if the metric improved; stop the fit when patience runs out."""
        improved = self._improved(progress)
        self._waited = 0 if improved else self._waited + 1
        if improved and self.restore_best:
            self._weights = {name: np.array(array) for name, array in _arrays(trainer).items()}
        if self._waited > self.patience:
            trainer.stop()

    def on_run_end(self, trainer: Trainer) -> None:
        """Restore the weights of the best epoch."""
        if not self._weights:
            return
        for arrays in (trainer.model.parameters, trainer.model.buffers):
            for name in arrays:
                arrays[name] = self._weights[name]

    def state(self) -> dict[str, Any]:
        """State for a checkpoint: settings, the best value and weights, and the epochs waited."""
        return {
            **super().state(),
            "patience": self.patience,
            "restore_best": self.restore_best,
            "waited": self._waited,
            "weights": self._weights,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the settings and the state from a checkpoint.

        Raises:
            ValueError: if the state is not one of this callback and of the trained model.
        """
        super().restore(state)
        restore_best = state.get("restore_best", self.restore_best)
        self._set_wait(state.get("patience", self.patience), restore_best)
        waited, weights = self._saved(state, "waited"), self._saved(state, "weights")
        if not is_integer(waited) or waited < 0:
            raise ValueError(
                f"EarlyStopping: waited of the state is {shown(waited)}, expected an integer >= 0"
            )
        shapes = {} if math.isnan(self.best) or not self.restore_best else self._shapes
        if not isinstance(weights, dict) or (shapes and set(weights) != set(shapes)):
            raise ValueError(
                f"EarlyStopping: weights of the state are {shown(weights)}, expected the arrays of "
                "the model at its best epoch"
            )
        for name, shape in shapes.items():
            array = weights[name]
            if not isinstance(array, np.ndarray) or array.shape != shape:
                raise ValueError(
                    f"EarlyStopping: {name} of the state is {shown(array)}, expected an array of "
                    f"shape {shape}"
                )
        self._waited, self._weights = int(waited), {name: weights[name] for name in shapes}


def _arrays(trainer: Trainer) -> Mapping[str, Any]:
    return {**trainer.model.parameters, **trainer.model.buffers}


def _absolute(path: str) -> str:
    """The path of the same file after a change of the working folder."""
    return str(Path(path).absolute())


class BestModel(_Best):
    """Saving of the model after every epoch with a new best metric.

    A resumed run keeps the metric that it was started with.

    Args:
        path: model file, replaced as a whole each time. A relative path starts at the working
            folder in which `fit` begins.
        watch: "validation_loss", "validation_accuracy", "loss", "accuracy" or another metric of
            `History`, such as "validation_mean_iou".

    Attributes:
        best: best value so far; NaN before the first epoch.

    Raises:
        ValueError: if `watch` is not a metric. A file that cannot be written ends the fit with
            OSError.

    Example:
        >>> import cnnx
        >>> best = cnnx.callbacks.BestModel("best.cnnx", watch="validation_accuracy")
    """

    def __init__(self, path: str | os.PathLike[str], watch: str = "validation_loss") -> None:
        super().__init__(watch, 0.0)
        self.path = self.file = path_of(path, "BestModel")
        self._absolute_path = self.path

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Reset the best value.

        Raises:
            ValueError: if the model has a `layers.Custom`.
            OSError: if the folder of the file does not exist, or the path is that of a folder or of
                a file that is no model.
        """
        super().on_fit_begin(trainer)
        refuse_custom_layers(
            trainer.model._core, "BestModel:", "EarlyStopping, which restores the best weights"
        )
        self._absolute_path = _absolute(self.path)
        trainer._processes.in_first(lambda: self._check_path(trainer))

    def _check_path(self, trainer: Trainer) -> None:
        path = Path(self._absolute_path)
        if not path.parent.is_dir():
            raise FileNotFoundError(
                f"BestModel: path is {self.path!r}, but there is no folder "
                f"{str(Path(self.path).parent)!r}"
            )
        if path.is_dir():
            raise IsADirectoryError(f"BestModel: path is the folder {self.path!r}, expected a file")
        if not trainer._replaces_files:
            refuse_other_kind(self.path, FileKind.MODEL, "BestModel: path")

    def on_epoch_end(self, trainer: Trainer, progress: Progress) -> None:
        """Save the model if the metric improved."""
        if self._improved(progress):
            trainer._processes.in_first(lambda: trainer.model.save(self._absolute_path))


class CSVLog(Callback):
    """Log of the history as a CSV file with one line per epoch.

    The columns are epoch, loss, accuracy, validation_loss, validation_accuracy, seconds and the
    further metrics of the model's validation, such as validation_mean_iou. A resumed run rewrites
    the file from the history, so that every epoch appears once.

    Args:
        path: CSV file to write. A relative path starts at the working folder in which `fit` begins.

    Example:
        >>> import cnnx
        >>> log = cnnx.callbacks.CSVLog("log.csv")
    """

    only_in_first_process = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = self.file = path_of(path, "CSVLog")
        self._absolute_path = self.path

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Write the header and the epochs of the history so far.

        Raises:
            OSError: if the file cannot be written, or is an existing one that is no log.
        """
        self._absolute_path = _absolute(self.path)
        if not trainer._replaces_files:
            refuse_other_kind(self.path, FileKind.LOG, "CSVLog: path")
        self._write("w", ["epoch", *vars(trainer.history)])
        for epoch in range(1, len(trainer.history) + 1):
            self._write_epoch(trainer.history, epoch)

    def on_epoch_end(self, trainer: Trainer, progress: Progress) -> None:
        """Append the epoch."""
        self._write_epoch(trainer.history, len(trainer.history))

    def _write_epoch(self, history: History, epoch: int) -> None:
        self._write("a", [epoch, *(values[epoch - 1] for values in vars(history).values())])

    def _write(self, mode: str, row: list[Any]) -> None:
        try:
            with Path(self._absolute_path).open(mode, newline="", encoding="utf-8") as file:
                csv.writer(file).writerow(row)
        except OSError as error:  # of a write, which does not name the file
            error.filename = self.path
            raise


class TensorBoardLog(Callback):
    """TensorBoard event log, written with the package tensorboardX.

    After every epoch it logs the metrics, under their names in `History`, and the learning rate.
    The step is the number of the epoch. A resumed run purges the epochs that it repeats.

    Args:
        folder: log folder; use one per run, so that TensorBoard shows them as separate runs. A
            relative path starts at the working folder in which `fit` begins.

    Raises:
        ImportError: if tensorboardX is not installed; `pip install 'cnnx[tensorboard]'` installs
            it.
    """

    only_in_first_process = True

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        _tensorboard()
        self.folder = path_of(folder, "TensorBoardLog", "folder")
        self._writer: Any = None

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Open the log after the epochs of the history so far."""
        self._writer = _tensorboard().SummaryWriter(
            self.folder,
            purge_step=len(trainer.history) + 1,
            # Logs that start within the same second would share a name.
            filename_suffix=f".{secrets.token_hex(4)}",
        )

    def on_epoch_end(self, trainer: Trainer, progress: Progress) -> None:
        """Write the metrics of the epoch."""
        metrics = {**(progress.finished_epoch or {}), "learning_rate": progress.learning_rate}
        for name, value in metrics.items():
            if not math.isnan(value):
                self._writer.add_scalar(name, value, len(trainer.history))
        self._writer.flush()

    def on_fit_end(self, trainer: Trainer) -> None:
        """Close the log."""
        self._writer.close()
        self._writer = None  # has threads, so it cannot be copied or pickled


def _tensorboard() -> Any:
    """The package tensorboardX.

    Raises:
        ImportError: if it is not installed.
    """
    try:
        return importlib.import_module("tensorboardX")
    except ImportError:
        raise ImportError(
            "TensorBoardLog: needs the package tensorboardX, which is not installed: "
            "pip install 'cnnx[tensorboard]'"
        ) from None
