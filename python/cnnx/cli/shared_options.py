"""Options that several commands share."""

from __future__ import annotations

import argparse

from cnnx.cli import option_types as types


def add_skip_unreadable(parser: argparse.ArgumentParser) -> None:
    """Add --skip-unreadable."""
    parser.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="skip files that cannot be read as images, and name them, instead of failing",
    )


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add --threads."""
    parser.add_argument(
        "--threads",
        type=types.positive_integer,
        metavar="N",
        help="number of threads; results do not depend on it (default: all CPUs)",
    )


def use_threads(arguments: argparse.Namespace) -> None:
    """Set the number of threads of --threads."""
    import cnnx

    if arguments.threads is not None:
        cnnx.set_num_threads(arguments.threads)
