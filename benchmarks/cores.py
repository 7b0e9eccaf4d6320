"""Whether threads have a core each, and those cores a cache in common: in a virtual machine that
changes.

The host moves the CPUs of its guests. For some seconds two of them may be the two hardware threads
of one core, which together compute hardly more than one; or they may be cores that do not share a
cache, between which a cache line takes several times as long. No counter in the guest tells.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from cnnx import _core

# Of one measurement; the start of the threads takes a few hundredths of it.
_SECONDS = 0.004
# A thread that shares a core takes almost twice the time for the same multiply-adds.
_MOST_SLOWDOWN = 1.4
# A cache line takes 20 to 60 nanoseconds within a cache in common, and more than 100 beyond.
_MOST_DISTANCE_SECONDS = 80e-9
# Threads that the system ran on one CPU, one after the other, tell nothing about cores.
_ATTEMPTS = 5
_PATIENCE_SECONDS = 20

_Result = TypeVar("_Result")


def at_once(threads: int, work: Callable[[], _Result]) -> list[_Result]:
    """The results of several threads that begin the same work together."""
    results: list[_Result] = []
    start = threading.Barrier(threads)

    def run() -> None:
        start.wait()
        results.append(work())

    running = [threading.Thread(target=run) for _ in range(threads)]
    for each in running:
        each.start()
    for each in running:
        each.join()
    return results


class Cores:
    """Watches whether a number of threads have a core each, near each other.

    Attributes:
        known: whether they ever had; otherwise all turns are alike.
    """

    def __init__(self, threads: int) -> None:
        """Find the amount of work of a measurement, and look for the cores for some seconds."""
        self._threads = threads
        self._rounds = 1000
        self.known = True
        while threads > 1 and self._seconds(1)[0] < _SECONDS:
            self._rounds *= 2
        self.known = self.wait(time.monotonic() + _PATIENCE_SECONDS)

    def _seconds(self, threads: int) -> tuple[float, float]:
        """CPU seconds and wall-clock seconds of the slowest of several threads that do the same
        work on registers.
        """

        def measured() -> tuple[float, float]:
            before, begun = time.thread_time(), time.perf_counter()
            _core.run_fma_peak(self._rounds)
            return time.thread_time() - before, time.perf_counter() - begun

        used, passed = zip(*at_once(threads, measured), strict=True)
        return max(used), max(passed)

    def _share_a_core(self) -> bool:
        alone = self._seconds(1)[0]
        for _ in range(_ATTEMPTS):
            used, passed = self._seconds(self._threads)
            if passed < _MOST_SLOWDOWN * used:
                return used > _MOST_SLOWDOWN * alone
        return False  # other processes use the CPUs

    def _are_distant(self) -> bool:
        return math.inf > _core.core_to_core_seconds() > _MOST_DISTANCE_SECONDS

    def are_good(self) -> bool:
        """Whether each thread has a core near the others' at the moment, as far as is known."""
        if self._threads == 1 or not self.known:
            return True
        return not self._share_a_core() and not self._are_distant()

    def wait(self, end: float) -> bool:
        """Keep the cores busy, so that the host moves shared ones apart, at most until
        `time.monotonic` reads `end`; returns whether they are good.
        """
        while not self.are_good():
            if time.monotonic() > end:
                return False
        return True


@lru_cache
def cores_for(threads: int) -> Cores:
    """Those of a number of threads."""
    return Cores(threads)
