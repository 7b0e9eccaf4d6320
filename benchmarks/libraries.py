"""Libraries to compare, each in its own process that is stopped while another is measured.

Two OpenMP runtimes in one process slow each other down, and a thread pool may spin for a while
after its work. So a library is stopped (SIGSTOP) between its turns.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.cores import Cores, cores_for
from benchmarks.neighbours import QUIET_FRACTION, Neighbours, seconds_of, wait_until_quiet
from benchmarks.options import ContestOptions
from benchmarks.timing import median_ratio

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 60  # seconds to wait for a quiet machine or for good cores, per turn


class Library:
    """A running `benchmarks.worker`, stopped except during its requests.

    Attributes:
        name: the name in the printed figures.
        versions: of the libraries it uses.
    """

    def __init__(
        self,
        name: str,
        module: str,
        python: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start `module` in `python`, or in this interpreter if None."""
        self.name = name
        self._process = subprocess.Popen(
            [python or sys.executable, "-m", "benchmarks.worker", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
        )
        self.versions: dict[str, str] = self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with status {self._process.wait()}")
        self._process.send_signal(signal.SIGSTOP)
        return json.loads(line)

    def _ask(self, request: dict[str, object]) -> Any:
        assert self._process.stdin is not None
        self._process.send_signal(signal.SIGCONT)
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return self._answer()

    def prepare(self, task: tuple[object, ...]) -> dict[str, list[float]]:
        """Prepare the task; returns the figures by which libraries are compared."""
        return self._ask({"prepare": task})  # type: ignore[no-any-return]

    def measure(self, seconds: float, clock: str) -> tuple[list[float], float]:
        """Seconds per call by one of `timing.CLOCKS`, many samples, and the CPU use of other
        processes.
        """
        neighbours, used = Neighbours(), seconds_of(self._process.pid)
        samples = self._ask({"measure": [seconds, clock]})
        return samples, neighbours.fraction(seconds_of(self._process.pid) - used)

    def close(self) -> None:
        """End the process, stopped or not."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def all_closed(libraries: list[Library]) -> Iterator[list[Library]]:
    """End all processes on exit."""
    with ExitStack() as stack:
        for library in libraries:
            stack.callback(library.close)
        yield libraries


class Turns(NamedTuple):
    """The measurements of one library.

    Attributes:
        rounds: the samples in seconds per call, a list per round.
        neighbours: the fraction of the CPUs that other processes used in each round.
        good_cores: whether the threads had a core each, near the others, in each round.
    """

    rounds: list[list[float]]
    neighbours: list[float]
    good_cores: list[bool]

    def medians(self) -> list[float]:
        """The median of each round."""
        return [statistics.median(samples) for samples in self.rounds]

    def milliseconds(self) -> float:
        """The median of the rounds' medians."""
        return 1000 * statistics.median(self.medians())


class Turn(NamedTuple):
    """One measurement of a library."""

    samples: list[float]
    neighbours: float
    good_cores: bool

    def is_disturbed(self, quiet: bool) -> bool:
        """Whether it should be repeated; `quiet`, even because of other processes."""
        return not self.good_cores or (quiet and self.neighbours > QUIET_FRACTION)


def alternate(
    libraries: Sequence[Library], options: ContestOptions, threads: int = 1
) -> dict[str, Turns]:
    """Measure the libraries in turn, round after round, every second round in reverse.

    Args:
        libraries: started, and prepared for the same task.
        options: the command line.
        threads: that should have a core each, near the others.
    """
    # Cores that one thread has are always good: a quick run does not wait for better ones.
    cores = cores_for(1 if options.quick else threads)
    turns = {library.name: Turns([], [], []) for library in libraries}
    for index in range(options.rounds):
        for library in libraries if index % 2 == 0 else reversed(libraries):
            turn = _turn(library, options, cores)
            turns[library.name].rounds.append(turn.samples)
            turns[library.name].neighbours.append(turn.neighbours)
            turns[library.name].good_cores.append(turn.good_cores)
    return turns


def _turn(library: Library, options: ContestOptions, cores: Cores) -> Turn:
    """The first undisturbed turn, or else the least disturbed one."""
    tried: list[Turn] = []
    end = time.monotonic() + PATIENCE_SECONDS
    while not tried or (tried[-1].is_disturbed(options.quiet) and time.monotonic() < end):
        if options.quiet:
            wait_until_quiet(end)
        cores.wait(end)
        tried.append(Turn(*library.measure(options.seconds, options.clock), cores.are_good()))
    return min(tried, key=lambda turn: (not turn.good_cores, turn.neighbours))


def show_neighbours(turns: Iterable[Turns]) -> None:
    """Print the CPU use of other processes, and the turns in which the cores were not good."""
    turns = list(turns)
    fractions = [fraction for each in turns for fraction in each.neighbours]
    good = [each for turn in turns for each in turn.good_cores]
    print(
        "CPU use of other processes during a turn: "
        f"median {statistics.median(fractions):.1%}, most {max(fractions):.1%}"
    )
    if not all(good):
        print(f"threads shared a core, or had distant ones, in {good.count(False)} turns")


def best_ratio(turns: Mapping[str, Turns], names: Sequence[str]) -> float:
    """The fastest of these libraries over cnnx."""
    fastest = min(names, key=lambda name: turns[name].milliseconds())
    return median_ratio(turns[fastest].medians(), turns["cnnx"].medians())


def check_agreement(
    checks: Mapping[str, Mapping[str, list[float]]], within: Mapping[str, float]
) -> None:
    """Refuse libraries whose results differ from those of cnnx.

    Args:
        checks: the figures from `prepare`, per library.
        within: the largest difference relative to the largest figure, per kind of figure.
    """
    for name, figures in checks.items():
        for kind, values in figures.items():
            expected = np.array(checks["cnnx"][kind])
            error = np.abs(np.array(values) - expected).max() / np.abs(expected).max()
            if not error <= within[kind]:
                raise ValueError(f"{kind} of {name} and cnnx differ by {error:.1e} of the largest")
