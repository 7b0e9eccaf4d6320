"""Evaluation of saved models on the images of PATH, for `cnnx evaluate` and `cnnx compare`."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cnnx.cli.command_lines import program
from cnnx.cli.errors import UserError, caution
from cnnx.cli.parser import Commands, Parser
from cnnx.cli.processes import is_first
from cnnx.cli.run_folder import RunFolder
from cnnx.cli.shared_options import add_skip_unreadable, add_threads
from cnnx.cli.task import CLASSIFICATION, task_of
from cnnx.cli.training_images import open_images, report_skipped

if TYPE_CHECKING:
    from cnnx.cli.classifier import Classifier
    from cnnx.data.dataset import Dataset, ImageSet
    from cnnx.data.source import Source
    from cnnx.distributed.communicator import Communicator
    from cnnx.evaluation import Evaluation

SETS_NOTE = """\
PATH is as for `cnnx train`: a folder of class subfolders, IDX or CIFAR-10 files, or an .npz.
If it has a test set (t10k-*, or test/ beside train/), only the test set is evaluated; without one,
only the validation set; without both, all images. Images on which the model was trained make the
result too good: measure on others, or read the report of cnnx train --run-dir."""


def add_command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int],
    models: Sequence[str] = ("model",),
    *,
    summary: str,
    description: str,
    epilog: str,
) -> Parser:
    """Declare a command on saved models and images, with these arguments.

    Args:
        commands: commands of `cnnx`.
        name: name of the command.
        run: runs it.
        models: names of the arguments that are models.
        summary: its line in the list of commands.
        description: begin of its help.
        epilog: end of its help.
    """
    parser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    for model in models:
        parser.add_argument(model, metavar="MODEL", type=Path, help="a file that cnnx saved")
    parser.add_argument("path", metavar="PATH", help="the images, see below")
    return parser


def add_reading_options(parser: Parser) -> None:
    """Add the options of reading and measuring the images of PATH."""
    add_skip_unreadable(parser)
    add_threads(parser)


def refuse_exchanged(command: str, model: Path, path: str) -> None:
    """Refuse a folder in the place of the model and a file in that of the folder.

    Raises:
        UserError: if they are in the wrong order.
    """
    if model.is_dir() and Path(path).is_file():
        words = shlex.join([command, path, str(model)])
        raise UserError(f"{model} is a folder, expected a model first; type {program()} {words}")


def measured_set(
    classifier: Classifier, arguments: argparse.Namespace, task: str = CLASSIFICATION
) -> ImageSet:
    """Images to measure: the test set of PATH, else the validation set, else all."""
    source = opened(classifier, arguments, task)
    if source.test is None and source.validation is None and is_first():
        _warn_of_training_images(classifier.path, arguments)
    sets = (source.test, source.validation, source.train)
    return next(each for each in sets if each is not None)


def _warn_of_training_images(model: Path, arguments: argparse.Namespace) -> None:
    """Warn of a model of `cnnx train --run-dir` whose training images are to be measured."""
    folder = RunFolder.around(model)
    if folder is None or not folder.trained_on(Path(arguments.path)):
        return
    held_out = f", or see {folder.report} on the held-out ones" if folder.best.is_file() else ""
    caution(
        arguments.command,
        f"{model} was trained on images of {arguments.path}, so this result is too good; "
        f"measure on other images{held_out}",
    )


def opened(
    classifier: Classifier, arguments: argparse.Namespace, task: str = CLASSIFICATION
) -> Source:
    """Image sets of PATH with the classes of a model.

    Raises:
        UserError: if the model does not predict one class per image, or the images are for another
            task.
    """
    if task == CLASSIFICATION:
        classifier.require_one_class()
    names = classifier.names
    source = open_images(arguments, tuple(names) if classifier.model.classes else len(names))
    found = task_of(source)
    if found != task:
        raise UserError(
            f"{arguments.path}: is for {found}, but {classifier.path} and {arguments.command} for "
            f"{task}"
        )
    return source


def loaded(classifier: Classifier, images: ImageSet) -> Dataset:
    """Images in the size of a model; files that are skipped are named on stderr."""
    model = classifier.model
    dataset = images.load(model.input_shape, model.preprocessing.resize)
    report_skipped(dataset.skipped)
    return dataset


def evaluated(
    classifier: Classifier, images: ImageSet | Dataset, processes: Communicator | None = None
) -> Evaluation:
    """Evaluation of a model on images.

    Args:
        classifier: the model.
        images: loaded images, or a set of which each process reads a part.
        processes: processes that share the images out, or None.

    Raises:
        UserError: if the model's outputs are not finite.
    """
    from cnnx.evaluation.measuring import evaluation_of, shared_evaluation

    try:
        if processes is None:
            return evaluation_of(classifier.model, images, None, "evaluate")
        return shared_evaluation(classifier.model, images, processes, "evaluate")
    except FloatingPointError:
        raise UserError(
            f"{classifier.path}: its outputs are not finite, expected numbers: its training has "
            "diverged, or its weights are damaged"
        ) from None
