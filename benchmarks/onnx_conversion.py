"""Time and memory of `cnnx import` and `cnnx export` of ResNet-50; goals: 4 s, 3 file sizes.

    python -m benchmarks.onnx_conversion [--rounds 3] [--quick]

The commands run in processes of their own, with the start of Python. The memory is the peak of the
whole process relative to the 100 MB of the ONNX file. The medians count. --quick takes ResNet-18.
Exits 1 when a goal is missed.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cnnx

from benchmarks import machine
from benchmarks.options import RoundOptions, round_parser

GOAL_SECONDS, GOAL_FILE_SIZES = 4.0, 3.0
COMMAND = [sys.executable, "-m", "cnnx"]


def run(*words: str | Path) -> tuple[float, float]:
    """Seconds and peak memory in bytes of a command line."""
    begun = time.perf_counter()
    process = subprocess.Popen([*COMMAND, *words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    if status != 0:
        raise SystemExit(f"{' '.join(map(str, words))} ended with status {status}")
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return seconds, float(peak)


def show(name: str, runs: list[tuple[float, float]], file_size: int) -> bool:
    """Print the medians; returns whether both goals are met."""
    seconds = statistics.median(each for each, _ in runs)
    sizes = statistics.median(peak / file_size for _, peak in runs)
    print(
        f"{name}: {seconds:.2f} s (goal {GOAL_SECONDS:g}), "
        f"peak memory {sizes:.2f} of the file's {file_size / 1e6:.0f} MB (goal {GOAL_FILE_SIZES:g})"
    )
    return seconds <= GOAL_SECONDS and sizes <= GOAL_FILE_SIZES


def main() -> int:
    """Measure; returns 1 if a goal is missed."""
    parser = round_parser(__doc__.splitlines()[0], rounds=3)
    options = parser.parse_args(namespace=RoundOptions())
    builder = cnnx.models.resnet18 if options.quick else cnnx.models.resnet50
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, exported, imported = (folder / each for each in ("a.cnnx", "a.onnx", "b.cnnx"))
        builder((224, 224, 3), 1000).save(model)
        print(machine.headline())
        exports, imports = [], []
        for _ in range(1 if options.quick else options.rounds):
            exports.append(run("export", model, "--out", exported))
            imports.append(run("import", exported, "--out", imported))
            imported.unlink()
        size = exported.stat().st_size
        met = [show("export", exports, size), show("import", imports, size)]
    return 0 if all(met) else 1


if __name__ == "__main__":
    raise SystemExit(main())
