"""`cnnx train`: from a folder of images to a saved and tested model."""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
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
      or without .gz; t10k-* beside them is the test set
  a folder of CIFAR-10's binary files: data_batch_1.bin and so on; test_batch.bin is the test set
  an .npz file with the arrays x and y, or x_train, y_train, x_test and y_test
  a folder with one subfolder of images per class: pets/cat/*.jpg pets/dog/*.jpg
  a folder that holds such folders named train/ and test/, and perhaps validation/

The validation images are measured after every epoch, the test set once, at the end. Ctrl-C stops
after the step and saves the model as trained so far. With --checkpoint a run that was stopped, even
killed, goes on where it was: give PATH and --resume, and it ends with the same bits.

examples:
  cnnx train pets --out pets.cnnx
  cnnx train mnist --model lenet --epochs 3 --out digits.cnnx
  cnnx train photos --model resnet20 --optimizer sgd --schedule cosine --augment flip,crop \\
      --epochs 60 --checkpoint run.ckpt --log run.csv
  cnnx train photos --resume run.ckpt --log run.csv
  cnnx train pets --model network.py:network --learning-rate 0.001

network.py is yours and gets (height, width, channels) and the class names:
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
        help="learn from a folder of images, IDX or CIFAR-10 files, or an .npz",
        description="Learns from labelled images, saves the model and measures it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    train_options.add_data_options(parser)
    train_options.add_network_options(parser)
    train_options.add_run_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train, saves, and measures the test set if there is one."""
    train_options.settle(arguments)
    check_output("--out", arguments.out, "model.cnnx", arguments.overwrite)
    if arguments.checkpoint is not None:
        check_folder("--checkpoint", arguments.checkpoint)
    if arguments.log is not None:
        going_on = arguments.resume is not None  # with the log that there is
        check_output("--log", arguments.log, "log.csv", arguments.overwrite or going_on)
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
    begun = time.perf_counter()
    try:
        with progress:
            _fit(trainer, images, arguments, progress)
        if arguments.profile:
            print(profile_table(trainer.profile(), time.perf_counter() - begun), flush=True)
        saved = save_model(trainer.model, arguments.out, arguments.overwrite)
    except KeyboardInterrupt:
        kept = _keep(trainer, images, progress.steps_done, arguments)
        raise KeyboardInterrupt(f"interrupted{kept}") from None
    except (FloatingPointError, OSError) as error:
        kept = _keep(trainer, images, progress.steps_done, arguments)
        raise UserError(f"{sentence(error)}{kept}") from error
    print(f"saved {saved}", flush=True)
    if images.test is None:
        return 0
    try:
        figures = trainer.evaluate(images.test.x, images.test.y)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; the trained model is in {saved}") from None
    print(f"test accuracy {figures['accuracy']:.2%} of {len(images.test.y):,} images")
    return 0


def _begin(arguments: argparse.Namespace) -> tuple[Trainer, Dataset]:
    """A trainer at the beginning of its run or where its checkpoint was, and the images."""
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
    """The whole run, or what is left of it."""
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
    """Refuse, before any work is done, a file that could not be written or is not to be lost."""
    if file.is_dir():
        raise UserError(f"{option} {file} is a folder, expected a file such as {file / example}")
    if file.exists() and not overwrite:
        raise UserError(f"{file} exists; add --overwrite to replace it or choose another {option}")
    check_folder(option, file)


def check_folder(option: str, file: Path) -> None:
    """Refuse, before any work is done, a file whose folder is not there to write to."""
    if not file.parent.is_dir():
        raise UserError(f"{option} {file}: there is no folder {file.parent}; make it first")
    if not os.access(file.parent, os.W_OK):
        raise UserError(f"{option} {file}: the folder {file.parent} is not yours to write to")


def _check_checkpoint(arguments: argparse.Namespace) -> None:
    """Refuse to begin a new run over one that could be gone on with."""
    file = arguments.checkpoint
    if file is not None and file.exists() and not arguments.overwrite:
        raise UserError(
            f"{file} exists; go on with it by --resume {file}, or add --overwrite to begin anew"
        )


def save_model(model: Model, out: Path, overwrite: bool) -> Path:
    """Save the model and returns where: elsewhere if `out` cannot be had, so that it is not lost.

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


def _keep(trainer: Trainer, images: Dataset, steps: int, arguments: argparse.Namespace) -> str:
    """Save what a training that has ended early has learned, if its answers are numbers; never
    over an older model.

    Returns:
        The end of the sentence that says where.
    """
    if steps == 0:
        return "; nothing was saved, for no step was done"
    checkpoint = arguments.resume or arguments.checkpoint
    if not math.isfinite(trainer.evaluate(images.x[:64], images.y[:64])["loss"]):
        kept = "; no model was saved, for its answers would be no numbers"
        return kept if checkpoint is None else f"{kept}; an earlier state is in {checkpoint}"
    saved = save_model(trainer.model, arguments.out, overwrite=False)
    kept = f"; the model as trained so far ({steps:,} steps) is in {saved}"
    return kept if checkpoint is None else f"{kept}; go on by --resume {checkpoint}"


def prepare(arguments: argparse.Namespace) -> tuple[Model, Dataset]:
    """The untrained model and the images in its size, described on the screen.

    Raises:
        UserError: The images are of one class, or the network does not fit them.
    """
    from cnnx.cli.architectures import build_model, see_images
    from cnnx.data.dataset import count_classes

    source = _open(arguments)
    train = source.train
    shape = train.input_shape
    if arguments.size is not None:
        shape = (*arguments.size, shape[2])
    if count_classes(train.classes) < 2:
        raise UserError(f"{train.name}: has a single class, expected at least two to tell apart")
    model = build_model(arguments.model, shape, train.classes, arguments.seed)
    images = _load(source, model, arguments, arguments.model)
    see_images(arguments.model, model, images.x)
    return model, images


def _open(arguments: argparse.Namespace, classes: Classes | None = None) -> Source:
    from cnnx.cli.progress import DecodingProgress
    from cnnx.data.decoding import Decoding
    from cnnx.data.source import open_source

    decoding = Decoding(skip_unreadable=arguments.skip_unreadable, progress=DecodingProgress())
    return open_source(arguments.path, classes, decoding)


def _load(source: Source, model: Model, arguments: argparse.Namespace, network: str) -> Dataset:
    """The images in the model's size; both are described on the screen."""
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
