"""`cnnx predict`: classification of image files, or of their pixels, with a saved model."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cnnx.cli.errors import UserError, complain, sentence
from cnnx.cli.image_arguments import (
    ImageArgument,
    add_model_and_images,
    image_arguments,
    read_or_complain,
)
from cnnx.cli.image_outputs import output_files
from cnnx.cli.option_types import positive_integer
from cnnx.cli.parser import Commands
from cnnx.cli.processes import in_each, in_first
from cnnx.cli.shared_options import add_threads, use_threads
from cnnx.cli.tab_separated import tab_separated
from cnnx.cli.task import SEGMENTATION
from cnnx.launcher import started_processes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cnnx.cli.classifier import Classifier

_EPILOG = """\
Prints one line per image: file, label and probability, separated by tabs. --top N adds the other
labels and probabilities. Of a folder, all image files in it and its subfolders are classified.
Files that cannot be read as images, folders without images, and images for which the model's
outputs are not finite, are named on stderr. The other files are classified, and the exit status
is 1.

--json prints one object per line and image: file, label, probability, and probabilities, which
has the probability of every class in the order of the classes, or with --top of the N most
probable ones in their order. The numbers are exact. Numbers that are not finite are null, and so
is the label of their image.

A model with a class for each pixel, trained on masks, prints the most frequent class of every image
and the fraction of its pixels; in JSON, fractions has those of every class. --out DIR also writes
the masks: PNG files of labels in a colour per class, each in the size and with the name of its
image.

examples:
  cnnx predict pets.cnnx photo.jpg
  cnnx predict pets.cnnx new --top 3
  cnnx predict pets.cnnx new/*.jpg | sort -k 2
  cnnx predict pets.cnnx new/*.jpg --json | jq .probabilities.cat
  cnnx predict streets.cnnx new --out masks
"""
_IMAGES_AT_ONCE = 256  # of one process
_LINES_AT_ONCE = 2048


def add_parser(commands: Commands) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser(
        "predict",
        help="classify image files",
        description="Classifies image files with a saved model.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    add_model_and_images(parser)
    parser.add_argument(
        "--top",
        type=positive_integer,
        metavar="N",
        help="print the N most probable labels, at most all (default: 1)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON with the exact probability of every class"
    )
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="folder of predicted masks, or the file of one"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing masks in --out")
    add_threads(parser)


class _Task(NamedTuple):
    """An image to predict, and the mask to write, if any."""

    image: ImageArgument
    mask: Path | None


class _Predictions(NamedTuple):
    """Output for some images.

    Attributes:
        lines: a line per image, or per classified image in text.
        complaints: sentences about images that cannot be read or classified.
    """

    lines: list[str]
    complaints: list[str]


def run(arguments: argparse.Namespace) -> int:
    """Print label and probability of every image; return 1 if one cannot be read or classified."""
    from cnnx.cli.classifier import Classifier

    use_threads(arguments)
    classifier = Classifier(arguments.model)
    files, failed = in_first(lambda: image_arguments(arguments.images, "predict"))

    outputs = in_first(lambda: _outputs(files, classifier, arguments))

    def predict(part: Sequence[_Task]) -> _Predictions:
        if classifier.model.task == SEGMENTATION:
            return _masks(part, classifier, arguments)
        return _predictions([each.image for each in part], classifier, arguments)

    tasks = [_Task(*each) for each in zip(files, outputs, strict=True)]
    at_once = min(_LINES_AT_ONCE, _IMAGES_AT_ONCE * started_processes())
    for start in range(0, len(files), at_once):
        for found in in_each(predict, tasks[start : start + at_once]):
            for each in found.complaints:
                complain("predict", each)
            for line in found.lines:
                print(line)
            failed = failed or bool(found.complaints)
    return 1 if failed else 0


def _outputs(
    files: Sequence[ImageArgument], classifier: Classifier, arguments: argparse.Namespace
) -> Sequence[Path | None]:
    """The mask to write for each image, or None.

    Raises:
        UserError: if a mask cannot be written, or the model predicts none.
    """
    if arguments.out is None:
        return [None] * len(files)
    if classifier.model.task != SEGMENTATION:
        raise UserError(
            f"--out {arguments.out} is a folder for masks, but {classifier.path} predicts no class "
            "for each pixel"
        )
    return [mask for (mask,) in output_files(files, (".png",), arguments)]


def _masks(
    tasks: Sequence[_Task], classifier: Classifier, arguments: argparse.Namespace
) -> _Predictions:
    """Predict and write the masks of some images."""
    from cnnx.cli.predicted_masks import predict_mask

    found = _Predictions([], [])
    for image, mask in tasks:
        try:
            line = predict_mask(image, mask, classifier, arguments.top, as_json=arguments.json)
        except (ValueError, FloatingPointError, OSError) as error:
            found.complaints.append(sentence(error))
        else:
            found.lines.append(line)
    return found


def _predictions(
    files: Sequence[ImageArgument], classifier: Classifier, arguments: argparse.Namespace
) -> _Predictions:
    """Read and classify some images."""
    import numpy as np

    found = _Predictions([], [])
    images: list[NDArray[np.uint8]] = []
    names: list[str] = []
    for file in files:
        pixels = read_or_complain(file.path, classifier.model, found.complaints.append)
        if pixels is not None:
            images.append(pixels)
            names.append(file.path)
    if not images:
        return found
    probabilities = classifier.probabilities(np.stack(images))
    for name, row in zip(names, probabilities, strict=True):
        if not np.isfinite(row).all():
            found.complaints.append(f"{name}: the model's outputs are not finite")
            if not arguments.json:
                continue  # a text line has no null in the place of the label
        every = dict(zip(classifier.names, row.tolist(), strict=True))
        found.lines.append(_line(name, every, arguments.top, as_json=arguments.json))
    return found


def _line(name: str, probabilities: dict[str, float], top: int | None, *, as_json: bool) -> str:
    """Prediction for one image as a line of the output."""
    order = sorted(probabilities, key=lambda each: -probabilities[each])  # stable, ties by class
    if as_json:
        chosen = list(probabilities) if top is None else order[:top]
        return _json(name, order[0], probabilities, chosen)
    best = order[: top or 1]
    cells = [cell for each in best for cell in (each, f"{probabilities[each]:.4f}")]
    return tab_separated([name, *cells])


def _json(name: str, label: str, probabilities: dict[str, float], chosen: list[str]) -> str:
    """Prediction as one line of JSON; a double represents every float32 exactly.

    JSON has neither NaN nor infinity: null replaces them, and the label they would decide.
    """
    numbers = {each: p if math.isfinite(p) else None for each, p in probabilities.items()}
    prediction = {
        "file": name,
        "label": None if None in numbers.values() else label,
        "probability": numbers[label],
        "probabilities": {each: numbers[each] for each in chosen},
    }
    return json.dumps(prediction, allow_nan=False)
