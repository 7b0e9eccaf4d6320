"""Time and size of `cnnx report` on 10,000 images.

    python -m benchmarks.report PATH [--network resnet20] [--page FILE]

PATH is as for `cnnx train`, such as MNIST's files or a folder of CIFAR-10's images. A network is
trained for a moment on images beyond the measured ones. Prints the seconds of the whole command and
the megabytes of the page. Exits 1 above 20 seconds or 3 megabytes.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cnnx
import numpy as np

from benchmarks import machine

SECONDS_AT_MOST = 20.0
MEGABYTES_AT_MOST = 3.0
IMAGES = 10_000
_TRAINED_IMAGES = 2_000


def main() -> int:
    """Write one report, and compare with the goals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--network", default="lenet5", help="a function of cnnx.models")
    parser.add_argument("--page", type=Path, help="keep the page in this file")
    options = parser.parse_args()
    print(machine.headline())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measured = _measured(options.path, folder / "images")
        history = _train(options.path, options.network, folder)
        page = folder / "report.html"
        words = ["report", folder / "model.cnnx", measured, "--history", history, "--out", page]
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "cnnx", *map(str, words)], check=True)
        seconds = time.perf_counter() - started
        megabytes = page.stat().st_size / 1e6
        if options.page is not None:
            shutil.copyfile(page, options.page)
    met = seconds <= SECONDS_AT_MOST and megabytes <= MEGABYTES_AT_MOST
    print(
        f"{options.path}, {options.network}: {seconds:.1f} s, {megabytes:.2f} MB  "
        f"goals {SECONDS_AT_MOST:.0f} s, {MEGABYTES_AT_MOST:.0f} MB  {'met' if met else 'MISSED'}"
    )
    return 0 if met else 1


def _measured(path: Path, links: Path) -> Path:
    """A path with 10,000 images to measure: a test set, or as many files of every class."""
    classes = sorted(each for each in path.iterdir() if each.is_dir())
    if not classes or (path / "test").is_dir():
        return path
    for each in classes:
        target = links / each.name
        target.mkdir(parents=True)
        for file in sorted(each.iterdir())[-(IMAGES // len(classes)) :]:
            (target / file.name).symlink_to(file.resolve())
    return links


def _train(path: Path, network: str, folder: Path) -> Path:
    """Train a model for one epoch, save it, and return the log."""
    images = cnnx.data.load(path)
    rows = np.random.default_rng(0).permutation(len(images.y))[:_TRAINED_IMAGES]
    x, y = images.x[rows], images.y[rows]
    names = images.classes if isinstance(images.classes, tuple) else None
    outputs = images.classes if names is None else len(names)
    model = getattr(cnnx.models, network)(x.shape[1:], names or outputs)
    log = folder / "log.csv"
    trainer = cnnx.Trainer(model)
    trainer.fit(x, y, epochs=1, validation=0.1, callbacks=[cnnx.callbacks.CSVLog(log)])
    model.save(folder / "model.cnnx")
    return log


if __name__ == "__main__":
    sys.exit(main())
