"""Size and speed of a LeNet's playground in Chromium and Firefox, headless and without network.

    python -m benchmarks.playground [--page FILE]

Prints, and compares with goals: the page's size (3 MB); the time from the navigation to the first
prediction, the slowest of five loads (2 s); the time from a change of the pad until the maps of all
stages are drawn and the window, of 1,400 by 900 pixels, is painted, the median of 50 changes (16
ms); and the batches of 32 images per second of a training (20). The arithmetic of marked cells and
Grad-CAM follow in the next frame. The browsers paint without a limit of frames per second, because
the wait for a frame is no work. Exits 1 if a goal is missed or no browser is installed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import cnnx
import numpy as np

from benchmarks import machine

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

import browser_tab
import playground_tab

MEGABYTES_AT_MOST = 3.0
LOAD_SECONDS_AT_MOST = 2.0
CHANGE_MILLISECONDS_AT_MOST = 16.0
BATCHES_PER_SECOND_AT_LEAST = 20.0
LOADS = 5
CHANGES = 50
BATCH_SIZE = 32
STEPS = 100


def verdict(text: str, value: float, unit: str, goal: float, *, is_most: bool = True) -> bool:
    """Print a figure beside its goal; returns whether it is met."""
    met = value <= goal if is_most else value >= goal
    bound = "at most" if is_most else "at least"
    print(f"{text:32}{value:8.2f} {unit}  goal {bound} {goal:g}  {'met' if met else 'MISSED'}")
    return met


def write_page(folder: Path) -> Path:
    """The playground of a LeNet, written by the command."""
    model, page = folder / "lenet5.cnnx", folder / "lenet5.html"
    cnnx.models.lenet5(classes=[str(digit) for digit in range(10)]).save(model)
    words = ["playground", str(model), "--out", str(page)]
    subprocess.run([sys.executable, "-m", "cnnx", *words], check=True, stdout=subprocess.DEVNULL)
    return page


def measure(name: str, page: Path) -> bool:
    """Print the times in a browser; returns whether the goals are met."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (STEPS * BATCH_SIZE // 5, 28, 28, 1), dtype=np.uint8)
    with browser_tab.open_tab(name, unlimited_frames=True) as tab:
        tab.resize(1400)
        loads = [playground_tab.open_playground(tab, page) / 1000 for _ in range(LOADS)]
        changes = []
        for image in images[:CHANGES]:
            playground_tab.set_pixels(tab, image)
            changes.append(tab.evaluate("playground.lastMilliseconds"))
        tab.run("window.begun = performance.now()")
        settings = {"start": "model", "epochs": 5, "batchSize": BATCH_SIZE, "learningRate": 0.001}
        settings |= {"shift": False, "seed": 0, "classes": [str(digit) for digit in range(10)]}
        labels = random.integers(0, 10, len(images)).tolist()
        steps = playground_tab.train(tab, images, labels, settings)["steps"]
        seconds = tab.evaluate("performance.now() - window.begun") / 1000
    met = verdict(f"{name}: load", max(loads), "s", LOAD_SECONDS_AT_MOST)
    change = statistics.median(changes)
    met &= verdict(f"{name}: change of the pad", change, "ms", CHANGE_MILLISECONDS_AT_MOST)
    text = f"{name}: batches per second"
    return met & verdict(text, steps / seconds, "", BATCHES_PER_SECOND_AT_LEAST, is_most=False)


def main() -> int:
    """Write the page and measure it; returns 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=Path, help="measure this page of a LeNet")
    options = parser.parse_args()
    print(machine.headline())
    browsers = [name for name in browser_tab.BROWSERS if browser_tab.installed(name)]
    if not browsers:
        print("neither Chromium nor Firefox is installed: MISSED")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        page = options.page or write_page(Path(folder))
        size = page.stat().st_size / 1e6
        met = [verdict("size of the page", size, "MB", MEGABYTES_AT_MOST)]
        met += [measure(name, page) for name in browsers]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
