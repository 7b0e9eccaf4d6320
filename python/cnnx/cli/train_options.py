"""Options of `cnnx train`, and their defaults."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cnnx.cli import option_types as types
from cnnx.cli.errors import UserError
from cnnx.cli.recipes import AUGMENTATIONS, FINE_TUNE, RATES, SCHEDULES, augmentations
from cnnx.cli.run_folder import RunFolder
from cnnx.cli.shared_options import add_skip_unreadable, add_threads
from cnnx.cli.task import TASKS

# Settings of a new network, which a model file has already.
_OF_THE_NETWORK = {
    "model": "network",
    "size": "image size",
    "mean": "preprocessing",
    "std": "preprocessing",
}

# Defaults of a new run; a resumed run keeps its settings.
_DEFAULTS: dict[str, Any] = {
    "task": None,
    "model": None,
    "init": None,
    "from_file": None,
    "freeze": [],
    "compute_dtype": None,
    "recipe": None,
    "size": None,
    "mean": None,
    "std": None,
    "epochs": 5,
    "batch_size": 64,
    "optimizer": "adam",
    "learning_rate": None,
    "schedule": "drop",
    "augment": [],
    "mixup": 0.0,
    "class_weights": None,
    "shards": 1,
    "validation": 0.1,
    "patience": None,
    "keep_best": False,
    "seed": 0,
}

# Those that --recipe fine-tune has instead: small data sets are usual, and take more epochs.
_FINE_TUNE_DEFAULTS = {"epochs": 8, "batch_size": 32, "optimizer": "adamw"}


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add PATH and the options of reading it."""
    parser.add_argument("path", metavar="PATH", help="the images, see below")
    parser.add_argument(
        "--size",
        type=types.size,
        metavar="SIDE",
        help="resize images to SIDE or HEIGHTxWIDTH (default: their common size if it is at most "
        "128, otherwise 64; of images with masks 128, in multiples of 16)",
    )
    parser.add_argument(
        "--mean",
        type=types.means,
        metavar="VALUES",
        help="subtract from pixels in [0, 1] one number, one per channel as in 0.5,0.4,0.4, or "
        "auto, the mean of the training images, held-out ones included (default: 0)",
    )
    parser.add_argument(
        "--std",
        type=types.deviations,
        metavar="VALUES",
        help="then divide by one number, one per channel, or auto, the standard deviation of the "
        "training images (default: 1)",
    )
    parser.add_argument(
        "--task", choices=TASKS, help="refuse PATH of the other task (default: none)"
    )
    add_skip_unreadable(parser)
    add_threads(parser)


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the network and the optimizer."""
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="the network: small, lenet, any other of cnnx.models such as resnet20, or "
        "FILE.py:function (default: small, or unet for masks)",
    )
    parser.add_argument(
        "--init",
        type=Path,
        metavar="FILE",
        help="start from the network and the weights of a saved model of the same classes, its "
        "last layer included; usually with a lower --learning-rate",
    )
    parser.add_argument(
        "--from",
        dest="from_file",
        type=Path,
        metavar="FILE",
        help="start from a saved model, or an ONNX file (.onnx), of any classes: its last layer is "
        "replaced by a new one for the classes of PATH; usually with --recipe fine-tune, and for "
        "an ONNX file with the --mean and --std of its training",
    )
    parser.add_argument(
        "--freeze",
        action="append",
        metavar="PATTERN",
        help="exclude layers from training by a pattern of their names, such as 'conv*', which "
        "cnnx info lists; may be repeated, and does not freeze the new layer of --from",
    )
    parser.add_argument(
        "--optimizer",
        choices=tuple(RATES),
        help="optimizer; sgd has Nesterov momentum 0.9 and weight decay 0.0005 (default: adam)",
    )
    parser.add_argument(
        "--batch-size",
        type=types.positive_integer,
        metavar="N",
        help="images per step (default: 64)",
    )
    parser.add_argument(
        "--compute-dtype",
        choices=("float32", "bfloat16"),
        help="numbers to compute with; bfloat16 halves the memory of activations. CPUs with AMX "
        "are faster in it; with AVX-512 BF16 alone large networks may be, but small networks on "
        "small images are slower (see cnnx info; default: float32, or that of --init and --from)",
    )
    parser.add_argument(
        "--seed",
        type=types.seed,
        metavar="N",
        help="seed of weights and order; the same seed gives the same model (default: 0)",
    )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the training."""
    rates = ", ".join(f"{rate:g} for {name}" for name, rate in RATES.items())
    parser.add_argument(
        "--recipe",
        choices=(FINE_TUNE,),
        help="fine-tune: train the last layer alone in the first quarter of the epochs, then all "
        "layers except batch norms at a tenth of the rate, each with warm-up and cosine decay; "
        "with --from or --init, and by default 8 epochs, 32 images per step, and adamw",
    )
    parser.add_argument(
        "--epochs",
        type=types.positive_integer,
        metavar="N",
        help="number of passes over all images (default: 5); with --resume, another total number "
        "for the run, whose further epochs have its last learning rate",
    )
    parser.add_argument(
        "--learning-rate",
        type=types.positive_number,
        metavar="RATE",
        help=f"learning rate at the peak of the schedule (default: {rates})",
    )
    parser.add_argument(
        "--schedule",
        choices=SCHEDULES,
        help="learning rate schedule; drop uses a fifth of the rate in the last third of the "
        "epochs (default: drop)",
    )
    parser.add_argument(
        "--augment",
        type=augmentations,
        metavar="WORDS",
        help="random augmentation in every epoch; some of "
        f"{','.join(AUGMENTATIONS)}: horizontal flip; shift by up to an eighth; small rotation, "
        "scale and shift; contrast and brightness; blank square (default: none)",
    )
    parser.add_argument(
        "--mixup",
        type=types.mixup,
        metavar="ALPHA",
        help="blend random pairs of images and their labels, with weights from Beta(ALPHA, ALPHA); "
        "0.2 is usual (default: none)",
    )
    parser.add_argument(
        "--class-weights",
        type=types.class_weights,
        metavar="WEIGHTS",
        help="weights of the classes in the loss: balanced, so that all classes count the same, or "
        "one number per class in their order, as in 1,2.5 (default: equal)",
    )
    parser.add_argument(
        "--validation",
        type=types.fraction,
        metavar="FRACTION",
        help="fraction of the images to hold out for validation, if there is no validation folder "
        "(default: 0.1)",
    )
    parser.add_argument(
        "--patience",
        type=types.positive_integer,
        metavar="N",
        help="stop after more than N epochs without a lower validation loss; implies --keep-best",
    )
    parser.add_argument(
        "--keep-best",
        action="store_true",
        default=None,
        help="save the weights of the epoch with the lowest validation loss, not the last ones",
    )
    _add_memory_options(parser)


