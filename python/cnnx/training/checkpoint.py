"""What a trainer keeps in a checkpoint beside the core's part, and how it is read back."""

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

_MOST_WORDS = 400  # characters of a refusal, which may repeat what a file says

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


class Kept(NamedTuple):
    """What a checkpoint holds, checked."""

    core: _core.Checkpoint
    recipe: TrainingRecipe
    history: History
    run: Run


def save_checkpoint(
    path: bytes, core: _core.Trainer, recipe: TrainingRecipe, history: History, run: Run
) -> None:
    """Replace the file as a whole.

    Raises:
        OSError: if it cannot be written; the one before is untouched.
    """
    kept = {"recipe": recipe, "history": vars(history), "run": run.plain()}
    core.save_checkpoint(path, *pack(kept))


def load_checkpoint(path: str | os.PathLike[str]) -> Kept:
    """Read the file without trusting it.

    Raises:
        cnnx.FormatError: if it is damaged, of a newer format, or no checkpoint.
        OSError: if it cannot be read.
    """
    core = _core.Checkpoint.load(os.fsencode(path))
    with refusing_metadata(path):
        kept = unpack(core.text, core.arrays, _RECIPES)
        recipe = kept["recipe"]
        if not isinstance(recipe, TrainingRecipe):
            raise TypeError("its recipe is none of a trainer")
        return Kept(core, recipe, _history(kept["history"]), Run.from_plain(kept["run"]))


@contextmanager
def refusing_metadata(path: str | os.PathLike[str]) -> Iterator[None]:
    """Name the file whose notes do not say what they should, or not what fits its model.

    Raises:
        cnnx.FormatError: for what reading them, or making a trainer of them, stumbles over.
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
    words = " ".join(reason.split())  # one line, whatever a file or a binding put into it
    shown = words if len(words) <= _MOST_WORDS else f"{words[:_MOST_WORDS]}..."
    return _core.FormatError(f"{os.fsdecode(path)}: cnnx.notes: {shown}")


def _history(columns: dict[str, Any]) -> History:
    history = History(**columns)
    figures = list(vars(history).values())
    if not all(isinstance(column, list) for column in figures):
        raise TypeError("its history is not one of lists")
    if not all(isinstance(figure, float) for column in figures for figure in column):
        raise TypeError("its history is not one of real numbers")
    if len({len(column) for column in figures}) != 1:
        raise ValueError("its history has columns of different lengths")
    return history
