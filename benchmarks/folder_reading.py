"""Reading of a folder of small JPEG files against a loop over Pillow on one thread.

    python -m benchmarks.folder_reading [--images 10000] [--rounds 5] [--json FILE] [--quick]

Writes JPEG files of 32 x 32 pixels in ten classes. `cnnx.data.load` and the loop read them in
turns, and must find the same pixels; the medians count. The peak of memory is that of a process
that only loads the folder. Exits 1 when a goal is missed.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cnnx
import numpy as np

from benchmarks import machine
from benchmarks.options import RoundOptions, round_parser
from benchmarks.timing import median_ratio

SIDE, CLASSES = 32, 10
TIME_AT_MOST = 0.6
MEGABYTES_AT_MOST = 256.0


class Options(RoundOptions):
    """The command line."""

    images: int


def parse() -> Options:
    """Read the command line."""
    parser = round_parser(__doc__.splitlines()[0], rounds=5)
    parser.add_argument("--images", type=int, default=10_000)
    options = parser.parse_args(namespace=Options())
    if options.quick:
        options.rounds, options.images = 1, 1000
    return options


def write_images(folder: Path, count: int) -> None:
    """Ten classes of smooth images with noise."""
    from PIL import Image

    random = np.random.default_rng(0)
    for index in range(count):
        name = folder / f"class-{index % CLASSES}"
        name.mkdir(exist_ok=True)
        coarse = Image.fromarray(random.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)).astype(int)
        noisy = smooth + random.integers(-8, 9, smooth.shape)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(name / f"{index:06}.jpg")


def load_by_loop(folder: Path) -> Any:
    """What a user writes without cnnx."""
    from PIL import Image

    files = sorted(folder.glob("*/*.jpg"))
    x = np.empty((len(files), SIDE, SIDE, 3), np.uint8)
    for index, file in enumerate(files):
        with Image.open(file) as image:
            x[index] = np.asarray(image.convert("RGB"))
    return x


def resident_peak() -> float:
    """Largest resident memory of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # the system's other figure begins with that of the parent
        return 1024 * float(status.read_text().partition("VmHWM:")[2].split()[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)


def memory_above_result(folder: str) -> float:
    """Growth of this process's peak by loading a folder, without the pixels, in megabytes."""
    import PIL.Image  # noqa: F401

    before = resident_peak()
    pixels = cnnx.data.load(folder).x.nbytes
    return (resident_peak() - before - pixels) / 1e6


def measured_memory(folder: Path) -> float:
    """Memory of a process of its own."""
    words = [sys.executable, "-m", "benchmarks.folder_reading", "--child", str(folder)]
    root = Path(__file__).parents[1]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=root)
    return float(done.stdout)


def verdict(name: str, value: float, most: float) -> bool:
    """Print one figure; returns whether it meets its goal."""
    met = value <= most
    print(f"{name:34} {value:7.2f}  goal {most}  {'met' if met else 'MISSED'}", flush=True)
    return met


def main() -> int:
    """Print the figures; returns 1 if a goal is missed."""
    options = parse()
    before = machine.describe()
    print(machine.headline())
    seconds: dict[str, list[float]] = {"cnnx": [], "loop": []}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_images(folder, options.images)
        cnnx.data.load(folder)  # imports Pillow
        for _ in range(options.rounds):
            begun = time.perf_counter()
            x = cnnx.data.load(folder).x
            between = time.perf_counter()
            expected = load_by_loop(folder)
            seconds["cnnx"].append(between - begun)
            seconds["loop"].append(time.perf_counter() - between)
            if not np.array_equal(x, expected):
                sys.exit("the pixels of the two differ, expected the same")
        megabytes = measured_memory(folder)
    for name, times in seconds.items():
        print(f"{name}: {statistics.median(times):.2f} s for {options.images:,} images")
    ratio = median_ratio(seconds["cnnx"], seconds["loop"])
    met = verdict("time, relative to the loop", ratio, TIME_AT_MOST)
    met &= verdict("memory above the pixels, MB", megabytes, MEGABYTES_AT_MOST)
    if options.json:
        content = {"images": options.images, "seconds": seconds, "megabytes": megabytes}
        machine.save(options.json, before, content)
    return 0 if met else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(memory_above_result(sys.argv[2]))
        sys.exit(0)
    sys.exit(main())
