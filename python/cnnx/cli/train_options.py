"""The options of `cnnx train`, and which of them a run that is resumed has already."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cnnx.cli import option_types as types
from cnnx.cli.errors import UserError
from cnnx.cli.recipes import AUGMENTATIONS, RATES, SCHEDULES, augmentations

# What a run is begun with, where nothing is said; a resumed run goes on with its own.
_DEFAULTS: dict[str, Any] = {
    "model": "small",
    "size": None,
    "epochs": 5,
    "batch_size": 64,
    "optimizer": "adam",
    "learning_rate": None,
    "schedule": "drop",
    "augment": [],
    "validation": 0.1,
    "seed": 0,
}


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """PATH, and how its images are read."""
    parser.add_argument("path", metavar="PATH", help="the images, see below")
    parser.add_argument(
        "--size",
        type=types.size,
        metavar="SIDE",
        help="resize images to SIDE or HEIGHTxWIDTH (default: their own size if all have one of "
        "at most 128, else 64)",
    )
    parser.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="leave out files that cannot be read as images, and name them, instead of refusing",
    )
    parser.add_argument(
        "--threads",
        type=types.positive_integer,
        metavar="N",
        help="how many threads to use; no result depends on it (default: all CPUs)",
    )


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """The network and what trains it."""
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="the network: small, lenet, any other of cnnx.models such as resnet20, or "
        "FILE.py:function (default: small)",
    )
    parser.add_argument(
        "--optimizer",
        choices=tuple(RATES),
        help="what makes steps of gradients; sgd has Nesterov's momentum 0.9 and weight decay "
        "0.0005 (default: adam)",
    )
    parser.add_argument(
        "--batch-size",
        type=types.positive_integer,
        metavar="N",
        help="images per step (default: 64)",
    )
    parser.add_argument(
        "--seed",
        type=types.seed,
        metavar="N",
        help="draws weights and order; the same seed gives the same model (default: 0)",
    )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """How long and how it is trained, and what is written."""
    rates = ", ".join(f"{rate:g} for {name}" for name, rate in RATES.items())
    parser.add_argument(
        "--epochs",
        type=types.positive_integer,
        metavar="N",
        help="how often to go through all images (default: 5)",
    )
    parser.add_argument(
        "--learning-rate",
        type=types.positive_number,
        metavar="RATE",
        help=f"the size of the steps, where the schedule is highest (default: {rates})",
    )
    parser.add_argument(
        "--schedule",
        choices=SCHEDULES,
        help="how the step size changes: drop takes a fifth of it in the last third of the epochs "
        "(default: drop)",
    )
    parser.add_argument(
        "--augment",
        type=augmentations,
        metavar="WORDS",
        help="change the images at random in every epoch; some of "
        f"{','.join(AUGMENTATIONS)}: mirror; move by an eighth; rotate, scale and shift a little; "
        "contrast and brightness; blank a square (default: none)",
    )
    parser.add_argument(
        "--validation",
        type=types.fraction,
        metavar="FRACTION",
        help="share of the images held back to measure each epoch, where there is no validation "
        "folder (default: 0.1)",
    )
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="keep the run in FILE as it goes, for --resume",
    )
    parser.add_argument(
        "--checkpoint-every",
        type=types.positive_integer,
        metavar="STEPS",
        help="steps from one checkpoint to the next (default: one after every epoch)",
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="FILE",
        help="go on with the run that a checkpoint holds, with its settings, to the same bits",
    )
    parser.add_argument(
        "--log", type=Path, metavar="FILE", help="write each epoch's figures to FILE, as CSV"
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
        "--overwrite",
        action="store_true",
        help="replace the files of --out, --checkpoint and --log if there are any",
    )


def settle(arguments: argparse.Namespace) -> None:
    """Fill in the defaults of a new run.

    Raises:
        UserError: A setting is given beside --resume, or --checkpoint-every without a checkpoint.
    """
    if arguments.resume is not None:
        for name in (*_DEFAULTS, "checkpoint"):
            if getattr(arguments, name) is not None:
                raise UserError(
                    f"--{name.replace('_', '-')} cannot be given with --resume: a run goes on with "
                    "the settings it was begun with"
                )
        return
    if arguments.checkpoint_every is not None and arguments.checkpoint is None:
        raise UserError("--checkpoint-every needs --checkpoint FILE or --resume FILE")
    fill_in(arguments)


def fill_in(arguments: argparse.Namespace) -> None:
    """Give every option that is there but was not given its default."""
    for name, value in _DEFAULTS.items():
        if name in arguments and getattr(arguments, name) is None:
            setattr(arguments, name, value)
