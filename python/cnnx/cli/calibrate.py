"""`cnnx calibrate`: a saved model's temperature, fitted to held-out images."""

from __future__ import annotations

import argparse
from pathlib import Path

from cnnx.cli.errors import UserError
from cnnx.cli.measured_set import (
    add_command,
    add_reading_options,
    evaluated,
    loaded,
    opened,
    refuse_exchanged,
)
from cnnx.cli.outputs import check_new_model, replace_model
from cnnx.cli.parser import Commands
from cnnx.cli.shared_options import use_threads
from cnnx.wording import counted

_EPILOG = """\
Fits one number, the temperature, by which the outputs are divided before softmax or sigmoid, so
that probabilities agree with accuracies. Predicted classes stay the same. The temperature is saved
in MODEL, or in a copy of it at --out; further training resets it to 1.

PATH is as for `cnnx train`. Of a folder with sets (train, validation, test) the validation set is
used. The images should be ones that the model was not trained on, and that no accuracy is measured
on afterwards: do not give the test set.

examples:
  cnnx calibrate pets.cnnx pets/validation
  cnnx calibrate pets.cnnx pets --out calibrated.cnnx
"""


def add_parser(commands: Commands) -> None:
    """Declare the command and its options."""
    parser = add_command(
        commands,
        "calibrate",
        run,
        summary="make probabilities agree with accuracies",
        description="Calibrates the probabilities of a saved model on held-out images.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="save a copy here and leave MODEL as it is"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing --out file")
    add_reading_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Fit the temperature, print what it changes, and save the model."""
    from cnnx.cli.classifier import Classifier
    from cnnx.evaluation.temperature import fit_temperature

    use_threads(arguments)
    refuse_exchanged("calibrate", arguments.model, arguments.path)
    if arguments.out is not None:
        check_new_model(arguments.out, {"MODEL": arguments.model}, arguments.overwrite)
    classifier = Classifier(arguments.model)
    source = opened(classifier, arguments)
    if source.validation is None and source.test is not None:
        raise UserError(
            f"{arguments.path}: has a test set but no validation set, expected images that the "
            "model was not trained on and that are not its test set"
        )
    images = source.train if source.validation is None else source.validation
    dataset = loaded(classifier, images)
    before = evaluated(classifier, dataset)
    model = classifier.model
    old = model.temperature
    new = fit_temperature(model, dataset, None, str(arguments.model))
    after = evaluated(classifier, dataset)
    print(
        f"{counted(after.count, 'image')} of {images.name}\n"
        f"temperature {new:.4f} (before: {old:.4g})\n"
        f"loss {before.loss:.4f} -> {after.loss:.4f}, expected calibration error "
        f"{before.calibration().expected_error:.2%} -> {after.calibration().expected_error:.2%} "
        "on these images"
    )
    out = arguments.model if arguments.out is None else arguments.out
    replace_model(model, out)
    print(f"saved {out}")
    return 0
