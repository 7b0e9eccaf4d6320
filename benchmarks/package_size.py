"""Import time and wheel size of the package; goals: 30 ms above NumPy's import, a wheel of 4.7 MB.

    python -m benchmarks.package_size [--wheel cnnx-....whl] [--rounds 21]

Every import is timed inside a process of its own, the libraries in turn. The difference is formed
within each round, and the medians over the rounds count. cnnx imports its names on first use, so
`cnnx.Model`, which imports NumPy and the compiled core, has the same goal. The trainer and the data
readers are shown beside it. Without --wheel, the wheel is built from this source tree. Exits 1 when
a goal is missed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

GOAL_MILLISECONDS = 30.0
GOAL_MEGABYTES = 4.7
LIBRARIES = {
    "import numpy": "import numpy",
    "import cnnx": "import cnnx",
    "import cnnx; cnnx.Model": "import cnnx; cnnx.Model",
    "import cnnx; cnnx.Trainer; cnnx.data": "import cnnx; cnnx.Trainer; cnnx.data",
}
HELD_TO_THE_GOAL = ("import cnnx", "import cnnx; cnnx.Model")


def import_milliseconds(statements: str) -> float:
    """The run time of the statements in a fresh interpreter, without its start."""
    code = (
        "import time; begun = time.perf_counter()\n"
        f"{statements}\nprint(1000 * (time.perf_counter() - begun))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd="/"
    )
    return float(result.stdout)


def measure_imports(rounds: int) -> bool:
    """Print the medians and their differences to NumPy's; returns whether the goals are met."""
    times: dict[str, list[float]] = {name: [] for name in LIBRARIES}
    for statements in LIBRARIES.values():
        import_milliseconds(statements)  # writes the bytecode, fills the file cache
    for _ in range(rounds):
        for name, statements in LIBRARIES.items():
            times[name].append(import_milliseconds(statements))
    met = True
    for name, values in times.items():
        pairs = zip(values, times["import numpy"], strict=True)
        difference = statistics.median(own - numpy for own, numpy in pairs)
        line = f"{name:38} {statistics.median(values):7.1f} ms {difference:+7.1f} ms to NumPy"
        if name in HELD_TO_THE_GOAL:
            within = difference <= GOAL_MILLISECONDS
            line += f"  goal {GOAL_MILLISECONDS:+.0f}  {'met' if within else 'MISSED'}"
            met = met and within
        print(line)
    return met


def measure_wheel(wheel: Path | None) -> bool:
    """Print the wheel's size; returns whether the goal is met."""
    if wheel is None:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(__file__).parents[1]
            pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
            subprocess.run([*pip, "--wheel-dir", folder, source], check=True)
            (built,) = Path(folder).glob("*.whl")
            return measure_wheel(built)
    megabytes = wheel.stat().st_size / 1e6
    met = megabytes <= GOAL_MEGABYTES
    print(
        f"{wheel.name}: {megabytes:.2f} MB  goal {GOAL_MEGABYTES:.1f}  {'met' if met else 'MISSED'}"
    )
    return met


def main() -> int:
    """Measure both; returns 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=Path, help="a wheel that is already built")
    parser.add_argument("--rounds", type=int, default=21)
    arguments = parser.parse_args()
    met = [measure_imports(arguments.rounds), measure_wheel(arguments.wheel)]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
