"""Goal: `cnnx quantize` with default settings costs at most 0.3 points of accuracy.

    CNNX_DATA=FOLDER python -m benchmarks.quantized_accuracy [--epochs 3] [--images 45000]
    [--models FOLDER] [--only lenet5|resnet20|fast_cifar|lenet5-hard]

FOLDER holds mnist/ with the four IDX files, and cifar10-train/ with one folder of images per class.
LeNet is trained on MNIST; ResNet-20 and `fast_cifar` are trained briefly on CIFAR-10, of which a
fixed seed holds out 5,000 images. The command then quantizes each model, and checks it on the
held-out images or MNIST's test set. The hard network is LeNet with one channel 1,000 times larger
and the weights that read it 1,000 times smaller. Exits 1 if an accuracy falls by more than the
goal. --models keeps the trained models in a folder, and uses those that it finds there.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cnnx
import numpy as np

MOST_POINTS = 0.3
HELD_OUT, SPLIT_SEED = 5000, 0
HARD_FACTOR = 1000
NAMES = ("lenet5", "resnet20", "fast_cifar", "lenet5-hard")


class Options(argparse.Namespace):
    """The command line."""

    epochs: int
    images: int
    models: Path | None
    only: str | None


class Job(NamedTuple):
    """A network, the images that quantize it, and how it is trained."""

    name: str
    images: Path
    train: Callable[[], cnnx.Model]


def parse() -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3, help="of each training")
    parser.add_argument("--images", type=int, default=45000, help="of CIFAR-10 to train on")
    parser.add_argument("--models", type=Path, metavar="FOLDER", help="of the trained models")
    parser.add_argument("--only", choices=NAMES, help="one of the networks")
    return parser.parse_args(namespace=Options())


def cifar_sets(folder: Path, work: Path) -> tuple[cnnx.data.Dataset, Path]:
    """Training images, and a file with the held-out ones beside some that calibrate."""
    data = cnnx.data.load(folder)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(data.y))
    held_out, rest = order[:HELD_OUT], order[HELD_OUT:]
    sets = work / "cifar.npz"
    x, y = data.x, data.y
    np.savez(sets, x=x[rest[:256]], y=y[rest[:256]], x_test=x[held_out], y_test=y[held_out])
    return cnnx.data.Dataset(x[rest], y[rest], data.classes), sets


def trained_lenet(mnist: Path, epochs: int) -> cnnx.Model:
    """LeNet of MNIST's training set."""
    data = cnnx.data.load(mnist)
    model = cnnx.models.lenet5()
    cnnx.Trainer(model).fit(data.x, data.y, epochs=epochs)
    return model


def hard(model: cnnx.Model) -> cnnx.Model:
    """The same function, with one channel that is 1,000 times larger."""
    for name, place, factor in (
        ("conv2d_1.weight", (..., 3), HARD_FACTOR),
        ("conv2d_1.bias", (3,), HARD_FACTOR),
        ("conv2d_2.weight", (slice(None), slice(None), 3), 1 / HARD_FACTOR),
    ):
        array = model.parameters[name].copy()
        array[place] *= factor
        model.parameters[name] = array
    return model


def trained_on_cifar(name: str, data: cnnx.data.Dataset, options: Options) -> cnnx.Model:
    """A network of CIFAR-10 after a few epochs."""
    x, y = data.x[: options.images], data.y[: options.images]
    augmentation = cnnx.data.Augmentation(flip="random", crop_padding=3, border="reflect")
    if name == "fast_cifar":
        model = cnnx.models.fast_cifar((32, 32, 3), 10, images=x[:5000])
        trainer = cnnx.Trainer(model, **cnnx.models.fast_cifar_recipe())
        batch = 1024
    else:
        model = cnnx.models.resnet20((32, 32, 3), 10)
        rule = cnnx.SGD(0.1, momentum=0.9, weight_decay=5e-4)
        trainer = cnnx.Trainer(model, optimizer=rule, schedule=cnnx.OneCycle())
        batch = 128
    trainer.fit(x, y, epochs=options.epochs, batch_size=batch, augmentation=augmentation)
    return trainer.averaged_model() if name == "fast_cifar" else model


def quantize(file: Path, images: Path, out: Path) -> float:
    """Points of accuracy that the command costs; prints its output."""
    line = [sys.executable, "-m", "cnnx", "quantize", str(file), str(images), "--out", str(out)]
    finished = subprocess.run([*line, "--overwrite"], capture_output=True, text=True, check=False)
    print(finished.stdout or finished.stderr, flush=True)
    found = re.search(r"accuracy (\d+\.\d+)% -> (\d+\.\d+)%", finished.stdout)
    if found is None:
        return float("inf")
    return float(found[1]) - float(found[2])


def jobs(options: Options, data: Path, work: Path) -> list[Job]:
    """The networks in order."""
    mnist = data / "mnist"
    found = [
        Job("lenet5", mnist, lambda: trained_lenet(mnist, options.epochs)),
        Job("lenet5-hard", mnist, lambda: hard(trained_lenet(mnist, options.epochs))),
    ]
    names = [name for name in ("resnet20", "fast_cifar") if options.only in (None, name)]
    if names:
        training, sets = cifar_sets(data / "cifar10-train", work)
        for name in names:
            found.append(Job(name, sets, lambda n=name: trained_on_cifar(n, training, options)))
    return [job for job in found if options.only in (None, job.name)]


def main() -> int:
    """Train, quantize and compare."""
    options = parse()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        models = options.models or work
        models.mkdir(parents=True, exist_ok=True)
        drops = {}
        for job in jobs(options, Path(os.environ["CNNX_DATA"]), work):
            file = models / f"{job.name}.cnnx"
            if not file.exists():
                job.train().save(file)
            print(job.name)
            drops[job.name] = quantize(file, job.images, work / "small.cnnx")
    for name, points in drops.items():
        verdict = "ok" if points <= MOST_POINTS else "ABOVE"
        print(f"{name:12} {points:+.2f} points, goal at most {MOST_POINTS}: {verdict}")
    return int(any(points > MOST_POINTS for points in drops.values()))


if __name__ == "__main__":
    sys.exit(main())
