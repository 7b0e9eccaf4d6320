"""Run that `cnnx train --resume` continues: its checks, its trainer and its images."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cnnx.cli.command_lines import init_line, resume_line
from cnnx.cli.errors import UserError, caution, require_file
from cnnx.cli.outputs import check_resumed
from cnnx.cli.processes import check_shards, communicator, in_first
from cnnx.cli.recipes import FINE_TUNE
from cnnx.wording import counted

if TYPE_CHECKING:
    from cnnx.data.dataset import Dataset
    from cnnx.training.checkpoint import LoadedCheckpoint
    from cnnx.training.trainer import Trainer

_DEFAULT_PATIENCE = 5  # of a checkpoint that does not have it


def resume(arguments: argparse.Namespace) -> tuple[Trainer, Dataset]:
    """Load the trainer of --resume and the images of its model, with --patience and --recipe.

    Raises:
        UserError: if the file is a model, the run cannot have --epochs, or --out is another file.
    """
    import cnnx
    from cnnx.cli.training_images import load_for

    checkpoint = _checkpoint(arguments)
    for name, state in checkpoint.run.callbacks:
        if name == "EarlyStopping":
            arguments.patience = state.get("patience", _DEFAULT_PATIENCE)
        if name == "FineTuning":
            arguments.recipe = FINE_TUNE
        if name == "BestModel":
            arguments.saves_best = True
    if arguments.epochs is not None:
        _check_length(checkpoint, arguments)
    check_shards(checkpoint.recipe.shards, f"shards of {arguments.resume}", arguments.command_line)
    trainer = cnnx.Trainer.resume(
        arguments.resume,
        epochs=arguments.epochs,
        communicator=communicator(),
        recompute=arguments.recompute,
    )
    if arguments.folder is None:
        in_first(lambda: check_resumed(arguments, trainer.model))
    return trainer, load_for(trainer.model, arguments, str(arguments.resume))


def warn_of_finished_run(arguments: argparse.Namespace) -> None:
    """Warn that a resumed run had ended, with the line that trains longer."""
    from cnnx.training.schedules import spanning_shape

    checkpoint = _checkpoint(arguments)
    epochs = int(checkpoint.run.settings["epochs"])
    line = init_line(arguments, arguments.resume)
    if spanning_shape(checkpoint.recipe.schedule) is None:
        line = f"{resume_line(arguments, arguments.resume)} --epochs {max(1, 2 * epochs)}"
    done = counted(checkpoint.run.epoch - 1, "epoch")
    caution(
        "train",
        f"{arguments.resume}: the run had ended after {done}, so nothing was trained; to train "
        f"longer type {line}",
    )


def _checkpoint(arguments: argparse.Namespace) -> LoadedCheckpoint:
    """Checkpoint of --resume, which only process 0 needs to have.

    Raises:
        UserError: in every process, if it is a model.
    """
    import cnnx
    from cnnx.training.processes import load_in_processes

    in_first(lambda: require_file(arguments.resume))
    try:
        return load_in_processes(str(arguments.resume), communicator())
    except cnnx.FormatError:
        if not in_first(lambda: _is_model(arguments.resume)):
            raise
    raise UserError(
        f"{arguments.resume}: is no checkpoint but a model; to start from its weights type "
        f"{init_line(arguments, arguments.resume)}"
    )


def _is_model(file: Path) -> bool:
    import cnnx

    try:
        cnnx.load(file)
    except ValueError:
        return False
    return True


def _check_length(checkpoint: LoadedCheckpoint, arguments: argparse.Namespace) -> None:
    """Refuse --epochs that the run has passed or that its schedule does not allow.

    Raises:
        UserError: if so.
    """
    from cnnx.training.schedules import spanning_shape

    run, epochs, file = checkpoint.run, arguments.epochs, arguments.resume
    begun = run.epoch - (run.position[0] == 0)
    if epochs < begun:
        raise UserError(
            f"--epochs is {epochs}, expected at least the {counted(begun, 'epoch')} that {file} "
            "has begun"
        )
    total = int(run.settings["epochs"])
    shape = spanning_shape(checkpoint.recipe.schedule)
    if epochs != total and shape is not None and run.has_begun:
        raise UserError(
            f"--epochs is {epochs}, expected the {total} of {file}, over which "
            f"{type(shape).__name__} changes the learning rate; to train its model further type "
            f"{init_line(arguments, arguments.resume)}"
        )
