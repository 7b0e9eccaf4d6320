"""The limits of the machine on one thread or on several at once: the CPU's fused multiply-adds, and
memory traffic by the size of the arrays.
"""

from __future__ import annotations

import ctypes
import statistics
from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.cores import at_once
from benchmarks.network_description import FloatArray
from benchmarks.peak import Peak, gaussians, seconds

# Of one measurement.
LEAST_SECONDS = 0.002
# Arrays of other sizes have the bandwidth of the next power of two in this range.
LEAST_BYTES, MOST_BYTES = 1 << 14, 1 << 27


def of_all_threads(threads: int, speed: Callable[[], float]) -> float:
    """The sum of the speeds of several threads that run at the same time.

    A speed is work per second of the thread's own CPU time.
    """
    return sum(at_once(threads, speed))


class Limits:
    """The measured limits of a number of threads."""

    def __init__(self, threads: int) -> None:
        """Find the amount of work of a measurement."""
        self.threads = threads
        self._peak = Peak(LEAST_SECONDS)
        self._bandwidths: dict[int, float] = {}

    def peak(self) -> float:
        """Floating-point operations per second, two per multiply-add."""
        return of_all_threads(self.threads, self._peak)

    def bandwidth(self, moved: float) -> float:
        """Bytes per second of copies that read and write `moved` bytes in all threads together."""
        size = min(max(1 << int(np.ceil(np.log2(moved))), LEAST_BYTES), MOST_BYTES)
        if size not in self._bandwidths:
            self._bandwidths[size] = statistics.median(self._copy(size) for _ in range(3))
        return self._bandwidths[size]

    def _copy(self, size: int) -> float:
        half = size // (2 * self.threads)

        def speed() -> float:
            source, target = gaussians((half // 4,)), gaussians((half // 4,))
            repetitions = 1
            while (duration := seconds(partial(copy, target, source, repetitions))) < LEAST_SECONDS:
                repetitions *= 2
            return repetitions * 2 * half / duration

        return of_all_threads(self.threads, speed)


def copy(target: FloatArray, source: FloatArray, repetitions: int) -> None:
    """Copies that leave Python's lock to other threads, even those of small arrays."""
    arguments = target.ctypes.data, source.ctypes.data, source.nbytes
    for _ in range(repetitions):
        ctypes.memmove(*arguments)
