"""Build time from a clean clone: CPU seconds by group of files, beside an earlier revision's.

    python -m benchmarks.build_time [--against b9ff8bf] [--most-ratio 0.5]
                                    [--wall] [--most-seconds 110] [--tests]
                                    [--most-test-seconds 300]

Clones this repository into a temporary folder, installs it with `pip install .` in a virtual
environment of its own, and records the CPU time of every compilation. --against does the same with
another revision; the goal is a ratio of CPU seconds of at most --most-ratio. --wall also holds the
installation to --most-seconds, which needs an idle machine. --tests also installs the extras of
README's test command and runs pytest, holds the whole to the same ratio and, with --wall, pytest
alone to --most-test-seconds. Exits 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
SLOWEST = 10
# A compiler launcher that appends the command and its CPU seconds, user and system, to a file.
# Bash, because starting Python for every file would take as long as some of the files.
LAUNCHER = """#!/usr/bin/env bash
log=$1; shift
TIMEFORMAT="%U %S ${*//%/%%}"
{ time "$@" 2>&3; } 3>&2 2>>"$log"
"""


@dataclass
class Times:
    """Seconds that one revision takes."""

    cpu: float
    wall: float
    files: dict[str, float]  # CPU seconds per object file
    extras: float = 0.0  # wall seconds of installing the extras
    tests: float = 0.0  # wall seconds of the test suite
    groups: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def test_command(self) -> float:
        """Wall seconds of README's test command."""
        return self.wall + self.extras + self.tests

    def __post_init__(self) -> None:
        for name, seconds in self.files.items():
            self.groups[group_of(name)] += seconds


def group_of(name: str) -> str:
    """The group of an object file: its component, for kernels with the instruction set."""
    kernels = re.search(r"cnnx_kernels_(\w+)\.dir", name)
    if kernels:
        return f"kernels {kernels[1]}"
    component = re.search(r"/src/(\w+)/|/unity_([a-z]\w*)_cxx", name)
    return component[1] or component[2] if component else "bindings"


def compile_times(log: Path) -> dict[str, float]:
    """CPU seconds per object file, from the launcher's lines."""
    files = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        match = re.match(r"([\d.]+) ([\d.]+) .* -o (\S+\.o) ", line)
        if match:
            files[match[3]] = float(match[1]) + float(match[2])
    return files


def used_cpu() -> float:
    """CPU seconds of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(revision: str, folder: Path, *, tests: bool) -> Times:
    """Install a revision from a clean clone, and run its tests if requested."""
    tree, environment = folder / "cnnx", folder / "environment"
    subprocess.run(["git", "clone", "--quiet", ROOT, tree], check=True)
    subprocess.run(["git", "checkout", "--quiet", revision], cwd=tree, check=True)
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    launcher, log, python = folder / "launcher", folder / "log", environment / "bin" / "python"
    launcher.write_text(LAUNCHER, encoding="utf-8")
    launcher.chmod(0o755)
    log.touch()
    variables = {
        **os.environ,
        "CMAKE_CXX_COMPILER_LAUNCHER": f"{launcher};{log}",
        # The WebAssembly module is left out, as on every machine without emscripten.
        "CMAKE_ARGS": f"{os.environ.get('CMAKE_ARGS', '')} -DCNNX_EMCC=OFF",
    }
    install = [python, "-m", "pip", "install", "--quiet"]
    cpu, wall = used_cpu(), time.perf_counter()
    subprocess.run([*install, "."], cwd=tree, env=variables, check=True)
    times = Times(used_cpu() - cpu, time.perf_counter() - wall, compile_times(log))
    if tests:
        begun = time.perf_counter()
        subprocess.run([*install, "cnnx[cli,test]"], cwd=folder, check=True)
        installed = time.perf_counter()
        subprocess.run([python, "-m", "pytest", "-q"], cwd=tree, check=True)
        times.extras, times.tests = installed - begun, time.perf_counter() - installed
    return times


def print_table(measured: dict[str, Times]) -> None:
    """CPU seconds per group, a column per revision."""
    columns = list(measured.values())
    groups = sorted(
        {group for times in columns for group in times.groups},
        key=lambda group: -columns[0].groups[group],
    )
    print(f"{'CPU seconds':28}" + "".join(f"{name:>14}" for name in measured))
    for group in groups:
        print(f"{group:28}" + "".join(f"{times.groups[group]:14.1f}" for times in columns))
    print(f"{'installation':28}" + "".join(f"{times.cpu:14.1f}" for times in columns))
    print(f"{'wall seconds':28}" + "".join(f"{times.wall:14.1f}" for times in columns))
    slowest = sorted(columns[0].files.items(), key=lambda item: -item[1])[:SLOWEST]
    print(f"\nThe slowest files of {next(iter(measured))}")
    for name, seconds in slowest:
        print(f"{seconds:8.1f}  {group_of(name):16} {Path(name).stem}")


def verdict(what: str, value: float, goal: float) -> bool:
    """Print a figure beside its goal; returns whether it is met."""
    met = value <= goal
    print(f"{what}: {value:.2f} (goal at most {goal:g}){'' if met else '  MISSED'}")
    return met


def main() -> int:
    """Measure one revision or two; returns 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", metavar="REV", help="a revision to build as well")
    parser.add_argument("--most-ratio", type=float, default=0.5)
    parser.add_argument("--wall", action="store_true", help="judge the wall time, too")
    parser.add_argument("--most-seconds", type=float, default=110)
    parser.add_argument("--tests", action="store_true", help="time README's test command, too")
    parser.add_argument("--most-test-seconds", type=float, default=300)
    arguments = parser.parse_args()
    measured = {}
    for revision in ["HEAD", *([arguments.against] if arguments.against else [])]:
        with tempfile.TemporaryDirectory() as folder:
            measured[revision] = measure(revision, Path(folder), tests=arguments.tests)
    print_table(measured)
    own = measured["HEAD"]
    met = []
    if arguments.wall:
        met.append(verdict("wall seconds", own.wall, arguments.most_seconds))
    if arguments.tests:
        if arguments.wall:
            met.append(verdict("seconds of pytest", own.tests, arguments.most_test_seconds))
        else:
            print(f"seconds of pytest: {own.tests:.0f}")
    if arguments.against:
        other = measured[arguments.against]
        met.append(verdict("ratio of CPU seconds", own.cpu / other.cpu, arguments.most_ratio))
        if arguments.tests:
            ratio = own.test_command / other.test_command
            met.append(verdict("ratio of the test command", ratio, arguments.most_ratio))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
