"""Goal: tiles of a large image give the predictions of the whole image, in the memory of a tile.

Run `python -m benchmarks.tiled_prediction [--side 4096]`. A U-Net predicts an image that is mapped
from a file: as a whole, in tiles, and in tiles the classes alone. Each runs in a process of its
own, whose peak memory counts, with the pages of the image that are mapped and the result. Exits 1
if a probability differs by more than 1e-5 anywhere, or if the classes take more memory than the
goal. The whole image of 4,096 x 4,096 takes several GB. The side is a multiple of 16.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cnnx
import numpy as np
from numpy.typing import NDArray

ERROR_AT_MOST, MEGABYTES_AT_MOST = 1e-5, 300
SHAPES_SIDE = 128
PREPARATION = "preparation"
WAYS = ("whole image", "tiles", "tiles, classes")


def write_image(side: int, file: Path) -> None:
    """A square image of many small ones, and so of shapes of the size that the network learns."""
    count = -(-side // SHAPES_SIDE)
    x, _ = cnnx.data.shapes(count * count, seed=3, size=SHAPES_SIDE)
    grid = x.reshape(count, count, SHAPES_SIDE, SHAPES_SIDE, 3).swapaxes(1, 2)
    np.save(file, grid.reshape(count * SHAPES_SIDE, -1, 3)[:side, :side])


def write_model(file: Path) -> None:
    """A U-Net whose running statistics are those of images."""
    x, masks = cnnx.data.shapes(256, seed=4, size=SHAPES_SIDE)
    model = cnnx.models.unet((SHAPES_SIDE, SHAPES_SIDE, 3), cnnx.data.SHAPE_CLASSES, width=8)
    trainer = cnnx.Trainer(model, optimizer=cnnx.Muon(0.02))
    trainer.fit(x, masks, epochs=2, batch_size=16, verbose=False)
    model.save(file)


def resident_peak() -> float:
    """Largest resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)


def predict(way: str, folder: Path) -> None:
    """Predict in one way; prints seconds and bytes, and saves the result."""
    model = cnnx.load(folder / "model.cnnx")
    x = np.load(folder / "x.npy", mmap_mode="r")
    ways: dict[str, Callable[[], NDArray[np.generic]]] = {
        "whole image": lambda: model.resized(x.shape[:2]).predict_proba(x),
        "tiles": lambda: model.predict_proba_tiled(x),
        "tiles, classes": lambda: model.predict_tiled(x),
    }
    begun = time.perf_counter()
    result = ways[way]()
    print(time.perf_counter() - begun, resident_peak())
    np.save(folder / f"{way}.npy", result)


def largest_difference(folder: Path) -> float:
    """Largest difference of a probability, a few rows at a time."""
    whole, tiled = (np.load(folder / f"{way}.npy", mmap_mode="r") for way in WAYS[:2])
    rows = range(0, len(whole), 64)
    return max(float(np.abs(whole[row : row + 64] - tiled[row : row + 64]).max()) for row in rows)


def run_part(part: str, side: int, folder: Path) -> bytes:
    """Output of a part of this program in a process of its own.

    Linux counts the memory of the parent for the peak of a child, so the parent has to be small.
    """
    line = [sys.executable, "-m", "benchmarks.tiled_prediction", "--part", part]
    words = [*line, "--side", str(side), "--folder", str(folder)]
    return subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout


def main() -> int:
    """Print time and memory of each way; returns 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--part", choices=(PREPARATION, *WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    side = arguments.side
    if arguments.part == PREPARATION:
        write_image(side, arguments.folder / "x.npy")
        write_model(arguments.folder / "model.cnnx")
        return 0
    if arguments.part:
        predict(arguments.part, arguments.folder)
        return 0

    print(f"cnnx {cnnx.__version__}, {cnnx.isa()}, {cnnx.get_num_threads()} threads")
    print(f"U-Net of depth 4 and width 8, one image of {side:,} x {side:,}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_part(PREPARATION, side, folder)
        for way in WAYS:
            seconds, peak = map(float, run_part(way, side, folder).split())
            print(f"{way:<15}{seconds:7.1f} s  {peak / 1e6:7,.0f} MB", flush=True)
        difference = largest_difference(folder)
    met = difference <= ERROR_AT_MOST and peak <= 1e6 * MEGABYTES_AT_MOST
    print(f"largest difference of a probability {difference:.1e}")
    print(
        f"goals: difference <= {ERROR_AT_MOST}, classes in tiles <= {MEGABYTES_AT_MOST} MB: "
        f"{'met' if met else 'MISSED'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
