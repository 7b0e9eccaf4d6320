"""Goal: `cnnx explain` of an image with a ResNet-20 takes at most one second, and its page 1.5 MB.

Run `python -m benchmarks.explain_time` on a quiet machine. Exits 1 if the median of whole
processes, from start to files, takes longer, or if the page is larger.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cnnx
import numpy as np
from cnnx.drawing.png import png

RUNS = 5
MOST_SECONDS = 1.0
MOST_MEGABYTES = 1.5


def main() -> int:
    """Print the seconds of each run; returns 1 if a goal is missed."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        model, image, out = (Path(folder, name) for name in ("model.cnnx", "image.png", "out"))
        network = cnnx.models.resnet20()
        network.save(model)
        pixels = np.random.default_rng(0).integers(0, 256, network.input_shape, dtype=np.uint8)
        image.write_bytes(png(pixels))
        words = ["explain", str(model), str(image), "--out", str(out), "--overwrite"]
        for _ in range(RUNS):
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-m", "cnnx", *words], check=True, capture_output=True)
            seconds.append(time.perf_counter() - begun)
        megabytes = (out / "image.html").stat().st_size / 1e6
    median = statistics.median(seconds)
    met = median <= MOST_SECONDS and megabytes <= MOST_MEGABYTES
    runs = ", ".join(f"{each:.2f}" for each in seconds)
    print(f"cnnx explain with a ResNet-20: {runs} s, median {median:.2f} s")
    print(f"its page: {megabytes:.2f} MB")
    print(
        f"goal: at most {MOST_SECONDS:.0f} s and {MOST_MEGABYTES} MB: "
        + ("met" if met else "MISSED")
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
