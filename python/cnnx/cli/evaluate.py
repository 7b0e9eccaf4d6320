"""`cnnx evaluate`: accuracy, confusion matrix and other metrics of a saved model."""

from __future__ import annotations

import argparse
import json
from functools import partial
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
from cnnx.cli.processes import communicator, in_first, is_first
from cnnx.cli.shared_options import use_threads
from cnnx.cli.task import SEGMENTATION
from cnnx.cli.training_images import report_skipped
from cnnx.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnnx.cli.classifier import Classifier
    from cnnx.data.dataset import ImageSet
    from cnnx.evaluation import Evaluation

_EPILOG = f"""\
{SETS_NOTE}

The rows of the confusion matrix are true classes, the columns are predicted classes. The interval
is a 95% bootstrap interval over the images. --per-class adds precision, recall and F1 of every
class; for two classes also the area under the ROC curve, and the threshold with the best F1.

--json prints one object with all metrics: accuracy, loss, per_class, confusion_matrix,
most_confused, calibration, top_losses and others; null for those that are not defined.
--html writes one page that needs neither network nor scripts, with the worst mistakes as images.

A model with a class for each pixel is measured on images with masks: pixel accuracy, mean IoU, and
IoU, Dice, precision and recall of every class. Pixels of label 255 are not counted. The page of
--html shows the worst images with their masks and predictions.

examples:
  cnnx evaluate pets.cnnx pets
  cnnx evaluate pets.cnnx pets --per-class --html pets.html
  cnnx evaluate pets.cnnx pets --json | jq .macro_average.f1
"""
_WIDEST_MATRIX = 20
_CONFUSIONS_SHOWN = 10


