"""`cnnx quantize`: a copy of a saved model that computes in integers."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cnnx.cli import option_types as types
from cnnx.cli.errors import UserError
from cnnx.cli.measured_set import (
    add_command,
    add_reading_options,
    loaded,
    opened,
    refuse_exchanged,
)
from cnnx.cli.outputs import check_new_model, replace_model
from cnnx.cli.parser import Commands
from cnnx.cli.shared_options import use_threads

if TYPE_CHECKING:
    from cnnx.cli.classifier import Classifier
    from cnnx.data.dataset import Dataset, ImageSet

_EPILOG = """\
Weights become int8 and activations bytes, so that the copy is a quarter of the size and predicts
faster, with the same bits on every CPU. It cannot be trained: train MODEL, then quantize it.

PATH is as for `cnnx train`. At most 256 images of its training set choose the scales. Labelled
images check the accuracy: those of --check as `cnnx evaluate` would take them, else the validation
set of PATH, else its test set. If PATH has one set, all of its images check that do not choose
scales. Images on which the model was trained make both accuracies too good. Layers stay in float32
as needed to keep --max-accuracy-drop. If that takes more than half of the arithmetic, nothing is
written.

examples:
  cnnx quantize pets.cnnx pets --out small.cnnx
  cnnx quantize pets.cnnx pets --check pets/test --max-accuracy-drop 0.002 --out small.cnnx
"""


def add_parser(commands: Commands) -> None:
    """Declare the command and its options."""
    parser = add_command(
        commands,
        "quantize",
        run,
        summary="make a model smaller and faster: int8",
        description="Makes a copy of a saved model that computes in integers.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--out", metavar="FILE", type=Path, required=True, help="the model file to write"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing --out file")
    parser.add_argument(
        "--check", metavar="PATH", type=Path, help="labelled images that check the accuracy"
    )
    parser.add_argument(
        "--max-accuracy-drop",
        type=types.fraction,
        metavar="X",
        default=0.005,
        help="the most accuracy that may be lost, 0.005 for half a point (default: 0.005)",
    )
    parser.add_argument(
        "--calibration",
        choices=("mse", "min_max", "percentile"),
        default="mse",
        help="choice of the scales: the smallest mean squared error, no clipping, or clipping of "
        "the largest values (default: mse)",
    )
    add_reading_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Quantize the model, print what it costs, and save it."""
    import cnnx
    from cnnx.cli.classifier import Classifier

    use_threads(arguments)
    refuse_exchanged("quantize", arguments.model, arguments.path)
    check_new_model(arguments.out, {"MODEL": arguments.model}, arguments.overwrite)
    classifier = Classifier(arguments.model)
    classifier.require_one_class("cnnx.quantize")
    images, check, name = _sets(classifier, arguments)
    report = cnnx.quantization.quantize_with_report(
        classifier.model,
        images,
        check=(check.x, check.y),
        max_accuracy_drop=arguments.max_accuracy_drop,
        calibration=arguments.calibration,
    )
    replace_model(report.model, arguments.out)
    before, after = (path.stat().st_size for path in (arguments.model, arguments.out))
    print(f"{report}\nchecked on {name}\nsaved {arguments.out}: {before:,} -> {after:,} bytes")
    return 0


def _sets(classifier: Classifier, arguments: argparse.Namespace) -> tuple[Dataset, Dataset, str]:
    """Images of the calibration, images of the check, and the name of the latter."""
    source = opened(classifier, arguments)
    check: ImageSet | None = source.validation if source.validation is not None else source.test
    if arguments.check is not None:
        other = opened(
            classifier, argparse.Namespace(**vars(arguments) | {"path": arguments.check})
        )
        check = next(
            each for each in (other.test, other.validation, other.train) if each is not None
        )
    if check is not None:
        return _chosen(classifier, source.train), loaded(classifier, check), check.name
    return _parts(loaded(classifier, source.train), source.train.name)


def _chosen(classifier: Classifier, images: ImageSet) -> Dataset:
    """The images of a set that calibrate; of a folder, no other file is read."""
    from cnnx.data.folder import FolderSet
    from cnnx.quantization.calibration_images import evenly_spaced

    if isinstance(images, FolderSet):
        images = images.subset(evenly_spaced(len(images)))
    return loaded(classifier, images)


def _parts(images: Dataset, name: str) -> tuple[Dataset, Dataset, str]:
    """Images of one set that calibrate, and the others.

    Raises:
        UserError: if there is a single image.
    """
    import numpy as np

    from cnnx.data.dataset import Dataset
    from cnnx.quantization.calibration_images import MOST_IMAGES, evenly_spaced

    count = len(images.y)
    if count < 2:
        raise UserError(f"{name}: holds a single image, expected at least two, or --check PATH")
    rows = evenly_spaced(count, min(count // 2, MOST_IMAGES))
    others = np.setdiff1d(np.arange(count), rows)
    calibration, check = (
        Dataset(images.x[each], images.y[each], images.classes) for each in (rows, others)
    )
    return calibration, check, f"{len(others):,} other images of {name}"
