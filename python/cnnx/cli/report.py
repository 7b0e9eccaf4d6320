"""`cnnx report`: one HTML page about a model, its training and its mistakes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cnnx.cli.measured_set import (
    SETS_NOTE,
    add_command,
    add_reading_options,
    evaluated,
    loaded,
    measured_set,
    refuse_exchanged,
)
from cnnx.cli.outputs import check_new_page
from cnnx.cli.parser import Commands
from cnnx.cli.run_folder import RunFolder
from cnnx.cli.shared_options import use_threads
from cnnx.cli.task import CLASSIFICATION, SEGMENTATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnnx.cli.classifier import Classifier
    from cnnx.data.dataset import Dataset
    from cnnx.report.measured import Measured
    from cnnx.training.history import History

_EPILOG = f"""\
{SETS_NOTE}

The page needs neither network nor scripts, follows the reader's light or dark colours and can be
printed. It has the accuracy with its interval, training curves, the confusion matrix, a table of
the classes, the worst mistakes with Grad-CAM, the most certain errors, calibration, the network,
the doctor's findings, and how to reproduce it all. A model with a class for each pixel is measured
on images with masks: the overlap of every class, and the worst images with their wrong pixels.

The curves are those of --history. A model in a folder of `cnnx train --run-dir` has its log and its
settings beside it, which are used without options.

examples:
  cnnx report pets.cnnx pets --history run.csv --out pets.html
  cnnx report runs/first/best.cnnx pets
"""


def add_parser(commands: Commands) -> None:
    """Declare the command and its options."""
    parser = add_command(
        commands,
        "report",
        run,
        summary="write a page about a model: curves, mistakes, calibration",
        description="Measures a saved model on labelled images and writes an HTML page about it.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        default=Path("report.html"),
        help="file of the page (default: report.html)",
    )
    parser.add_argument(
        "--history", metavar="FILE", type=Path, help="the CSV file of cnnx train --log"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing page")
    add_reading_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the page."""
    from cnnx.cli.classifier import Classifier
    from cnnx.training.history_file import read_history

    use_threads(arguments)
    refuse_exchanged("report", arguments.model, arguments.path)
    folder = RunFolder.around(arguments.model)
    history = arguments.history
    if history is None and folder is not None:
        history = folder.log
    inputs = {"MODEL": arguments.model, "PATH": Path(arguments.path)}
    if history is not None:
        inputs["--history"] = history
    check_new_page("--out", arguments.out, inputs, arguments.overwrite)
    classifier = Classifier(arguments.model)
    task = SEGMENTATION if classifier.model.task == SEGMENTATION else CLASSIFICATION
    images = measured_set(classifier, arguments, task)
    epochs = None if history is None else read_history(history)
    write_report(
        arguments.out,
        classifier,
        loaded(classifier, images),
        images.name,
        history=epochs,
        folder=folder,
        commands=[arguments.command_line],
    )
    print(f"saved {arguments.out}")
    return 0


def write_report(
    out: Path,
    classifier: Classifier,
    images: Dataset,
    words: str,
    *,
    history: History | None,
    folder: RunFolder | None,
    commands: Sequence[str],
) -> None:
    """Write the page about a model.

    Args:
        out: file of the page.
        classifier: the model.
        images: images to measure it on.
        words: these images in a few words.
        history: metrics of the epochs, or None.
        folder: folder of the training with its settings, or None.
        commands: command lines after that of the training.
    """
    from cnnx.report.content import Content
    from cnnx.report.environment import environment
    from cnnx.report.writing import write_page

    record = {} if folder is None else folder.record()
    trained = [each["command"] for each in (record, *record.get("resumed", [])) if each]
    content = Content(
        title=f"Report on {classifier.path}",
        model=classifier.model,
        measured=_measured(classifier, images, f"of {words}"),
        environment=environment(),
        history=history,
        settings=record.get("settings", {}),
        commands=[*trained, *commands],
    )
    write_page(str(out), content)


def _measured(classifier: Classifier, images: Dataset, words: str) -> Measured:
    from cnnx.report.measured import measured_classes, measured_masks_or_values
    from cnnx.training.labelled_images import measured_images

    model = classifier.model
    if model.task == SEGMENTATION:
        found = measured_images(images, None, None, model, "report")
        return measured_masks_or_values(model, found, words, images.skipped)
    return measured_classes(model, evaluated(classifier, images), words, images.skipped)
