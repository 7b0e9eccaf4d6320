"""`cnnx train`: from a folder of pictures to a saved and tested model."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cnnx.cli import arguments as types
from cnnx.cli.errors import UserError, sentence
from cnnx.cli.profile_table import profile_table

if TYPE_CHECKING:
    from cnnx.data.dataset import Dataset, Labels, Pixels
    from cnnx.model import Model
    from cnnx.profile import Profile

_EPILOG = """\
PATH is one of
  a folder of IDX files, such as MNIST: train-images-idx3-ubyte and train-labels-idx1-ubyte, with
      or without .gz; t10k-* beside them is the test set
  a folder of CIFAR-10's binary files: data_batch_1.bin and so on; test_batch.bin is the test set
  an .npz file with the arrays x and y, or x_train, y_train, x_test and y_test
  a folder with one subfolder of pictures per class: pets/cat/*.jpg pets/dog/*.jpg
  a folder that holds such folders named train/ and test/, and perhaps validation/

The validation pictures are measured after every epoch, the test set once, at the end. Ctrl-C stops
after the step and saves the model as trained so far.

examples:
  cnnx train pets --out pets.cnnx
  cnnx train mnist --model lenet --epochs 3 --out digits.cnnx
  cnnx train pets --model network.py:network --learning-rate 0.001

network.py is yours and gets (height, width, channels) and the class names:
  import cnnx
  from cnnx.layers import Conv2d, Dense, Flatten, MaxPool2d, ReLU

  def network(input_shape, classes):
      layers = [Conv2d(32, 3), ReLU(), MaxPool2d(2), Flatten(), Dense(len(classes))]
      return cnnx.Model(layers, input_shape=input_shape, classes=classes)
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command and its options."""
    parser = commands.add_parser(
        "train",
        help="learn from a folder of pictures, IDX or CIFAR-10 files, or an .npz",
        description="Learns from labelled pictures, saves the model and measures it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("path", metavar="PATH", help="the pictures, see below")
    parser.add_argument(
        "--model",
        default="small",
        metavar="NAME",
        help="the network: small, lenet or FILE.py:function (default: small)",
    )
    parser.add_argument(
        "--size",
        type=types.size,
        metavar="SIDE",
        help="resize pictures to SIDE or HEIGHTxWIDTH (default: their own size if all have one of "
        "at most 128, else 64)",
    )
    parser.add_argument(
        "--epochs",
        type=types.positive_integer,
        default=5,
        metavar="N",
        help="how often to go through all pictures (default: 5)",
    )
    parser.add_argument(
        "--batch-size",
        type=types.positive_integer,
        default=64,
        metavar="N",
        help="pictures per step (default: 64)",
    )
    parser.add_argument(
        "--learning-rate",
        type=types.positive_number,
        default=2e-3,
        metavar="RATE",
        help="Adam's step size; the last third of the epochs takes a fifth of it (default: 0.002)",
    )
    parser.add_argument(
        "--validation",
        type=types.fraction,
        default=0.1,
        metavar="FRACTION",
        help="share of the pictures held back to measure each epoch, where there is no validation "
        "folder (default: 0.1)",
    )
    parser.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="leave out files that cannot be read as pictures, and name them, instead of refusing",
    )
    parser.add_argument(
        "--seed",
        type=types.seed,
        default=0,
        metavar="N",
        help="draws weights and order; the same seed gives the same model (default: 0)",
    )
    parser.add_argument(
        "--threads",
        type=types.positive_integer,
        metavar="N",
        help="how many threads to use; the model does not depend on it (default: all CPUs)",
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="print at the end where the time of training went, layer by layer",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("model.cnnx"),
        metavar="FILE",
        help="where to save the model (default: model.cnnx)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the file of --out if there is one"
    )


def run(arguments: argparse.Namespace) -> int:
    """Trains, saves, and measures the test set if there is one."""
    check_output(arguments.out, arguments.overwrite)

    import cnnx
    from cnnx.cli.progress import EpochProgress
    from cnnx.cli.training import fit

    if arguments.threads is not None:
        cnnx.set_num_threads(arguments.threads)
    try:
        model, pictures = _prepare(arguments)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted before training began; nothing was saved") from None
    validation: float | tuple[Pixels, Labels] | None = arguments.validation or None
    if pictures.validation is not None:
        validation = (pictures.validation.x, pictures.validation.y)
    progress = EpochProgress(arguments.epochs)
    profiles: list[Profile] | None = [] if arguments.profile else None
    begun = time.perf_counter()
    try:
        with progress:
            fit(
                model,
                pictures.x,
                pictures.y,
                epochs=arguments.epochs,
                batch_size=arguments.batch_size,
                learning_rate=arguments.learning_rate,
                seed=arguments.seed,
                validation=validation,
                progress=progress,
                profiles=profiles,
            )
        if profiles is not None:
            print(profile_table(profiles, time.perf_counter() - begun), flush=True)
        saved = save_model(model, arguments.out, arguments.overwrite)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_keep(model, progress.steps_done, arguments.out)) from None
    print(f"saved {saved}", flush=True)
    if pictures.test is None:
        return 0
    try:
        figures = cnnx.Trainer(model).evaluate(pictures.test.x, pictures.test.y)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; the trained model is in {saved}") from None
    print(f"test accuracy {figures['accuracy']:.2%} of {len(pictures.test.y):,} pictures")
    return 0


def check_output(out: Path, overwrite: bool) -> None:
    """Refuses, before any work is done, a file that could not be written at the end."""
    if out.is_dir():
        raise UserError(f"--out {out} is a folder, expected a file such as {out / 'model.cnnx'}")
    if out.exists() and not overwrite:
        raise UserError(f"{out} exists; add --overwrite to replace it or choose another --out")
    if not out.parent.is_dir():
        raise UserError(f"--out {out}: there is no folder {out.parent}; make it first")
    if not os.access(out.parent, os.W_OK):
        raise UserError(f"--out {out}: the folder {out.parent} is not yours to write to")


def save_model(model: Model, out: Path, overwrite: bool) -> Path:
    """Saves the model and returns where: elsewhere if `out` cannot be had, so that it is not lost.

    `check_output` has looked before training, but hours may have passed since.
    """
    if out.exists() and not overwrite:
        out = _free_name(out)
    try:
        model.save(out)
    except OSError as error:
        refuge = _free_name(Path(tempfile.gettempdir()) / out.name)
        model.save(refuge)
        raise UserError(
            f"{out} could not be written ({sentence(error)}); the model is in {refuge} instead"
        ) from error
    return out


def _free_name(path: Path) -> Path:
    """The path itself, or with the first number that is not taken: model-2.cnnx."""
    number = 2
    free = path
    while free.exists():
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return free


def _keep(model: Model, steps: int, out: Path) -> str:
    """Saves what an interrupted training has learned and says where; never over an older model."""
    if steps == 0:
        return "interrupted before the first step; nothing was saved"
    saved = save_model(model, out, overwrite=False)
    return f"interrupted; the model as trained so far ({steps:,} steps) is in {saved}"


def _prepare(arguments: argparse.Namespace) -> tuple[Model, Dataset]:
    """The untrained model and the pictures in its size, described on the screen."""
    from cnnx.cli.architectures import build_model
    from cnnx.cli.progress import DecodingProgress
    from cnnx.data.dataset import count_classes
    from cnnx.data.decoding import Decoding
    from cnnx.data.source import open_source

    decoding = Decoding(skip_unreadable=arguments.skip_unreadable, progress=DecodingProgress())
    source = open_source(arguments.path, decoding=decoding)
    train = source.train
    shape = train.input_shape
    if arguments.size is not None:
        shape = (*arguments.size, shape[2])
    if count_classes(train.classes) < 2:
        raise UserError(f"{train.name}: has a single class, expected at least two to tell apart")
    model = build_model(arguments.model, shape, train.classes, arguments.seed)
    sets = [f"{len(train):,} pictures"]
    if source.validation is not None:
        sets.append(f"{len(source.validation):,} for validation")
    if source.test is not None:
        sets.append(f"{len(source.test):,} for the test")
    height, width, channels = model.input_shape
    colour = {1: "grey", 3: "RGB"}.get(channels, f"{channels} channels")
    count = sum(array.size for array in model.parameters.values())
    print(
        f"{arguments.path}: {', '.join(sets)}; {count_classes(train.classes)} classes\n"
        f"{arguments.model}: {count:,} parameters, input {height} x {width} {colour}",
        flush=True,
    )
    pictures = source.load(model.input_shape, model.preprocessing.resize)
    for loaded in (pictures, pictures.validation, pictures.test):
        if loaded is not None and loaded.skipped:
            print(f"skipped as unreadable: {', '.join(loaded.skipped)}", file=sys.stderr)
    return model, pictures
