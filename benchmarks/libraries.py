"""Libraries: each a process of its own that stands still while another is measured.

Two OpenMP runtimes in one process spoil each other, and a pool of threads may spin for a while
after its work. So a library is stopped (SIGSTOP) whenever it is not its turn.
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

from benchmarks.neighbours import QUIET_SHARE, Neighbours, seconds_of, wait_until_quiet
from benchmarks.options import ContestOptions
from benchmarks.timing import median_ratio

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 60  # with the neighbours, for each turn


class Library:
    """A running `benchmarks.worker`, stopped but while it answers.

    Attributes:
        name: what its figures are printed under.
        versions: of the libraries it uses.
    """

    def __init__(
        self,
        name: str,
        module: str,
        python: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Starts `module` in `python`, this one when None."""
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
        """Makes the task ready; returns the figures by which libraries are compared."""
        return self._ask({"prepare": task})  # type: ignore[no-any-return]

    def measure(self, seconds: float, clock: str) -> tuple[list[float], float]:
        """Seconds per call by one of `timing.CLOCKS`, many samples, and the neighbours' share."""
        neighbours, used = Neighbours(), seconds_of(self._process.pid)
        samples = self._ask({"measure": [seconds, clock]})
        return samples, neighbours.share(seconds_of(self._process.pid) - used)

    def close(self) -> None:
        """Ends the process, stopped or not."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def all_closed(libraries: list[Library]) -> Iterator[list[Library]]:
    """Ends them all, whatever happens."""
    with ExitStack() as stack:
        for library in libraries:
            stack.callback(library.close)
        yield libraries


class Turns(NamedTuple):
    """What was measured of one library.

    Attributes:
        rounds: the samples in seconds per call, a list per round.
        neighbours: the share of the CPUs that others used in each round.
    """

    rounds: list[list[float]]
    neighbours: list[float]

    def medians(self) -> list[float]:
        """The median of each round."""
        return [statistics.median(samples) for samples in self.rounds]

    def milliseconds(self) -> float:
        """The median of the rounds' medians."""
        return 1000 * statistics.median(self.medians())


def alternate(libraries: Sequence[Library], options: ContestOptions) -> dict[str, Turns]:
    """Each library in turn, round after round; every second round in the opposite order."""
    turns = {library.name: Turns([], []) for library in libraries}
    for index in range(options.rounds):
        for library in libraries if index % 2 == 0 else reversed(libraries):
            samples, share = _turn(library, options)
            turns[library.name].rounds.append(samples)
            turns[library.name].neighbours.append(share)
    return turns


def _turn(library: Library, options: ContestOptions) -> tuple[list[float], float]:
    """One turn; with --quiet the first that others left alone, or else the least disturbed."""
    if not options.quiet:
        return library.measure(options.seconds, options.clock)
    tried: list[tuple[list[float], float]] = []
    end = time.monotonic() + PATIENCE_SECONDS
    while not tried or (tried[-1][1] > QUIET_SHARE and time.monotonic() < end):
        wait_until_quiet(end)
        tried.append(library.measure(options.seconds, options.clock))
    return min(tried, key=lambda turn: turn[1])


def show_neighbours(turns: Iterable[Turns]) -> None:
    """Prints how much others disturbed."""
    shares = [share for each in turns for share in each.neighbours]
    print(
        "others' share of the CPUs during a turn: "
        f"median {statistics.median(shares):.1%}, most {max(shares):.1%}"
    )


def best_ratio(turns: Mapping[str, Turns], names: Sequence[str]) -> float:
    """The fastest of these libraries over cnnx."""
    fastest = min(names, key=lambda name: turns[name].milliseconds())
    return median_ratio(turns[fastest].medians(), turns["cnnx"].medians())


def check_agreement(
    checks: Mapping[str, Mapping[str, list[float]]], within: Mapping[str, float]
) -> None:
    """Refuses libraries that did not compute what cnnx did.

    Args:
        checks: per library what `prepare` answered.
        within: per kind of figure the largest difference, as a share of the largest figure.
    """
    for name, figures in checks.items():
        for kind, values in figures.items():
            expected = np.array(checks["cnnx"][kind])
            error = np.abs(np.array(values) - expected).max() / np.abs(expected).max()
            if not error <= within[kind]:
                raise ValueError(f"{kind} of {name} and cnnx differ by {error:.1e} of the largest")
