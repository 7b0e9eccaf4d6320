"""A whole process from MNIST's files to a saved and tested LeNet: `cnnx train` against PyTorch.

    CNNX_DATA=... python -m benchmarks.mnist_training --peer-python /path/to/venv/bin/python
    [--rounds 3] [--epochs 3] [--json FILE] [--quick]

CNNX_DATA holds mnist/ with the four IDX files. The peer is `benchmarks/mnist_in_torch.py`, the same
training in plain PyTorch. Both use all CPUs. The runs alternate. The ratio of wall times is formed
within each round and its median counts. The ratio of peak memory, as the system reports it for the
ended process, is formed in the same way. Exits 1 when a goal is missed.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks import machine
from benchmarks.libraries import ROOT
from benchmarks.neighbours import Neighbours
from benchmarks.options import RoundOptions, add_peer_python, round_parser
from benchmarks.timing import median_ratio

FASTER_AT_LEAST = 3.0
LIGHTER_AT_LEAST = 2.0
ACCURACY_AT_LEAST = 0.98  # of both libraries


class Run(NamedTuple):
    """The measurements of one process."""

    seconds: float
    megabytes: float
    accuracy: float
    neighbours: float  # CPU use of other processes, as a fraction


def run(command: list[str]) -> Run:
    """Run a training in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as printed:
        neighbours, begun = Neighbours(), time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=printed, stderr=subprocess.PIPE)
        assert process.stderr is not None
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        fraction = neighbours.fraction(usage.ru_utime + usage.ru_stime)
        process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        text = printed.read()
    found = re.search(r"test accuracy (\d+\.\d+)%", text)
    if process.returncode != 0 or found is None:
        raise RuntimeError(f"{' '.join(command)} failed:\n{errors.decode()}{text}")
    per_megabyte = 1e6 if sys.platform == "darwin" else 1e6 / 1024  # bytes there, kibibytes else
    return Run(seconds, usage.ru_maxrss / per_megabyte, float(found[1]) / 100, fraction)


class Options(RoundOptions):
    """The command line."""

    peer_python: str | None
    epochs: int


def parse() -> Options:
    """Read the command line."""
    parser = round_parser(__doc__.splitlines()[0], rounds=3)
    add_peer_python(parser)
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args(namespace=Options())
    if options.quick:
        options.rounds, options.epochs = 1, 1
    return options


def judge(runs: dict[str, list[Run]]) -> bool:
    """Print the ratios; returns whether the goals were met."""
    ours, theirs = runs["cnnx"], runs["torch"]
    faster = median_ratio([each.seconds for each in theirs], [each.seconds for each in ours])
    lighter = median_ratio([each.megabytes for each in theirs], [each.megabytes for each in ours])
    least_accuracy = min(each.accuracy for each in (*ours, *theirs))
    met = True
    for name, value, least in (
        ("times faster", faster, FASTER_AT_LEAST),
        ("times less memory", lighter, LIGHTER_AT_LEAST),
        ("least accuracy", least_accuracy, ACCURACY_AT_LEAST),
    ):
        met = met and value >= least
        print(f"{name:18} {value:.3g}  goal {least}  {'met' if value >= least else 'MISSED'}")
    return met


def main() -> int:
    """Print the runs; returns 1 if a goal is missed."""
    options = parse()
    data = Path(os.environ.get("CNNX_DATA", "")).resolve() / "mnist"
    if "CNNX_DATA" not in os.environ or not data.is_dir():
        print("set CNNX_DATA to a folder that holds mnist/", file=sys.stderr)
        return 2
    before = machine.describe()
    print(machine.headline())
    epochs = ["--epochs", str(options.epochs)]
    commands = {
        "cnnx": [sys.executable, "-m", "cnnx", "train", str(data), "--model", "lenet", *epochs]
    }
    if options.peer_python:
        script = str(ROOT / "benchmarks" / "mnist_in_torch.py")
        commands["torch"] = [options.peer_python, script, str(data), "model.pt", *epochs]
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(options.rounds):
        for name, command in commands.items():
            runs[name].append(run(command))
            took = runs[name][-1]
            print(
                f"{name:6} {took.seconds:6.2f} s {took.megabytes:6.0f} MB "
                f"test accuracy {took.accuracy:.2%} (others: {took.neighbours:.1%} of the CPUs)",
                flush=True,
            )
    for name, each in runs.items():
        seconds = statistics.median(one.seconds for one in each)
        megabytes = statistics.median(one.megabytes for one in each)
        print(f"{name:6} {seconds:6.2f} s {megabytes:6.0f} MB  medians of {len(each)}")
    if options.json:
        machine.save(options.json, before, {"epochs": options.epochs, "runs": runs})
    return 0 if "torch" not in runs or judge(runs) else 1


if __name__ == "__main__":
    sys.exit(main())
