"""What a trainer keeps in a checkpoint beside the core's part, and how it is read back."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from cnnx import _core, losses, optimizers, schedules
from cnnx.data.augmentation import Augmentation
from cnnx.history import History
from cnnx.notes import pack, unpack
from cnnx.run import Run
from cnnx.training_recipe import TrainingRecipe
from cnnx.weight_average import WeightAverage

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
    """Replaces the file as a whole.

    Raises:
        OSError: if it cannot be written; the one before is untouched.
    """
    kept = {"recipe": recipe, "history": vars(history), "run": run.plain()}
    core.save_checkpoint(path, *pack(kept))


def load_checkpoint(path: str | os.PathLike[str]) -> Kept:
    """Reads the file without trusting it.

    Raises:
        cnnx.FormatError: if it is damaged, of a newer format, or no checkpoint.
        OSError: if it cannot be read.
    """
    core = _core.Checkpoint.load(os.fsencode(path))
    try:
        kept = unpack(core.text, core.arrays, _RECIPES)
        recipe = kept["recipe"]
        if not isinstance(recipe, TrainingRecipe):
            raise TypeError("its recipe is none of a trainer")
        return Kept(core, recipe, _history(kept["history"]), Run.from_plain(kept["run"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = f"has no {error}" if isinstance(error, KeyError) else str(error)
        raise _core.FormatError(f"{os.fsdecode(path)}: cnnx.notes: {reason}") from error


def _history(columns: dict[str, Any]) -> History:
    history = History(**columns)
    lengths = {len(column) for column in vars(history).values()}
    if len(lengths) != 1:
        raise ValueError("its history has columns of different lengths")
    return history
