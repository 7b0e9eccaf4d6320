"""`cnnx train`: trains, saves and tests a model."""

from __future__ import annotations

import argparse
import shlex
import time
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cnnx.cli import train_options
from cnnx.cli.command_lines import init_line, program, resume_line
from cnnx.cli.errors import UnfinishedRunError, UserError, caution, sentence
from cnnx.cli.outputs import check_output_files, save_model
from cnnx.cli.parser import Commands
from cnnx.cli.processes import check_shards, communicator, in_first, is_first
from cnnx.cli.profile_table import profile_table
from cnnx.cli.recipes import (
    augmentation_of,
    fine_tuning_of,
    fine_tuning_schedule,
    optimizer_of,
    schedule_of,
)
from cnnx.cli.resumed_run import resume, warn_of_finished_run
from cnnx.cli.shared_options import use_threads
from cnnx.wording import counted

if TYPE_CHECKING:
    from cnnx.callbacks import Callback
    from cnnx.data.dataset import Dataset
    from cnnx.model.model import Model
    from cnnx.training.fit_progress import TextProgress
    from cnnx.training.trainer import Trainer

_EPILOG = """\
PATH is one of
  a folder of IDX files, such as MNIST: train-images-idx3-ubyte and train-labels-idx1-ubyte, with
      or without .gz; t10k-* is the test set
  a folder of CIFAR-10's binary files: data_batch_1.bin and so on; test_batch.bin is the test set
  an .npz file with the arrays x and y, or x_train, y_train, x_test and y_test
  a folder with one subfolder of images per class: pets/cat/*.jpg pets/dog/*.jpg
      (its images may lie in further subfolders)
  a folder of images with masks, for a class for each pixel: streets/images/*.jpg and
      streets/masks/*.png of equal names, and for masks in colours streets/classes.txt
  a folder with such folders named train/ and test/, and optionally validation/ (or valid/, val/)

The validation set is evaluated after every epoch, the test set once at the end. Ctrl-C, SIGTERM and
SIGHUP stop after the step and save the model. A run with --checkpoint can be resumed after an
interruption or a kill: give PATH and --resume, and it ends with the same bits. --run-dir writes
everything about a run into one folder, a report included.

examples:
  cnnx train pets --out pets.cnnx
  cnnx train mnist --model lenet --epochs 3 --out digits.cnnx
  cnnx train photos --model resnet20 --optimizer sgd --schedule cosine --augment flip,crop \\
      --epochs 60 --checkpoint run.ckpt --log run.csv
  cnnx train photos --resume run.ckpt --log run.csv
  cnnx train pets --resume pets.ckpt --epochs 20
  cnnx train pets --epochs 20 --run-dir runs/first
  cnnx train pets --resume runs/first
  cnnx train pets --init pets.cnnx --learning-rate 0.0002 --out better.cnnx
  cnnx train pets --from imagenet.cnnx --recipe fine-tune --augment flip
  cnnx train pets --from imagenet.onnx --freeze '*' --epochs 10
  cnnx train pets --epochs 100 --patience 5 --class-weights balanced
  cnnx train pets --model network.py:network --learning-rate 0.001
  cnnx train streets --augment flip,crop --epochs 30

a function in your file network.py receives (height, width, channels) and the class names:
  import cnnx
  from cnnx.layers import Conv2d, Dense, Flatten, MaxPool2d, ReLU

  def network(input_shape, classes):
      layers = [Conv2d(32, 3), ReLU(), MaxPool2d(2), Flatten(), Dense(len(classes))]
      return cnnx.Model(layers, input_shape=input_shape, classes=classes)
"""

_NEVER = 10**9  # epochs of patience of a run that keeps its best epoch and never stops early
_IMAGES_TO_COMPARE = 64  # in bfloat16 and float32
_STEPS_TO_LEARN = 10  # after fewer steps, a model may well have learned nothing yet


