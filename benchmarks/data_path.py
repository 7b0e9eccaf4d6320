"""Augmented batches per second against the need of LeNet's train step and against torchvision.

    python -m benchmarks.data_path --peer-python /path/to/venv/bin/python
    [--threads 2] [--rounds 5] [--seconds 1] [--quiet] [--json FILE] [--quick]

Batches of 64 images, each changed at random and normalised. torchvision is measured in a DataLoader
with a process per thread, on tensors and on Pillow's images, and on tensors in one process. Its
fastest variant is compared. Exits 1 when a goal is missed.
"""

from __future__ import annotations

import os
import sys

from benchmarks import machine
from benchmarks.augmentations import BATCH, WORKS
from benchmarks.libraries import (
    Library,
    Turns,
    all_closed,
    alternate,
    best_ratio,
    check_agreement,
    show_neighbours,
)
from benchmarks.options import ContestOptions, add_peer_python, check_and_shorten, contest_parser
from benchmarks.timing import median_ratio

NEED_AT_LEAST, PEER_AT_LEAST = 3.0, 2.0
MODES = ("tensors", "pillow", "alone")
# Differences between two random samples of 2,048 images.
AGREEMENT = {"mean": 0.1, "deviation": 0.05}


class Options(ContestOptions):
    """The command line."""

    peer_python: str | None
    threads: int


def parse() -> Options:
    """Read the command line."""
    parser = contest_parser(__doc__.splitlines()[0], rounds=5, seconds=1.0)
    add_peer_python(parser)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(namespace=Options())
    check_and_shorten(parser, options, options.threads)
    return options


def rate(turns: Turns) -> float:
    """Images per second."""
    return 1000 * BATCH / turns.milliseconds()


def main() -> int:
    """Print the rates and ratios; returns 1 if a goal is missed."""
    options = parse()
    before = machine.describe()
    print(machine.headline())
    peers = MODES if options.peer_python else ()
    results, met, shown = {}, True, []
    with all_closed([]) as libraries:
        for name, module, python in (
            ("cnnx", "augmentation_in_cnnx", None),
            ("lenet", "augmentation_in_cnnx", None),
            *((mode, "augmentation_in_torchvision", options.peer_python) for mode in peers),
        ):
            libraries.append(Library(name, f"benchmarks.{module}", python))
        for name, work in WORKS.items():
            needed = [c for c in libraries if c.name != "lenet" or name.startswith("MNIST")]
            checks = {
                c.name: c.prepare((work, options.threads, "" if c.name == "cnnx" else c.name))
                for c in needed
            }
            check_agreement({key: each for key, each in checks.items() if each}, AGREEMENT)
            turns = alternate(needed, options, options.threads)
            results[name] = turns
            shown += turns.values()
            print(f"{name:24}" + "".join(f"{k} {rate(v):,.0f}/s  " for k, v in turns.items()))
            if "lenet" in turns:
                ratio = median_ratio(turns["lenet"].medians(), turns["cnnx"].medians())
                met &= verdict("LeNet's need", ratio, NEED_AT_LEAST)
            if peers:
                met &= verdict("torchvision", best_ratio(turns, peers), PEER_AT_LEAST)
    show_neighbours(shown)
    if options.json:
        machine.save(options.json, before, {"images per batch": BATCH, "seconds": results})
    return 0 if met else 1


def verdict(against: str, ratio: float, least: float) -> bool:
    """Print one ratio; returns whether it meets its goal."""
    met = ratio >= least
    print(f"    {ratio:5.1f} x {against}  goal {least}  {'met' if met else 'MISSED'}", flush=True)
    return met


if __name__ == "__main__":
    sys.exit(main())
