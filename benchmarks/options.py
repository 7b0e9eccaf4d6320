"""Command-line options shared by the benchmarks."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.timing import CLOCKS


class RoundOptions(argparse.Namespace):
    """The options of `round_parser`."""

    rounds: int
    json: Path | None
    quick: bool


class ContestOptions(RoundOptions):
    """The options of `contest_parser`."""

    seconds: float
    clock: str
    quiet: bool


class KernelOptions(argparse.Namespace):
    """The options of `kernel_options`."""

    isa: str | None
    rounds: int
    attempts: int
    quick: bool


def round_parser(description: str, rounds: int) -> argparse.ArgumentParser:
    """A parser for benchmarks measured in rounds."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample to this file")
    parser.add_argument("--quick", action="store_true", help="one short round: does it run?")
    return parser


def kernel_options(
    description: str, levels: Iterable[str], rounds: int, attempts: int
) -> KernelOptions:
    """The command line of a benchmark of kernels; sets CNNX_ISA before cnnx is imported."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--isa", choices=levels, help="as CNNX_ISA; default: the best of the CPU")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--attempts", type=int, default=attempts, help="of which the best counts")
    parser.add_argument("--quick", action="store_true", help="few rounds: does it run?")
    options = parser.parse_args(namespace=KernelOptions())
    if options.quick:
        options.rounds, options.attempts = 2, 1
    if options.isa:
        os.environ["CNNX_ISA"] = options.isa
    return options


def contest_parser(description: str, rounds: int, seconds: float) -> argparse.ArgumentParser:
    """A parser for benchmarks that compare libraries."""
    parser = round_parser(description, rounds)
    parser.add_argument(
        "--seconds", type=float, default=seconds, help="of a library's turn in each round"
    )
    parser.add_argument(
        "--clock",
        choices=CLOCKS,
        default="wall",
        help="cpu, the CPU time, stands a busy machine; for one thread only (default: wall)",
    )
    parser.add_argument(
        "--quiet",
        action="store_true",
        help="repeat a turn in which other processes used the CPUs, a good many times",
    )
    return parser


def add_peer_python(parser: argparse.ArgumentParser) -> None:
    """The interpreters of the peers."""
    parser.add_argument(
        "--peer-python",
        default=os.environ.get("CNNX_PEER_PYTHON"),
        metavar="PYTHON",
        help="an interpreter that has the peers (default: CNNX_PEER_PYTHON; cnnx alone without)",
    )


def check_and_shorten(
    parser: argparse.ArgumentParser, options: ContestOptions, most_threads: int
) -> None:
    """Refuse a clock that does not fit the threads, and apply --quick."""
    if options.clock == "cpu" and most_threads > 1:
        parser.error("--clock cpu adds up the threads' time: --threads 1 is needed")
    if options.quick:
        options.rounds, options.seconds = 1, 0.01


def names_from(known: tuple[str, ...]) -> Callable[[str], list[str]]:
    """An option type: known names separated by commas."""

    def names(text: str) -> list[str]:
        chosen = text.split(",")
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return chosen

    return names


def numbers(text: str) -> list[int]:
    """An option type: positive integers separated by commas."""
    values = [int(part) for part in text.split(",")]
    if min(values) < 1:
        raise argparse.ArgumentTypeError(f"{min(values)} is not above 0")
    return values
