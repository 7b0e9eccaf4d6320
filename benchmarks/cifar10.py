"""CIFAR-10 from a folder of images to a validated network, in the manner of airbench94.

    python -m benchmarks.cifar10 FOLDER [--epochs 16] [--seed 0] [--save FILE]
    [--peer-python /path/to/venv/bin/python] [--rounds 2] [--json FILE] [--only training|epoch]
    [--quick]

FOLDER has one folder of images per class. A fixed seed holds out 5,000 images for validation, the
same fraction of every class. The others train `cnnx.models.fast_cifar` by its recipe: whitened
first layer, Muon with a rate that rises and falls, alternating flips, random shifts and cutout,
label smoothing, averaged weights, images of half the size before whole ones, and test-time
augmentation with six views (K. Jordan: 94% on CIFAR-10 in 3.29 Seconds on a Single GPU, 2024). The
time includes reading the images. The same number of epochs gives the same accuracy on any machine.

With a peer, train steps of airbench94's network as published, in PyTorch's better layout and with
the same batch size, alternate with those of cnnx. An epoch's time is a step's time multiplied by
the steps of an epoch. Exits 1 when a goal is missed.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import cnnx
import numpy as np
from numpy.typing import NDArray

from benchmarks import machine
from benchmarks.cifar10_training import BATCH, fit_both, read_images, stages
from benchmarks.libraries import Library, all_closed, alternate, best_ratio, show_neighbours
from benchmarks.network_description import NetworkTask
from benchmarks.networks import AIRBENCH94
from benchmarks.options import ContestOptions, add_peer_python, contest_parser

SMALL_EPOCHS, WHOLE_EPOCHS = 9, 16
ACCURACY_AT_LEAST, SECONDS_AT_MOST, FASTER_AT_LEAST = 0.925, 20 * 60, 2.0
QUICK_IMAGES = 2000  # with --quick, for one epoch of each size


class Options(ContestOptions):
    """The command line."""

    folder: Path
    peer_python: str | None
    epochs: int
    seed: int
    save: Path | None
    only: str | None


def parse() -> Options:
    """Read the command line."""
    parser = contest_parser(__doc__.splitlines()[0], rounds=2, seconds=10)
    parser.add_argument("folder", type=Path, help="one folder of images per class")
    add_peer_python(parser)
    parser.add_argument("--epochs", type=int, default=WHOLE_EPOCHS, help="of whole images")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and changes")
    parser.add_argument("--save", type=Path, metavar="FILE", help="the averaged model")
    parser.add_argument("--only", choices=("training", "epoch"), help="one of the two parts")
    return parser.parse_args(namespace=Options())


def train(options: Options) -> tuple[dict[str, float], float, list[cnnx.History]]:
    """The averaged network's validation accuracies, the seconds it took, and every epoch."""
    begun = time.perf_counter()
    images = read_images(options.folder, QUICK_IMAGES if options.quick else None)
    count = len(images.training[1]) + len(images.validation[1])
    print(f"read {count} images in {time.perf_counter() - begun:.1f} s", flush=True)
    epochs = (1, 1) if options.quick else (SMALL_EPOCHS, options.epochs)

    def show(epoch: int, figures: dict[str, float]) -> None:
        print(
            f"epoch {epoch:2}  loss {figures['loss']:.3f}  accuracy {figures['accuracy']:.3f}  "
            f"validation accuracy {figures['validation_accuracy']:.4f}  "
            f"{time.perf_counter() - begun:6.1f} s",
            flush=True,
        )

    trainers = fit_both(*stages(*images, options.seed), epochs=epochs, seed=options.seed, show=show)
    averaged = trainers[1].averaged_model()
    x, y = images.validation
    views = {"one view": averaged(x), "six views": six_views(averaged, x)}
    accuracy = {
        name: cnnx.metrics.top_k_accuracy(outputs, y, k=1) for name, outputs in views.items()
    }
    seconds = time.perf_counter() - begun
    if options.save:
        averaged.save(options.save)
    return accuracy, seconds, [each.history for each in trainers]


def six_views(model: cnnx.Model, x: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Outputs averaged over six views of every image: the image itself (half the weight), moved by
    one pixel up and left, and down and right, and the mirror image of each.
    """
    around = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    moved = [x, around[:, :-2, :-2], around[:, 2:, 2:]]
    total = np.zeros((len(x), *model.output_shape), np.float32)
    for weight, images in zip((0.5, 0.25, 0.25), moved, strict=True):
        for seen in (images, images[:, :, ::-1]):
            total += np.float32(weight / 2) * model(np.ascontiguousarray(seen))
    return total


def compare(options: Options) -> float:
    """Time of PyTorch's better layout over that of cnnx, for a step of the same batch size."""
    threads = cnnx.get_num_threads()
    environment = {"OMP_NUM_THREADS": str(threads)}
    layouts = ("nchw", "channels_last")
    entries = [("cnnx", "benchmarks.network_in_cnnx", None, "")]
    for layout in layouts:
        module = "benchmarks.network_in_torch"
        entries.append((f"torch {layout}", module, options.peer_python, layout))
    started = [Library(name, module, python, environment) for name, module, python, _ in entries]
    with all_closed(started):
        for library, (*_, mode) in zip(started, entries, strict=True):
            library.prepare(NetworkTask(AIRBENCH94, BATCH, True, threads, mode))
        turns = alternate(started, options, threads)
    for name, each in turns.items():
        print(f"{name:20} {each.milliseconds():8.0f} ms a step of {BATCH}")
    show_neighbours(turns.values())
    return best_ratio(turns, [f"torch {layout}" for layout in layouts])


def verdict(what: str, value: float, goal: float, *, at_least: bool = True) -> bool:
    """Print a figure beside its goal."""
    met = value >= goal if at_least else value <= goal
    print(
        f"{what:22} {value:.4g}  goal {'' if at_least else 'at most '}{goal}  "
        f"{'met' if met else 'MISSED'}"
    )
    return met


def main() -> int:
    """Train and compare; returns 1 if a goal is missed."""
    options = parse()
    before = machine.describe()
    print(machine.headline())
    met = True
    content: dict[str, object] = {}
    if options.only != "epoch":
        accuracy, seconds, histories = train(options)
        print(f"validation accuracy    {accuracy['one view']:.4f}  at one view")
        met = verdict("at six views", accuracy["six views"], ACCURACY_AT_LEAST)
        met = verdict("seconds", seconds, SECONDS_AT_MOST, at_least=False) and met
        content |= {
            "accuracy": accuracy,
            "seconds": seconds,
            "histories": [vars(each) for each in histories],
        }
    if options.only != "training" and options.peer_python:
        ratio = compare(options)
        met = verdict("PyTorch / cnnx", ratio, FASTER_AT_LEAST) and met
        content["ratio"] = ratio
    if options.json:
        machine.save(options.json, before, content)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
