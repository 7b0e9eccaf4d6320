"""`cnnx train`: trains, saves and tests a model."""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnx.cli import train_options
from cnnx.cli.errors import UserError, sentence
from cnnx.cli.profile_table import profile_table
from cnnx.cli.recipes import augmentation_of, optimizer_of, schedule_of

if TYPE_CHECKING:
    from cnnx.cli.progress import EpochProgress
    from cnnx.data.dataset import Classes, Dataset
    from cnnx.data.source import Source
    from cnnx.model.model import Model
    from cnnx.training.trainer import Trainer

_EPILOG = """\
PATH is one of
  a folder of IDX files, such as MNIST: train-images-idx3-ubyte and train-labels-idx1-ubyte, with
      or without .gz; t10k-* is the test set
  a folder of CIFAR-10's binary files: data_batch_1.bin and so on; test_batch.bin is the test set
  an .npz file with the arrays x and y, or x_train, y_train, x_test and y_test
  a folder with one subfolder of images per class: pets/cat/*.jpg pets/dog/*.jpg
  a folder with such folders named train/ and test/, and optionally validation/

The validation set is evaluated after every epoch, the test set once at the end. Ctrl-C stops after
the step and saves the model. A run with --checkpoint can be resumed after an interruption or a
kill: give PATH and --resume, and it ends with the same bits.

examples:
  cnnx train pets --out pets.cnnx
  cnnx train mnist --model lenet --epochs 3 --out digits.cnnx
  cnnx train photos --model resnet20 --optimizer sgd --schedule cosine --augment flip,crop \\
      --epochs 60 --checkpoint run.ckpt --log run.csv
  cnnx train photos --resume run.ckpt --log run.csv
  cnnx train pets --model network.py:network --learning-rate 0.001

network.py is your file; its function receives (height, width, channels) and the class names:
  import cnnx
  from cnnx.layers import Conv2d, Dense, Flatten, MaxPool2d, ReLU

  def network(input_shape, classes):
      layers = [Conv2d(32, 3), ReLU(), MaxPool2d(2), Flatten(), Dense(len(classes))]
      return cnnx.Model(layers, input_shape=input_shape, classes=classes)
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser(
        "train",
        help="train on a folder of images, IDX or CIFAR-10 files, or an .npz",
        description="Trains a model on labelled images, saves it and tests it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    train_options.add_data_options(parser)
    train_options.add_network_options(parser)
    train_options.add_run_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train and save a model, and evaluate the test set if there is one."""
    train_options.complete(arguments)
    check_output("--out", arguments.out, "model.cnnx", arguments.overwrite)
    if arguments.checkpoint is not None:
        check_folder("--checkpoint", arguments.checkpoint)
    if arguments.log is not None:
        resumes = arguments.resume is not None  # and rewrites the existing log
        check_output("--log", arguments.log, "log.csv", arguments.overwrite or resumes)
    _check_checkpoint(arguments)

    import cnnx
    from cnnx.cli.progress import EpochProgress

    if arguments.threads is not None:
        cnnx.set_num_threads(arguments.threads)
    try:
        trainer, images = _begin(arguments)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted before training began; nothing was saved") from None
    progress = EpochProgress()
    if arguments.profile:
        trainer.start_profile()
    started = time.perf_counter()
    try:
        with progress:
            _fit(trainer, images, arguments, progress)
        if arguments.profile:
            print(profile_table(trainer.profile(), time.perf_counter() - started), flush=True)
        saved = save_model(trainer.model, arguments.out, arguments.overwrite)
    except KeyboardInterrupt:
        outcome = _save_unfinished(trainer, images, progress.steps_done, arguments)
        raise KeyboardInterrupt(f"interrupted{outcome}") from None
    except (FloatingPointError, OSError) as error:
        outcome = _save_unfinished(trainer, images, progress.steps_done, arguments)
        raise UserError(f"{sentence(error)}{outcome}") from error
    print(f"saved {saved}", flush=True)
    if images.test is None:
        return 0
    try:
        metrics = trainer.evaluate(images.test.x, images.test.y)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; the trained model is in {saved}") from None
    print(f"test accuracy {metrics['accuracy']:.2%} of {len(images.test.y):,} images")
    return 0


def _begin(arguments: argparse.Namespace) -> tuple[Trainer, Dataset]:
    """Create a trainer, new or from a checkpoint, and load the images."""
    import cnnx

    if arguments.resume is not None:
        trainer = cnnx.Trainer.resume(arguments.resume)
        model = trainer.model
        classes = tuple(model.classes) if model.classes else model.output_shape[0]
        return trainer, _load(_open(arguments, classes), model, arguments, str(arguments.resume))
    model, images = prepare(arguments)
    trainer = cnnx.Trainer(
        model,
        optimizer=optimizer_of(arguments.optimizer, arguments.learning_rate),
        schedule=schedule_of(arguments.schedule, arguments.epochs),
        seed=arguments.seed,
    )
    return trainer, images


def _fit(
    trainer: Trainer, images: Dataset, arguments: argparse.Namespace, progress: EpochProgress
) -> None:
    """Run the training, from the beginning or from the checkpoint."""
    import cnnx
    from cnnx.callbacks import CSVLog

    validation: Any = None
    if images.validation is not None:
        validation = (images.validation.x, images.validation.y)
    settings: dict[str, Any] = {}
    if arguments.resume is None:
        validation = validation or arguments.validation or None
        settings = {
            "epochs": arguments.epochs,
            "batch_size": arguments.batch_size,
            "augmentation": augmentation_of(arguments.augment, trainer.model.input_shape),
            "checkpoint": arguments.checkpoint,
        }
    with warnings.catch_warnings():
        # The sentence about a finished run names a line of Python.
        warnings.filterwarnings("ignore", "fit: the run ", cnnx.Warning)
        trainer.fit(
            images.x,
            images.y,
            validation=validation,
            checkpoint_every=arguments.checkpoint_every,
            callbacks=[] if arguments.log is None else [CSVLog(arguments.log)],
            progress=progress,
            **settings,
        )