def add_parser(commands: Commands) -> None:
    """Declare the command and its options."""
    parser = add_command(
        commands,
        "evaluate",
        run,
        summary="measure a model: accuracy and confusion matrix",
        description="Measures a saved model on labelled images.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--per-class", action="store_true", help="print precision, recall and F1 of every class"
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON with all metrics instead of text"
    )
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page with all metrics")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing --html file")
    add_reading_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the metrics, and write the page of --html."""
    from cnnx.cli.classifier import Classifier

    use_threads(arguments)
    refuse_exchanged("evaluate", arguments.model, arguments.path)
    if arguments.html is not None:
        inputs = {"MODEL": arguments.model, "PATH": Path(arguments.path)}
        in_first(lambda: check_new_page("--html", arguments.html, inputs, arguments.overwrite))
    classifier = Classifier(arguments.model)
    if classifier.model.task == SEGMENTATION:
        return _run_on_masks(classifier, arguments)
    images = measured_set(classifier, arguments)
    evaluation = _evaluation(classifier, images, shows_images=arguments.html is not None)
    if not is_first():
        return 0
    if arguments.html is not None:  # before the output, whose reader may end early
        from cnnx.evaluation.page import evaluation_page

        _write_page(arguments, images, partial(evaluation_page, evaluation))
    if arguments.json:
        head = {"model": str(arguments.model), "images": images.name}
        print(json.dumps({**head, **evaluation.to_dict()}, allow_nan=False))
    else:
        print(_text(evaluation, images.name, per_class=arguments.per_class))
    return 0


def _run_on_masks(classifier: Classifier, arguments: argparse.Namespace) -> int:
    """Print the metrics of a model with a class for each pixel, and write the page of --html."""
    from cnnx.data.mask_labels import IGNORED
    from cnnx.evaluation import evaluate_segmentation
    from cnnx.evaluation.segmentation_page import segmentation_page, worst_masks
    from cnnx.training.labelled_images import measured_images

    model = classifier.model
    images = measured_set(classifier, arguments, SEGMENTATION)
    found = measured_images(loaded(classifier, images), None, None, model, "evaluate")
    evaluation = evaluate_segmentation(model, found.x, found.y, ignore_index=IGNORED)
    if is_first() and arguments.html is not None:
        worst = worst_masks(model, evaluation, found, found.x)
        _write_page(arguments, images, partial(segmentation_page, evaluation, worst))
    if is_first() and arguments.json:
        metrics = {"model": str(arguments.model), **evaluation.to_dict()}
        metrics |= {"images": images.name, "count": evaluation.count}
        print(json.dumps(metrics, allow_nan=False))
    elif is_first():
        print(f"{images.name}: {evaluation}")
    return 0


def _evaluation(classifier: Classifier, images: ImageSet, *, shows_images: bool) -> Evaluation:
    """Evaluation of the images; several processes read all of them only if they are to be shown."""
    from cnnx.data.folder import FolderSet

    processes = communicator()
    if processes is None or shows_images:
        return evaluated(classifier, loaded(classifier, images), processes)
    evaluation = evaluated(classifier, images, processes)
    if isinstance(images, FolderSet):
        read = set(evaluation.names or ())
        report_skipped([name for name in images.file_names if name not in read])
    return evaluation


def _text(evaluation: Evaluation, name: str, *, per_class: bool) -> str:
    from cnnx.evaluation.as_text import class_table

    correct = int(evaluation.correct.sum())
    low, high = evaluation.confidence_interval("accuracy")
    parts = [
        f"{counted(evaluation.count, 'image')} of {name}\n"
        f"accuracy {evaluation.accuracy:.2%} ({correct:,} correct, "
        f"{evaluation.count - correct:,} incorrect), 95% interval {low:.2%} to {high:.2%}",
        matrix_text(evaluation),
    ]
    if per_class:
        error = evaluation.calibration().expected_error
        parts += [
            class_table(evaluation),
            f"loss {evaluation.loss:.4f}, expected calibration error {error:.2%}",
        ]
        if len(evaluation.classes) == 2:
            parts.append(_threshold_text(evaluation))
    return "\n\n".join(parts)


def _threshold_text(evaluation: Evaluation) -> str:
    from cnnx.evaluation.as_text import rate_text

    curve = evaluation.threshold_curve()
    best = curve.best_f1
    areas = (
        f"{curve.positive} against {evaluation.classes[0]}: ROC AUC {rate_text(curve.roc_auc)}, "
        f"average precision {rate_text(curve.average_precision)}"
    )
    if best.f1 == 0:  # there are no positive images
        return areas
    return (
        f"{areas}\nbest F1 {best.f1:.4f} at probability >= {best.threshold:.4f}: precision "
        f"{best.precision:.4f}, recall {best.recall:.4f}"
    )


def _write_page(
    arguments: argparse.Namespace, images: ImageSet, page: Callable[[str, str], str]
) -> None:
    """Write the page of --html, made of its title and introduction."""
    from cnnx.files.atomic_file import replace_file

    text = page(f"Evaluation of {arguments.model}", f"Images of {images.name}")
    replace_file(str(arguments.html), [text.encode("utf-8", "backslashreplace")])


def matrix_text(evaluation: Evaluation) -> str:
    """Confusion matrix as text, or the most frequent confusions if there are many classes."""
    names, matrix = evaluation.classes, evaluation.confusion_matrix
    if len(names) > _WIDEST_MATRIX:
        return _most_frequent_confusions(evaluation)
    corner = "true \\ predicted"
    first = max(len(corner), *(len(name) for name in names))
    widths = [max(len(name), len(str(matrix[:, k].max()))) for k, name in enumerate(names)]

    def line(head: str, cells: list[str]) -> str:
        aligned = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        return "  ".join([head.ljust(first), *aligned])

    rows = [line(name, [str(n) for n in matrix[row]]) for row, name in enumerate(names)]
    return "\n".join([line(corner, list(names)), *rows])


def _most_frequent_confusions(evaluation: Evaluation) -> str:
    confusions = evaluation.most_confused(_CONFUSIONS_SHOWN)
    if not confusions:
        return "no confusions"
    lines = [f"{each.count:6}  {each.true} predicted as {each.predicted}" for each in confusions]
    return "\n".join(["most frequent confusions:", *lines])
