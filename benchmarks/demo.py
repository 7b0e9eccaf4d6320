"""Goal: `cnnx demo`, images included, takes under ten seconds.

Run `python -m benchmarks.demo` on a quiet machine. Exits 1 if the median run takes longer.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time

RUNS = 3
SECONDS_BELOW = 10.0


def main() -> int:
    """Print the seconds of each run; returns 1 if the goal is missed."""
    seconds = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            begun = time.perf_counter()
            line = [sys.executable, "-m", "cnnx", "demo"]
            subprocess.run(line, cwd=folder, check=True, capture_output=True)
            seconds.append(time.perf_counter() - begun)
    median = statistics.median(seconds)
    met = median < SECONDS_BELOW
    runs = ", ".join(f"{each:.1f}" for each in seconds)
    print(f"cnnx demo: {runs} s, median {median:.1f} s")
    print(f"goal: below {SECONDS_BELOW:.0f} s: " + ("met" if met else "MISSED"))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