def check_output(option: str, file: Path, example: str, overwrite: bool) -> None:
    """Refuse an output file that cannot be written or must not be overwritten."""
    if file.is_dir():
        raise UserError(f"{option} {file} is a folder, expected a file such as {file / example}")
    if file.exists() and not overwrite:
        raise UserError(f"{file} exists; add --overwrite to replace it or choose another {option}")
    check_folder(option, file)


def check_folder(option: str, file: Path) -> None:
    """Refuse an output file whose folder does not exist or is not writable."""
    if not file.parent.is_dir():
        raise UserError(f"{option} {file}: there is no folder {file.parent}; make it first")
    if not os.access(file.parent, os.W_OK):
        raise UserError(f"{option} {file}: the folder {file.parent} is not writable")


def _check_checkpoint(arguments: argparse.Namespace) -> None:
    """Refuse to overwrite the checkpoint of another run."""
    file = arguments.checkpoint
    if file is not None and file.exists() and not arguments.overwrite:
        raise UserError(
            f"{file} exists; resume it with --resume {file}, or add --overwrite to replace it"
        )


def save_model(model: Model, out: Path, overwrite: bool) -> Path:
    """Save the model and return its path.

    `check_output` checks `out` before training, but it may have become unusable since. The model
    is then saved to another path, so that it is not lost.

    Raises:
        UserError: if `out` cannot be written; the message names the other path.
    """
    if out.exists() and not overwrite:
        out = _free_name(out)
    try:
        model.save(out)
    except OSError as error:
        fallback = _free_name(Path(tempfile.gettempdir()) / out.name)
        model.save(fallback)
        raise UserError(
            f"{out} could not be written ({sentence(error)}); the model is in {fallback} instead"
        ) from error
    return out


def _free_name(path: Path) -> Path:
    """`path`, or the first unused path with a number, such as model-2.cnnx."""
    number = 2
    free = path
    while free.exists():
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return free


def _save_unfinished(
    trainer: Trainer, images: Dataset, steps: int, arguments: argparse.Namespace
) -> str:
    """Save the model of an interrupted run if its outputs are finite; never replace a file.

    Returns:
        The end of the message, which names the file.
    """
    if steps == 0:
        return "; nothing was saved, because no step was finished"
    checkpoint = arguments.resume or arguments.checkpoint
    if not math.isfinite(trainer.evaluate(images.x[:64], images.y[:64])["loss"]):
        outcome = "; no model was saved, because its outputs are not finite"
        return outcome if checkpoint is None else f"{outcome}; an earlier state is in {checkpoint}"
    saved = save_model(trainer.model, arguments.out, overwrite=False)
    outcome = f"; the model as trained so far ({steps:,} steps) is in {saved}"
    return outcome if checkpoint is None else f"{outcome}; resume with --resume {checkpoint}"


def prepare(arguments: argparse.Namespace) -> tuple[Model, Dataset]:
    """Build the untrained model, load the images in its size, and print both.

    Raises:
        UserError: if the images have a single class, or the network does not fit them.
    """
    from cnnx.cli.architectures import build_model, initialise_from_images
    from cnnx.data.dataset import count_classes

    source = _open(arguments)
    train = source.train
    shape = train.input_shape
    if arguments.size is not None:
        shape = (*arguments.size, shape[2])
    if count_classes(train.classes) < 2:
        raise UserError(f"{train.name}: has a single class, expected at least two")
    model = build_model(arguments.model, shape, train.classes, arguments.seed)
    images = _load(source, model, arguments, arguments.model)
    initialise_from_images(arguments.model, model, images.x)
    return model, images


def _open(arguments: argparse.Namespace, classes: Classes | None = None) -> Source:
    from cnnx.data.decoding import Decoding
    from cnnx.data.source import open_source

    decoding = Decoding(skip_unreadable=arguments.skip_unreadable)
    return open_source(arguments.path, classes, decoding)


def _load(source: Source, model: Model, arguments: argparse.Namespace, network: str) -> Dataset:
    """Load the images in the model's size, and print a description of both."""
    from cnnx.data.dataset import count_classes

    train = source.train
    sets = [f"{len(train):,} images"]
    if source.validation is not None:
        sets.append(f"{len(source.validation):,} for validation")
    if source.test is not None:
        sets.append(f"{len(source.test):,} for the test")
    height, width, channels = model.input_shape
    colour = {1: "grey", 3: "RGB"}.get(channels, f"{channels} channels")
    count = sum(array.size for array in model.parameters.values())
    print(
        f"{arguments.path}: {', '.join(sets)}; {count_classes(train.classes)} classes\n"
        f"{network}: {count:,} parameters, input {height} x {width} {colour}",
        flush=True,
    )
    images = source.load(model.input_shape, model.preprocessing.resize)
    for loaded in (images, images.validation, images.test):
        if loaded is not None and loaded.skipped:
            print(f"skipped as unreadable: {', '.join(loaded.skipped)}", file=sys.stderr)
    return images