def _add_memory_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that make a step fit into memory."""
    parser.add_argument(
        "--shards",
        type=types.positive_integer,
        metavar="N",
        help="cut every batch into N parts, whose gradients are computed one after the other and "
        "added in a fixed order; activations take the memory of one part (default: 1)",
    )
    parser.add_argument(
        "--recompute",
        action="store_true",
        help="compute activations again in the backward pass instead of saving them: less memory, "
        "more time, the same bits; also with --resume",
    )


def add_file_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the files that a run writes and resumes from."""
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="save the state of the run to FILE, for --resume",
    )
    parser.add_argument(
        "--checkpoint-every",
        type=types.positive_integer,
        metavar="STEPS",
        help="steps between checkpoints (default: one after every epoch)",
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="FILE",
        help="resume the run of a checkpoint, or of a folder of --run-dir, with its settings and "
        "the same bits",
    )
    parser.add_argument(
        "--run-dir",
        type=Path,
        metavar="FOLDER",
        help="write the whole run into a new FOLDER: settings.json, log.csv, run.ckpt, best.cnnx, "
        "last.cnnx and report.html; instead of --out, --checkpoint and --log",
    )
    parser.add_argument(
        "--log", type=Path, metavar="FILE", help="write the metrics of each epoch to FILE, as CSV"
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="print the training time by layer at the end",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="file of the saved model (default: model.cnnx); where FILE is a symbolic link, the "
        "link stays and the file it points to is replaced",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace existing files of --out, --checkpoint and --log, or the run of --run-dir; a "
        "resumed run replaces its own model and log without it",
    )


