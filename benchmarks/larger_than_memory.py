"""Training on a folder of images whose pixels exceed the memory limit of the process.

    python -m benchmarks.larger_than_memory [--images 8000] [--limit 400] [--quick]

Writes the images as JPEG files and trains on them in a process whose own memory is limited (`ulimit
-d`). Where a control group can be made, which takes root, the limit includes the pages of its
files. The images are decoded into a mapped file, whose pages the system reads and drops on demand.
The same training with the pixels in memory must fail under the limit, and must give the same
weights without it. Exits 1 otherwise.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.options import RoundOptions, round_parser

SIDE = 160
BYTES = SIDE * SIDE * 3
MEGABYTE = 10**6


class Options(RoundOptions):
    """The command line."""

    images: int
    limit: int


def parse() -> Options:
    """Read the command line."""
    parser = round_parser(__doc__.splitlines()[0], rounds=1)
    parser.add_argument("--images", type=int, default=8000)
    parser.add_argument("--limit", type=int, default=400, metavar="MB")
    options = parser.parse_args(namespace=Options())
    if options.quick:
        options.images, options.limit = 5000, 300
    return options


@contextmanager
def control_group(limit: int) -> Iterator[Path | None]:
    """A memory control group of version 1 or 2 with this limit; None where none can be made."""
    for root, setting in (
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
        (Path("/sys/fs/cgroup"), "memory.max"),
    ):
        group = root / f"cnnx-benchmark-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / setting).write_text(str(limit * MEGABYTE))
            yield group
            return
        except FileNotFoundError:  # a group without the memory controller
            continue
        finally:
            group.rmdir()
    yield None


def write_images(folder: Path, count: int) -> None:
    """Two classes of smooth images, the one lighter on the left, the other on the right."""
    from PIL import Image

    random = np.random.default_rng(0)
    ramp = np.linspace(0, 120, SIDE)
    for index in range(count):
        name = "left" if index % 2 else "right"
        (folder / name).mkdir(exist_ok=True)
        base = random.uniform(0, 130, 3) + (ramp[::-1] if index % 2 else ramp)[:, None]
        pixels = np.broadcast_to(base, (SIDE, SIDE, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / name / f"{index:06}.jpg", quality=80)


def train(folder: str, cache: str, limit: int, group: str) -> dict[str, Any]:
    """Train in the limited process, without a cache in memory."""
    if group:
        Path(group, "cgroup.procs").write_text(str(os.getpid()))
    if limit:
        resource.setrlimit(resource.RLIMIT_DATA, (limit * MEGABYTE, limit * MEGABYTE))
    import cnnx

    begun = time.perf_counter()
    how = cnnx.data.Decoding(cache=cache or None, memory_limit=1 << 62)
    images = cnnx.data.load(folder, input_shape=(SIDE, SIDE, 3), decoding=how)
    decoded = time.perf_counter() - begun
    layers = [
        *(cnnx.Conv2d(8, 5, stride=4), cnnx.ReLU(), cnnx.MaxPool2d(4)),
        *(cnnx.Flatten(), cnnx.Dense(2)),
    ]
    model = cnnx.Model(layers, input_shape=(SIDE, SIDE, 3))
    history = cnnx.Trainer(model).fit(images, epochs=2, validation=0.1)
    weights = hashlib.sha256(b"".join(a.tobytes() for a in model.parameters.values()))
    return {
        "decoding": decoded,
        "epoch": history.seconds[-1],
        "accuracy": history.validation_accuracy[-1],
        "weights": weights.hexdigest(),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }


def run(
    folder: Path, cache: Path | None, limit: int, group: Path | None = None
) -> dict[str, Any] | str:
    """Call `train` in a process of its own: its measurements, or the last line of its error."""
    words = ["--child", str(folder), str(cache or ""), str(limit), str(group or "")]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.larger_than_memory", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    if done.returncode == 0:
        found: dict[str, Any] = json.loads(done.stdout)
        return found
    return (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]


def show(name: str, outcome: dict[str, Any] | str) -> None:
    """Print one line."""
    if isinstance(outcome, str):
        print(f"{name}: {outcome}", flush=True)
        return
    print(
        f"{name}: decoded in {outcome['decoding']:.1f} s, epoch {outcome['epoch']:.1f} s, "
        f"accuracy {outcome['accuracy']:.1%}, resident at most {outcome['peak']:,.0f} MB",
        flush=True,
    )


def main() -> int:
    """Print the runs; returns 1 if the training fails under the limit."""
    options = parse()
    before = machine.describe()
    print(machine.headline())
    size = options.images * BYTES / MEGABYTE
    print(f"{options.images:,} images, {size:,.0f} MB of pixels, limit {options.limit} MB")
    with tempfile.TemporaryDirectory() as temporary:
        folder, cache = Path(temporary, "images"), Path(temporary, "cache")
        folder.mkdir()
        write_images(folder, options.images)
        with control_group(options.limit) as group:
            print(f"control group: {'yes' if group else 'none, the limit is ulimit -d alone'}")
            outcomes = {
                "in memory, limited": run(folder, None, options.limit, group),
                "mapped, limited": run(folder, cache, options.limit, group),
                "mapped, limited, again": run(folder, cache, options.limit, group),
            }
        outcomes["in memory, no limit"] = run(folder, None, 0)
    for name, outcome in outcomes.items():
        show(name, outcome)
    if options.json:
        machine.save(options.json, before, {"megabytes": size, "outcomes": outcomes})
    refused = isinstance(outcomes.pop("in memory, limited"), str)
    weights = {o["weights"] if isinstance(o, dict) else "" for o in outcomes.values()}
    met = refused and len(weights) == 1 and "" not in weights and size > options.limit
    print("trains under the limit, with the same weights" if met else "MISSED")
    return 0 if met else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(train(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])))
        sys.exit(0)
    sys.exit(main())