def add_parser(commands: Commands) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser(
        "train",
        help="train on a folder of images, IDX or CIFAR-10 files, or an .npz",
        description="Trains a model on labelled images, saves it and tests it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run, folder=None, saves_best=False)
    train_options.add_data_options(parser)
    train_options.add_network_options(parser)
    train_options.add_run_options(parser)
    train_options.add_file_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train and save a model, and evaluate the test set if there is one."""
    arguments = in_first(lambda: _completed(arguments))

    from cnnx.cli.train_progress import CommandProgress

    use_threads(arguments)
    try:
        trainer, images = _begin(arguments)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted before training began; nothing was saved") from None
    progress = CommandProgress()
    if arguments.profile:
        trainer.start_profile()
    started = time.perf_counter()
    replaces = _replaces(arguments)
    try:
        _fit(trainer, images, arguments, progress)
        if arguments.profile:
            print(profile_table(trainer.profile(), time.perf_counter() - started), flush=True)
        saved = in_first(lambda: save_model(trainer.model, arguments.out, replaces))
    except KeyboardInterrupt:
        outcome = _save_unfinished(trainer, images, progress.steps_done, arguments)
        raise KeyboardInterrupt(f"interrupted{outcome}") from None
    except (FloatingPointError, OSError, ValueError, MemoryError) as error:
        if progress.steps_done == 0 and isinstance(error, (ValueError, MemoryError)):
            raise  # a refusal before the training
        outcome = _save_unfinished(trainer, images, progress.steps_done, arguments)
        raise UnfinishedRunError(f"{sentence(error)}{outcome}") from error
    print(f"saved {saved}", flush=True)
    if arguments.resume is not None and progress.steps_done == 0:
        warn_of_finished_run(arguments)
    if progress.steps_done >= _STEPS_TO_LEARN:
        if not trainer._has_exploded:  # of which fit has warned
            _warn_at_chance(trainer, images, arguments)
        _warn_of_rounding(trainer.model, images)
    try:
        _measure(trainer, images, arguments)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; the trained model is in {saved}") from None
    return 0


def _completed(arguments: argparse.Namespace) -> argparse.Namespace:
    """The arguments with the defaults of a new run, after their checks and those of the outputs."""
    train_options.complete(arguments)
    if arguments.resume is None:
        check_shards(arguments.shards, "--shards", arguments.command_line)
    if arguments.folder is None:
        check_output_files(arguments)
    return arguments


def _measure(trainer: Trainer, images: Dataset, arguments: argparse.Namespace) -> None:
    """Print the accuracy on the test set if there is one, and write the report of --run-dir."""
    if images.test is not None:
        metrics = trainer.evaluate(images.test.x, images.test.y)
        count = counted(len(images.test.y), "image")
        measured = f"accuracy {metrics['accuracy']:.2%}"
        if "mean_iou" in metrics:
            measured = f"pixel {measured}, mean IoU {metrics['mean_iou']:.4f}"
        print(f"test {measured} of {count}", flush=True)
    if arguments.folder is not None:
        from cnnx.cli.run_report import finish_run

        in_first(lambda: finish_run(arguments.folder, trainer, images))
        if arguments.folder.best.is_file():
            print(f"saved {arguments.folder.best}, of the epoch with the lowest validation loss")
        if arguments.folder.report.is_file():
            print(f"saved {arguments.folder.report}")


def _replaces(arguments: argparse.Namespace) -> bool:
    """Whether the run may replace a model at --out, which is checked before."""
    return arguments.overwrite or arguments.resume is not None or arguments.folder is not None


def _begin(arguments: argparse.Namespace) -> tuple[Trainer, Dataset]:
    """Create a trainer, new or from a checkpoint, and load the images."""
    import cnnx
    from cnnx.cli.class_weights import class_weights_of
    from cnnx.cli.task import class_labels, loss_for
    from cnnx.cli.training_images import (
        class_names,
        prepare,
        warn_of_small_classes,
    )

    if arguments.resume is not None:
        trainer, images = resume(arguments)
        if arguments.folder is not None:
            in_first(lambda: arguments.folder.resume(arguments))
        return trainer, images
    model, images = prepare(arguments)
    if images.validation is None and arguments.validation:
        warn_of_small_classes(images, arguments.path)
    weights = class_weights_of(arguments.class_weights, class_labels(images), class_names(images))
    schedule = schedule_of(arguments.schedule, arguments.epochs)
    trainer = cnnx.Trainer(
        model,
        optimizer=optimizer_of(arguments.optimizer, arguments.learning_rate),
        loss=loss_for(images, weights, arguments.mixup),
        schedule=schedule if arguments.recipe is None else fine_tuning_schedule(),
        seed=arguments.seed,
        shards=arguments.shards,
        communicator=communicator(),
        recompute=arguments.recompute,
    )
    if arguments.folder is not None:
        arguments.saves_best = images.validation is not None or bool(arguments.validation)
    return trainer, images


def _fit(
    trainer: Trainer, images: Dataset, arguments: argparse.Namespace, progress: TextProgress
) -> None:
    """Run the training, from the beginning or from the checkpoint."""
    import cnnx

    validation: Any = None
    if images.validation is not None:
        validation = (images.validation.x, images.validation.y)
    settings: dict[str, Any] = {}
    if arguments.resume is None:
        validation = validation or arguments.validation or None
        if validation is None and (arguments.patience is not None or arguments.keep_best):
            option = "--keep-best" if arguments.patience is None else "--patience"
            raise UserError(f"{option} needs a validation set; leave --validation 0 out")
        shape = trainer.model.input_shape
        settings = {
            "epochs": arguments.epochs,
            "batch_size": arguments.batch_size,
            "augmentation": augmentation_of(arguments.augment, shape, arguments.mixup),
            "checkpoint": arguments.checkpoint,
        }
    trainer._replaces_files = arguments.overwrite and arguments.resume is None
    with warnings.catch_warnings():
        # These sentences name a line of Python; the command has its own.
        known = "fit: (the run |.* has a single|y has only)"
        warnings.filterwarnings("ignore", known, cnnx.Warning)
        trainer.fit(
            images.x,
            images.y,
            validation=validation,
            checkpoint_every=arguments.checkpoint_every,
            verbose=False,
            callbacks=[progress, *_callbacks(arguments)],
            **settings,
        )


def _callbacks(arguments: argparse.Namespace) -> list[Callback]:
    """Start of the folder, fine-tuning, early stopping with the best weights, best model, log."""
    from cnnx.callbacks import BestModel, CSVLog, EarlyStopping
    from cnnx.cli.folder_start import FolderStart

    callbacks: list[Callback] = []
    if arguments.folder is not None and arguments.resume is None:
        callbacks.append(FolderStart(arguments.folder, arguments))  # first: others write there
    if arguments.recipe is not None:
        # The checkpoint of a resumed run has the settings.
        callbacks.append(fine_tuning_of(arguments.epochs or 2))
    if arguments.patience is not None or arguments.keep_best:
        patience = _NEVER if arguments.patience is None else arguments.patience
        callbacks.append(EarlyStopping("validation_loss", patience=patience))
    if arguments.saves_best:
        callbacks.append(BestModel(arguments.folder.best))
    if arguments.log is not None:
        callbacks.append(CSVLog(arguments.log))
    return callbacks


def _warn_at_chance(trainer: Trainer, images: Dataset, arguments: argparse.Namespace) -> None:
    """Warn of a model that has learned nothing."""
    from cnnx.cli.chance import chance_accuracy
    from cnnx.cli.task import class_labels
    from cnnx.training.losses import CrossEntropy

    loss = trainer._recipe.loss.for_classes(trainer.model.classes)
    if not isinstance(loss, CrossEntropy):  # of a checkpoint that a program wrote
        return
    weights = loss.class_weights
    assert not isinstance(weights, Mapping)  # which for_classes has put in order
    chance = chance_accuracy(trainer.history, class_labels(images), weights)
    if chance is not None:
        caution(
            "train",
            f"the training accuracy {trainer.history.accuracy[-1]:.2%} is no better than always "
            f"predicting the most frequent class, {chance:.2%}: the model has learned nothing; "
            f"find a learning rate with {program()} lr-find {shlex.quote(arguments.path)}, or "
            "train for more --epochs",
        )


def _warn_of_rounding(model: Model, images: Dataset) -> None:
    """Warn of a model that bfloat16 changes, with the layers that lose most."""
    if model.compute_dtype != "bfloat16":
        return
    from cnnx.doctor.bfloat16_checks import check_bfloat16
    from cnnx.doctor.sample import spread

    pixels = images.x[spread(len(images.x), _IMAGES_TO_COMPARE)]
    for finding in check_bfloat16(model, pixels, model(pixels)):
        caution("train", f"{finding.check}: {finding.sentence}")


def _save_unfinished(
    trainer: Trainer, images: Dataset, steps: int, arguments: argparse.Namespace
) -> str:
    """Save the model of an interrupted run if its outputs are finite; never replace a file.

    Process 0 does so without the others, which may not have been interrupted.

    Returns:
        The end of the message, which names the file.
    """
    if not is_first():
        return ""
    if steps == 0:
        return "; nothing was saved, because no step was finished"
    checkpoint = arguments.resume or arguments.checkpoint
    if not _is_finite(trainer.model, images):
        outcome = "; no model was saved, because its outputs are not finite"
        return outcome if checkpoint is None else f"{outcome}; an earlier state is in {checkpoint}"
    replaces = arguments.resume is not None or arguments.folder is not None
    saved = save_model(trainer.model, arguments.out, replaces)
    outcome = f"; the model as trained so far ({counted(steps, 'step')}) is in {saved}"
    if checkpoint is None:
        return f"{outcome}; train it further with {init_line(arguments, saved)}"
    return f"{outcome}; resume with {resume_line(arguments, checkpoint)}"


def _is_finite(model: Model, images: Dataset) -> bool:
    """Whether the outputs for some images are finite; without readable images, the parameters."""
    import numpy as np

    try:
        return bool(np.isfinite(model(images.x[:64])).all())
    except (ValueError, OSError, MemoryError):
        arrays = [*model.parameters.values(), *model.buffers.values()]
        return all(bool(np.isfinite(array).all()) for array in arrays)
