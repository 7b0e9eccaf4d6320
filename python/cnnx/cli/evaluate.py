"""`cnnx evaluate`: how often a saved model is right, and what it takes for what."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EPILOG = """\
PATH is what `cnnx train` takes: a folder of class subfolders, IDX or CIFAR-10 files, or an .npz.
Where there is a test set (t10k-*, or test/ beside train/), it is the one measured.

In the confusion matrix a row is what the images are, a column is what the model said.

example:
  cnnx evaluate pets.cnnx pets
"""
_WIDEST_MATRIX = 20
_CONFUSIONS_SHOWN = 10


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
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


def run(arguments: argparse.Namespace) -> int:
    """Print the accuracy and the confusion matrix."""
    from cnnx.cli.classifier import Classifier
    from cnnx.data.source import open_source
    from cnnx.metrics import confusion_matrix

    classifier = Classifier(arguments.model)
    model, names = classifier.model, classifier.names
    source = open_source(arguments.path, tuple(names) if model.classes else len(names))
    chosen = source.train if source.test is None else source.test
    images = chosen.load(model.input_shape, model.preprocessing.resize)
    indices, _ = classifier.answers(images.x)
    matrix = confusion_matrix(images.y, indices, classes=len(names))
    right, total = int(matrix.trace()), int(matrix.sum())
    print(f"{total:,} images of {chosen.name}")
    print(f"accuracy {right / total:.2%} ({right:,} right, {total - right:,} wrong)\n")
    print(matrix_text(matrix, names))
    return 0


def matrix_text(matrix: NDArray[Any], names: list[str]) -> str:
    """The whole matrix, or of many classes only the commonest mistakes."""
    if len(names) > _WIDEST_MATRIX:
        return _commonest_mistakes(matrix, names)
    corner = "is \\ said"
    first = max(len(corner), *(len(name) for name in names))
    widths = [max(len(name), len(str(matrix[:, k].max()))) for k, name in enumerate(names)]

    def line(head: str, cells: list[str]) -> str:
        aligned = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        return "  ".join([head.ljust(first), *aligned])

    rows = [line(name, [str(n) for n in matrix[row]]) for row, name in enumerate(names)]
    return "\n".join([line(corner, names), *rows])


def _commonest_mistakes(matrix: NDArray[Any], names: list[str]) -> str:
    mistakes = sorted(
        (
            (int(matrix[true, said]), names[true], names[said])
            for true in range(len(names))
            for said in range(len(names))
            if true != said and matrix[true, said]
        ),
        key=lambda mistake: (-mistake[0], mistake[1:]),
    )
    if not mistakes:
        return "no mistakes"
    lines = [f"{count:6}  {true} taken for {said}" for count, true, said in mistakes]
    return "\n".join(["commonest mistakes:", *lines[:_CONFUSIONS_SHOWN]])
