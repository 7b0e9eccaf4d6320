"""Goal: `cnnx train` on MNIST reaches its accuracy, and all ways to predict agree.

Run `CNNX_DATA=... python -m benchmarks.mnist_accuracy [--seeds 1]`, where the folder holds mnist/
with the four IDX files. Seed 0 compares the ways to predict; other seeds only train. Exits 1 if an
accuracy misses its goal or two ways disagree. Needs Pillow.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cnnx
import numpy as np

ACCURACY_AT_LEAST = 0.985
EPOCHS = 3
_FILES_AT_ONCE = 2500  # the length of a command line is limited


def run(*words: object, cwd: Path) -> str:
    """The output of one `cnnx` command; its progress goes to the terminal."""
    line = [sys.executable, "-m", "cnnx", *map(str, words)]
    return subprocess.run(line, cwd=cwd, stdout=subprocess.PIPE, text=True, check=True).stdout


def train(data: Path, seed: int, folder: Path) -> tuple[float, float]:
    """The accuracy on the test set and the total seconds; leaves model.cnnx."""
    folder.mkdir(exist_ok=True)
    begun = time.perf_counter()
    words = ("train", data, "--model", "lenet", "--epochs", EPOCHS, "--seed", seed)
    accuracy = percent("test accuracy", run(*words, cwd=folder))
    return accuracy, time.perf_counter() - begun


def percent(pattern: str, text: str) -> float:
    """The percentage in a printed line, as a fraction."""
    found = re.search(pattern + r" (\d+\.\d+)%", text)
    if found is None:
        raise ValueError(f"no line {pattern!r} in: {text}")
    return float(found[1]) / 100


def predicted_from_png(images: np.ndarray, folder: Path) -> np.ndarray:
    """The labels `cnnx predict` prints for the images saved as PNG."""
    from PIL import Image

    names = [f"{index:05}.png" for index in range(len(images))]
    for name, pixels in zip(names, images, strict=True):
        Image.fromarray(pixels[..., 0]).save(folder / name)
    lines: list[str] = []
    for start in range(0, len(names), _FILES_AT_ONCE):
        chunk = names[start : start + _FILES_AT_ONCE]
        lines += run("predict", "model.cnnx", *chunk, cwd=folder).splitlines()
    assert [line.split("\t")[0] for line in lines] == names
    return np.array([int(line.split("\t")[1]) for line in lines])


def main() -> int:
    """Print the figures; returns 1 if one misses its goal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1, help="train with so many")
    seeds: int = parser.parse_args().seeds
    data = Path(os.environ.get("CNNX_DATA", "")).resolve() / "mnist"
    if "CNNX_DATA" not in os.environ or not data.is_dir():
        print("set CNNX_DATA to a folder that holds mnist/", file=sys.stderr)
        return 2
    test = cnnx.data.load_idx(data).test
    assert test is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trained, seconds = train(data, 0, folder)
        evaluated = percent("accuracy", run("evaluate", "model.cnnx", data, cwd=folder))
        predicted = cnnx.load(folder / "model.cnnx").predict(test.x)
        accuracy = float((predicted == test.y).mean())
        from_png = predicted_from_png(test.x, folder)
        others = [train(data, seed, folder / str(seed))[0] for seed in range(1, seeds)]
    print(f"cnnx {cnnx.__version__}, {cnnx.isa()}, {cnnx.get_num_threads()} threads")
    print(
        f"cnnx train --model lenet --epochs {EPOCHS}   {trained:.2%} in {seconds:.1f} s, all in all"
    )
    print(f"cnnx evaluate                       {evaluated:.2%}")
    print(f"cnnx.load(...).predict, raw uint8   {accuracy:.2%}")
    print(f"cnnx predict, {len(test.x):,} PNG files     {(from_png == test.y).mean():.2%}")
    for seed, other in enumerate(others, 1):
        print(f"cnnx train --seed {seed}                {other:.2%}")
    agree = (
        bool((from_png == predicted).all())
        and f"{accuracy:.2%}" == f"{trained:.2%}" == f"{evaluated:.2%}"
    )
    met = min([accuracy, *others]) >= ACCURACY_AT_LEAST and agree
    print(
        f"goal: at least {ACCURACY_AT_LEAST:.1%}, and every way agrees: "
        + ("met" if met else "MISSED")
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
