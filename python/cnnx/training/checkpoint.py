"""Checkpoints of the trainer: settings, history and run, in addition to the core's state."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cnnx import _core
from cnnx.arguments import shown
from cnnx.data.augmentation import Augmentation
from cnnx.files.file_kind import FileKind, refuse_other_kind
from cnnx.metric_kinds import is_validation_metric
from cnnx.model.custom_layers import refuse_custom_layers
from cnnx.training import (
    head_losses,
    loss_sum,
    losses,
    optimizers,
    schedules,
    segmentation_losses,
)
from cnnx.training.checkpoint_metadata import pack, unpack
from cnnx.training.config import TrainingRecipe
from cnnx.training.custom_loss import Custom
from cnnx.training.history import History
from cnnx.training.loss import Loss
from cnnx.training.metadata_checks import items, members
from cnnx.training.run_state import Run
from cnnx.training.weight_average import WeightAverage

_REALS = "a list of real numbers"
_LONGEST_REASON = 400  # characters of an error message, which may quote the file

_MODULES = (head_losses, loss_sum, losses, optimizers, schedules, segmentation_losses)
_RECIPES: dict[str, type] = {
    each.__name__: each
    for each in (
        *(getattr(module, name) for module in _MODULES for name in module.__all__),
        Augmentation,
        TrainingRecipe,
        WeightAverage,
    )
    if dataclasses.is_dataclass(each) and isinstance(each, type)
}


class CheckpointPath(NamedTuple):
    """Path of a checkpoint.

    Attributes:
        given: as it was given.
        absolute: the same file in whatever folder the process works later.
    """

    given: str
    absolute: str

    @property
    def name(self) -> str:
        """Path for messages: as it was given, unless that is another file in the folder of now."""
        try:
            is_same = str(Path(self.given).absolute()) == self.absolute
        except OSError:  # the working folder has been removed
            is_same = False
        return self.given if is_same else self.absolute

    @contextmanager
    def in_errors(self) -> Iterator[None]:
        """Let errors of the system in the block have the name for messages."""
        try:
            yield
        except OSError as error:
            if error.filename is not None and os.fsdecode(error.filename) == self.absolute:
                error.filename = self.name
            raise

    @classmethod
    def of(cls, path: str) -> CheckpointPath:
        """A path that was given now."""
        return cls(path, str(Path(path).absolute()))


class LoadedCheckpoint(NamedTuple):
    """Checked content of a checkpoint."""

    core: _core.Checkpoint
    recipe: TrainingRecipe
    history: History
    run: Run


def save_checkpoint(
    path: bytes, core: _core.Trainer, recipe: TrainingRecipe, history: History, run: Run
) -> None:
    """Write a checkpoint, replacing the file as a whole.

    Raises:
        TypeError: if it cannot hold the state of a callback.
        OSError: if it cannot be written; the previous file is untouched.
    """
    metadata = {"recipe": recipe, "history": vars(history), "run": run.plain()}
    try:
        packed = pack(metadata)
    except TypeError:
        for name, state in run.callbacks:
            _check_state(name, state)
        raise
    core.save_checkpoint(path, *packed)


def _check_state(callback: str, state: object) -> None:
    """Name the callback whose state no checkpoint can hold."""
    try:
        pack({"state": state})
    except TypeError as error:
        raise TypeError(f"fit: checkpoint cannot hold the state of {callback}: {error}") from None


def load_checkpoint(path: str | os.PathLike[str]) -> LoadedCheckpoint:
    """Read and check an untrusted checkpoint.

    Raises:
        cnnx.FormatError: if it is damaged, of a newer format, or not a checkpoint.
        OSError: if it cannot be read.
    """
    core = _core.Checkpoint.load(os.fsencode(path))
    with refusing_metadata(path):
        unpacked = unpack(core.text, core.arrays, _RECIPES)
        metadata = members(unpacked, "metadata", ("recipe", "history", "run"))
        recipe = metadata["recipe"]
        if not isinstance(recipe, TrainingRecipe):
            raise ValueError(f"recipe is {shown(recipe)}, expected the settings of a trainer")
        history, run = _history(metadata["history"]), Run.from_plain(metadata["run"])
        return LoadedCheckpoint(core, recipe, history, run)


@contextmanager
def refusing_metadata(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn errors in the metadata of a checkpoint into a FormatError that names the file.

    Raises:
        cnnx.FormatError: if the metadata cannot be read or does not fit the model.
    """
    try:
        yield
    except _core.FormatError:
        raise
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise _refusal(path, str(error)) from error
    except RecursionError as error:
        raise _refusal(path, "nests too deeply") from error


def _refusal(path: str | os.PathLike[str], reason: str) -> _core.FormatError:
    line = " ".join(reason.split())  # a file or a binding may put line breaks into it
    shown = line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}..."
    return _core.FormatError(f"{os.fsdecode(path)}: cnnx.notes: {shown}")


def _history(plain: object) -> History:
    further = filter(is_validation_metric, plain) if isinstance(plain, Mapping) else ()
    columns = members(plain, "history", tuple(dict.fromkeys((*vars(History()), *further))))
    for name, column in columns.items():
        if not all(isinstance(value, float) for value in items(column, f"history.{name}", _REALS)):
            raise ValueError(f"history.{name} is {shown(column)}, expected {_REALS}")
    if len({len(column) for column in columns.values()}) != 1:
        raise ValueError("history has lists of different lengths, expected one value per epoch")
    return History.of(columns)


def refuse_foreign(path: str, own: str | None) -> None:
    """Refuse to write checkpoints over a file of another kind or over another, unfinished run.

    Args:
        path: file of the checkpoints.
        own: file of the trainer's run before, or None.

    Raises:
        FileExistsError: if it is such a file.
    """
    refuse_other_kind(path, FileKind.CHECKPOINT, "fit: checkpoint")
    is_own = own is not None and os.path.realpath(own) == os.path.realpath(path)
    if is_own or not Path(path).is_file():
        return
    try:
        run = load_checkpoint(path).run
    except (_core.FormatError, OSError):
        return  # nothing to resume
    if run.has_begun and not run.is_over:
        raise FileExistsError(
            f"fit: checkpoint is {shown(path)}, which holds an unfinished run, in epoch "
            f"{run.epoch} of {run.settings['epochs']}: resume it, cnnx.Trainer.resume({path!r})"
            ".fit(x, y), or remove the file first"
        )


def check_checkpoint(path: str | None, every: int | None, core: _core.Model, loss: Loss) -> None:
    """Check the arguments of `fit` about checkpoints, before it begins.

    Raises:
        ValueError: if a file cannot hold the loss or a layer, or there is an interval and no file.
    """
    if path is None:
        if every is not None:
            raise ValueError(f"fit: checkpoint_every is {every}, expected a checkpoint=")
        return
    beginning = f"fit: checkpoint is {shown(path)}, but"
    if isinstance(loss, Custom):
        raise ValueError(
            f"{beginning} a file cannot hold the function of the Custom loss, expected None; "
            "model.save writes the weights"
        )
    refuse_custom_layers(core, beginning, "None")