def complete(arguments: argparse.Namespace) -> None:
    """Check the options and fill in the defaults of a new run.

    Raises:
        UserError: if an option does not fit another one.
    """
    arguments.folder = _run_folder(arguments)
    if arguments.out is None:
        arguments.out = Path("model.cnnx")
    if arguments.resume is not None:
        for name in (*_DEFAULTS, "checkpoint"):
            if name != "epochs" and getattr(arguments, name) is not None:
                raise UserError(
                    f"{_option(name)} cannot be given with --resume: a resumed run keeps its "
                    "settings"
                )
        return
    if arguments.checkpoint_every is not None and arguments.checkpoint is None:
        raise UserError("--checkpoint-every needs --checkpoint FILE or --resume FILE")
    fill_in(arguments)


def _run_folder(arguments: argparse.Namespace) -> RunFolder | None:
    """The folder of the run, with its files as --out, --log, and --checkpoint or --resume.

    Raises:
        UserError: if other files are given with it, it has no run to resume, or it has one already.
    """
    resumes = arguments.resume is not None and arguments.resume.is_dir()
    path = arguments.resume if resumes else arguments.run_dir
    if path is None:
        return None
    folder, option = RunFolder(path), "--resume" if resumes else "--run-dir"
    own = {"out": folder.last, "log": folder.log, "checkpoint": folder.checkpoint}
    for name, file in own.items():
        if getattr(arguments, name) is not None:
            raise UserError(f"--{name} cannot be given with {option} {path}: its file is {file}")
    if not resumes and arguments.resume is not None:
        raise UserError(
            f"--run-dir cannot be given with --resume {arguments.resume}: a resumed run keeps its "
            "files; resume a folder with --resume FOLDER"
        )
    if resumes:
        if arguments.run_dir not in (None, path):
            raise UserError(
                f"--run-dir {arguments.run_dir} cannot be given with --resume {path}: a resumed "
                "run keeps its folder"
            )
        folder.check_resumable()
        arguments.resume = folder.checkpoint
    else:
        folder.check_new(arguments.overwrite)
        arguments.checkpoint = folder.checkpoint
    arguments.out, arguments.log = folder.last, folder.log
    return folder


def fill_in(arguments: argparse.Namespace) -> None:
    """Fill in the default of every option that was not given.

    Raises:
        UserError: if --init or --from is given with the other or with a setting of a new network,
            or if --recipe does not fit the other options.
    """
    _check_start(arguments)
    defaults = _DEFAULTS
    if "recipe" in arguments and arguments.recipe is not None:
        _check_recipe(arguments)
        defaults = {**_DEFAULTS, **_FINE_TUNE_DEFAULTS}
    for name, value in defaults.items():
        if name in arguments and getattr(arguments, name) is None:
            setattr(arguments, name, value)


def _check_start(arguments: argparse.Namespace) -> None:
    """Refuse --init and --from with each other or with settings of a new network.

    Raises:
        UserError: if there is such an option, or --freeze without a trained model.
    """
    init, start = arguments.init, arguments.from_file
    if init is not None and start is not None:
        raise UserError(
            "--init cannot be given with --from: --init keeps the last layer, --from replaces it"
        )
    names = tuple(_OF_THE_NETWORK) if init is not None else ()
    if start is not None:
        names = ("model",)  # its size and preprocessing may change
    for name in names:
        if getattr(arguments, name) is not None:
            raise UserError(
                f"{_option(name)} cannot be given with {'--from' if init is None else '--init'}: "
                f"{init or start} has its own {_OF_THE_NETWORK[name]}"
            )
    if arguments.freeze is not None and init is None and start is None:
        raise UserError("--freeze needs --from FILE or --init FILE, a trained model")


def _check_recipe(arguments: argparse.Namespace) -> None:
    """Refuse --recipe with options that do not fit it.

    Raises:
        UserError: if there is such an option.
    """
    given = f"--recipe {arguments.recipe}"
    if arguments.init is None and arguments.from_file is None:
        raise UserError(f"{given} needs --from FILE, a trained model to start from, or --init FILE")
    if arguments.schedule is not None:
        raise UserError(
            f"--schedule cannot be given with {given}: the recipe has warm-up and cosine decay"
        )
    if arguments.epochs == 1:
        raise UserError(f"--epochs is 1, expected at least 2 with {given}, which has two phases")


def _option(name: str) -> str:
    return f"--{name.removesuffix('_file').replace('_', '-')}"
