"""Time that `cnnx.doctor` takes to examine a data set, such as 50,000 images of CIFAR-10.

    python -m benchmarks.doctor_time PATH [--threads 2]

Prints the findings, the seconds of the clock and of the CPU, and the growth of memory. Exits 1
above 60 seconds.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import cnnx
from cnnx.doctor import findings_text

from benchmarks import machine

SECONDS_AT_MOST = 60.0


def main() -> int:
    """Examine once, and compare with the goal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    print(machine.headline())
    cnnx.set_num_threads(options.threads)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    findings = cnnx.doctor.check_data(options.path)
    seconds = time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(findings_text(findings) or "no findings")
    kibibytes = usage.ru_maxrss - memory
    met = seconds <= SECONDS_AT_MOST
    print(
        f"{options.path}: {seconds:.1f} s  goal {SECONDS_AT_MOST:.0f} s  "
        f"{'met' if met else 'MISSED'}; {usage.ru_utime:.1f} s of CPU time, "
        f"{kibibytes / 1024:.0f} MiB"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
