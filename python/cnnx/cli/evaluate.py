"""`cnnx evaluate`: accuracy and confusion matrix of a saved model."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnx.cli.command_lines import program
from cnnx.cli.errors import UserError, counted
from cnnx.cli.parser import Commands
from cnnx.cli.shared_options import add_skip_unreadable, add_threads, use_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EPILOG = """\
PATH is as for `cnnx train`: a folder of class subfolders, IDX or CIFAR-10 files, or an .npz.
If it has a test set (t10k-*, or test/ beside train/), only the test set is evaluated; without one,
only the validation set.

The rows of the confusion matrix are true classes, the columns are predicted classes.

example:
  cnnx evaluate pets.cnnx pets
"""
_WIDEST_MATRIX = 20
_CONFUSIONS_SHOWN = 10


def add_parser(commands: Commands) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser(
        "evaluate",
        help="measure a model: accuracy and confusion matrix",
        description="Measures a saved model on labelled images.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("model", metavar="MODEL", type=Path, help="a file that cnnx saved")
    parser.add_argument("path", metavar="PATH", help="the images, see below")
    add_skip_unreadable(parser)
    add_threads(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the accuracy and the confusion matrix."""
    import numpy as np

    from cnnx.cli.classifier import Classifier
    from cnnx.cli.training_images import open_images, report_skipped
    from cnnx.metrics import confusion_matrix

    use_threads(arguments)
    if arguments.model.is_dir() and Path(arguments.path).is_file():
        words = shlex.join(["evaluate", arguments.path, str(arguments.model)])
        raise UserError(
            f"{arguments.model} is a folder, expected a model first; type {program()} {words}"
        )
    classifier = Classifier(arguments.model)
    model, names = classifier.model, classifier.names
    source = open_images(arguments, tuple(names) if model.classes else len(names))
    sets = (source.test, source.validation, source.train)
    chosen = next(each for each in sets if each is not None)
    images = chosen.load(model.input_shape, model.preprocessing.resize)
    report_skipped(images)
    probabilities = classifier.probabilities(images.x)
    if not np.isfinite(probabilities).all():
        raise UserError(
            f"{arguments.model}: its outputs are not finite, expected numbers: its training has "
            "diverged, or its weights are damaged"
        )
    matrix = confusion_matrix(images.y, probabilities.argmax(axis=1), classes=len(names))
    correct, total = int(matrix.trace()), int(matrix.sum())
    print(f"{counted(total, 'image')} of {chosen.name}")
    print(f"accuracy {correct / total:.2%} ({correct:,} correct, {total - correct:,} incorrect)\n")
    print(matrix_text(matrix, names))
    return 0


def matrix_text(matrix: NDArray[Any], names: list[str]) -> str:
    """Confusion matrix as text, or the most frequent confusions if there are many classes."""
    if len(names) > _WIDEST_MATRIX:
        return _most_frequent_confusions(matrix, names)
    corner = "true \\ predicted"
    first = max(len(corner), *(len(name) for name in names))
    widths = [max(len(name), len(str(matrix[:, k].max()))) for k, name in enumerate(names)]

    def line(head: str, cells: list[str]) -> str:
        aligned = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        return "  ".join([head.ljust(first), *aligned])

    rows = [line(name, [str(n) for n in matrix[row]]) for row, name in enumerate(names)]
    return "\n".join([line(corner, names), *rows])


def _most_frequent_confusions(matrix: NDArray[Any], names: list[str]) -> str:
    confusions = sorted(
        (
            (int(matrix[true, predicted]), names[true], names[predicted])
            for true in range(len(names))
            for predicted in range(len(names))
            if true != predicted and matrix[true, predicted]
        ),
        key=lambda confusion: (-confusion[0], confusion[1:]),
    )
    if not confusions:
        return "no confusions"
    lines = [f"{count:6}  {true} predicted as {other}" for count, true, other in confusions]
    return "\n".join(["most frequent confusions:", *lines[:_CONFUSIONS_SHOWN]])
