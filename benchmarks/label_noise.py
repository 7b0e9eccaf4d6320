"""Goal: of the first 500 suspect labels among 5 % wrong ones of CIFAR-10, 70 % are wrong.

    python -m benchmarks.label_noise FOLDER [--suspects 500] [--folds 3] [--epochs 4] [--seed 0]

FOLDER has one folder of images per class. A fixed seed replaces the labels of 5 % of the images by
another class, each with the same probability. `cnnx.doctor.suspect_labels` ranks the labels by
confident learning, as `cnnx doctor FOLDER --labels` does. Printed are the precision of the first
suspects, of all, and the fraction of the wrong labels that are suspect. Labels that were wrong
before count as correct. Exits 1 when the goal is missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import cnnx
import numpy as np
from cnnx.doctor import suspect_labels
from numpy.typing import NDArray

from benchmarks import machine

FLIPPED, FLIP_SEED = 0.05, 0
PRECISION_AT_LEAST = 0.7
SHOWN = (100, 1000, 2000)  # first suspects, beside those that count


class Options(argparse.Namespace):
    """The command line."""

    folder: Path
    suspects: int
    folds: int
    epochs: int
    seed: int


def parse() -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="one folder of images per class")
    parser.add_argument("--suspects", type=int, default=500, help="first suspects that count")
    parser.add_argument("--folds", type=int, default=3, help="networks that are trained")
    parser.add_argument("--epochs", type=int, default=4, help="of each training")
    parser.add_argument("--seed", type=int, default=0, help="of folds, weights and order")
    return parser.parse_args(namespace=Options())


def flipped(labels: NDArray[np.int64], classes: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The labels with some replaced by another class, and which."""
    random = np.random.default_rng(FLIP_SEED)
    rows = random.permutation(len(labels))[: round(FLIPPED * len(labels))]
    noisy = labels.copy()
    noisy[rows] = (labels[rows] + random.integers(1, classes, len(rows))) % classes
    return noisy, noisy != labels


def main() -> int:
    """Flip, search, print; returns 1 if the goal is missed."""
    options = parse()
    print(machine.headline(), flush=True)
    data = cnnx.data.load(options.folder)
    labels, is_wrong = flipped(data.y, len(data.class_counts))
    begun = time.perf_counter()
    found = suspect_labels(
        data.x, labels, folds=options.folds, epochs=options.epochs, seed=options.seed
    )
    seconds = time.perf_counter() - begun
    corrected = found.suggested == data.y[found.rows]
    print(f"{len(labels):,} labels, {is_wrong.sum():,} of them wrong; {seconds:.0f} s")
    suspects = is_wrong[found.rows]
    print(f"wrong among all {len(found):,} suspects: {suspects.mean():.1%}")
    for count in SHOWN:
        print(f"wrong among the first {count:,}: {suspects[:count].mean():.1%}")
    print(f"wrong labels that are suspect: {suspects.sum() / is_wrong.sum():.1%}")
    print(f"of these with a correct suggestion: {corrected[suspects].mean():.1%}")
    precision = suspects[: options.suspects].mean()
    met = bool(precision >= PRECISION_AT_LEAST)
    print(
        f"precision of the first {min(options.suspects, len(found))}  {precision:.1%}  "
        f"goal {PRECISION_AT_LEAST:.0%}  {'met' if met else 'MISSED'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
