"""Checkpoints of the trainer: settings, history and run, in addition to the core's state."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from cnnx import _core
from cnnx.data.augmentation import Augmentation
from cnnx.training import losses, optimizers, schedules
from cnnx.training.checkpoint_metadata import pack, unpack
from cnnx.training.config import TrainingRecipe
from cnnx.training.history import History
from cnnx.training.run_state import Run
from cnnx.training.weight_average import WeightAverage

_LONGEST_REASON = 400  # characters of an error message, which may quote the file

_RECIPES: dict[str, type] = {
    each.__name__: each
    for each in (
        *(
            getattr(module, name)
            for module in (losses, optimizers, schedules)
            for name in module.__all__
        ),
        Augmentation,
        TrainingRecipe,
        WeightAverage,
    )
    if isinstance(each, type)
}


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
        OSError: if it cannot be written; the previous file is untouched.
    """
    metadata = {"recipe": recipe, "history": vars(history), "run": run.plain()}
    core.save_checkpoint(path, *pack(metadata))


def load_checkpoint(path: str | os.PathLike[str]) -> LoadedCheckpoint:
    """Read and check an untrusted checkpoint.

    Raises:
        cnnx.FormatError: if it is damaged, of a newer format, or not a checkpoint.
        OSError: if it cannot be read.
    """
    core = _core.Checkpoint.load(os.fsencode(path))
    with refusing_metadata(path):
        metadata = unpack(core.text, core.arrays, _RECIPES)
        recipe = metadata["recipe"]
        if not isinstance(recipe, TrainingRecipe):
            raise TypeError("its recipe is not that of a trainer")
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
        reason = f"has no {error}" if isinstance(error, KeyError) else str(error)
        raise _refusal(path, reason) from error
    except RecursionError as error:
        raise _refusal(path, "nests too deeply") from error


def _refusal(path: str | os.PathLike[str], reason: str) -> _core.FormatError:
    line = " ".join(reason.split())  # a file or a binding may put line breaks into it
    shown = line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}..."
    return _core.FormatError(f"{os.fsdecode(path)}: cnnx.notes: {shown}")


def _history(columns: dict[str, Any]) -> History:
    history = History(**columns)
    metrics = list(vars(history).values())
    if not all(isinstance(column, list) for column in metrics):
        raise TypeError("its history is not one of lists")
    if not all(isinstance(value, float) for column in metrics for value in column):
        raise TypeError("its history is not one of real numbers")
    if len({len(column) for column in metrics}) != 1:
        raise ValueError("its history has columns of different lengths")
    return history
