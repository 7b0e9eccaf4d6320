"""Attack cnnx with random programs for some seconds, with new seeds in each run.

    python -m attack [--seconds 300] [--seed N] [--only conv,graphs] [--peer-python PYTHON]

Each attack runs cases in a process of its own: ops and networks against PyTorch in float64, or
against NumPy without a peer; the same bits in every set-up; killed runs, damaged files, wrong
arguments, threads. A case that fails is printed as a program that reproduces it, and the exit code
is 1. A process that crashes, or does not finish a case in two minutes, is a finding, too.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from attack import ROOT
from attack.attacks import ATTACKS, missing_packages
from attack.worker import PROGRAM

MOST_FINDINGS = 3  # of an attack, after which it ends
PATIENCE_SECONDS = 120  # for one case


class Finding(NamedTuple):
    """A failing case."""

    error: str
    program: str


@dataclass
class Result:
    """Result of an attack."""

    attack: str
    cases: int = 0
    findings: list[Finding] = field(default_factory=list)


@dataclass
class Options:
    """Options that the attacks share."""

    seed: int
    seconds: float
    peer_python: str | None


def attacked(attack: str, options: Options) -> Result:
    """Run an attack, again after each crash until its time is over."""
    result, end = Result(attack), time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory(prefix=f"cnnx-{attack}-") as folder:
        while len(result.findings) < MOST_FINDINGS:
            seconds = end - time.monotonic()
            if seconds <= 0:
                break
            run_worker(result, options, seconds, Path(folder))
    return result


def run_worker(result: Result, options: Options, seconds: float, folder: Path) -> None:
    """Run cases in a process until it ends, and add them to the result."""
    command = [sys.executable, "-m", "attack.worker", result.attack, f"--folder={folder}"]
    command += [f"--seed={options.seed}", f"--first={result.cases}", f"--seconds={seconds}"]
    command += [f"--findings={MOST_FINDINGS - len(result.findings)}"]
    if options.peer_python:
        command.append(f"--peer-python={options.peer_python}")
    path = folder / PROGRAM
    path.write_text("", encoding="utf-8")
    with (folder / "output").open("w+") as output, (folder / "errors").open("w+") as errors:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=errors)
        hangs = is_hanging(process, path)
        output.seek(0)
        errors.seek(0)
        printed = [json.loads(line) for line in output.read().splitlines()]
        log = errors.read()
    result.findings += [Finding(**each) for each in printed if "error" in each]
    counts = [each["cases"] for each in printed if "cases" in each]
    if process.returncode == 0 and counts:
        result.cases = counts[0]
        return
    current = path.read_text(encoding="utf-8")
    number = re.match(r"# Case (\d+)\.\n", current)
    if number is None:
        raise SystemExit(f"attack: {result.attack} did not start: {log[-2000:]}")
    why = f"not finished in {PATIENCE_SECONDS} s" if hangs else f"ended by {process.returncode}"
    result.findings.append(Finding(f"{why} {log[-500:]}".strip(), current[number.end() :]))
    result.cases = int(number[1]) + 1


def is_hanging(process: subprocess.Popen[bytes], program: Path) -> bool:
    """Wait for a process; whether it was killed because a case takes too long."""
    while True:
        try:
            process.wait(timeout=1)
            return False
        except subprocess.TimeoutExpired:
            if time.time() - program.stat().st_mtime > PATIENCE_SECONDS:
                process.kill()
                process.wait()
                return True


def names_from(text: str) -> list[str]:
    """An option type: attacks separated by commas."""
    names = text.split(",")
    for name in names:
        if name not in ATTACKS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(ATTACKS)}")
    return names


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m attack", description=__doc__.splitlines()[0] if __doc__ else None
    )
    parser.add_argument("--seconds", type=float, default=300, help="of the whole run")
    parser.add_argument("--seed", type=int, help="of the cases; different each time")
    parser.add_argument("--only", type=names_from, default=list(ATTACKS), metavar="ATTACKS")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--peer-python",
        default=os.environ.get("CNNX_PEER_PYTHON"),
        metavar="PYTHON",
        help="an interpreter that has PyTorch (default: CNNX_PEER_PYTHON; NumPy without)",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 1 after a finding."""
    given = parsed(arguments)
    seed = secrets.randbits(32) if given.seed is None else given.seed
    skipped = {name: missing_packages(name) for name in given.only if missing_packages(name)}
    names = [name for name in given.only if name not in skipped]
    for name, packages in skipped.items():
        print(f"{name} is skipped, it needs {' and '.join(packages)}")
    jobs = min(given.jobs, max(1, len(names)))
    options = Options(seed, given.seconds * jobs / max(1, len(names)), given.peer_python)
    peer = "PyTorch" if given.peer_python else "NumPy"
    print(f"seed {seed}, expected values by {peer} in float64", flush=True)
    with ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(lambda name: attacked(name, options), names))
    print(f"{'attack':<14}{'cases':>9}{'findings':>11}")
    for result in results:
        print(f"{result.attack:<14}{result.cases:>9}{len(result.findings):>11}")
    for result in results:
        for finding in result.findings:
            print(f"\n{result.attack}: {finding.error}\n\n{finding.program}")
    found = sum(len(result.findings) for result in results)
    cases = sum(result.cases for result in results)
    print(f"{len(results)} attacks, {cases} cases, seed {seed}: ", end="")
    print(f"{found} findings" if found else "no finding")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
