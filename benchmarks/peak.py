"""The limits for a kernel's speed on one thread: the CPU's fused multiply-adds, and NumPy's memory
traffic.

Times are the thread's own CPU time: other processes disturb them only through the caches and the
clock rate.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
from cnnx import _core

from benchmarks.network_description import FloatArray

# A turn of a kernel, much longer than the clock's resolution.
TURN_SECONDS = 0.005


def seconds(action: Callable[[], object]) -> float:
    """CPU time of this thread, which does all the work."""
    begun = time.thread_time()
    action()
    return time.thread_time() - begun


class Peak:
    """Multiplications and additions on registers alone, in operations per second.

    Measured for a millisecond at a time, so that the CPU's clock rate stays that of the kernel.
    Several threads may measure at once.
    """

    def __init__(
        self, least_seconds: float = 0.001, run: Callable[[int], int] = _core.run_fma_peak
    ) -> None:
        """Find the amount of work for so long: rounds of `run`, which returns their operations."""
        self._rounds, self._run = 1000, run
        while seconds(lambda: run(self._rounds)) < least_seconds:
            self._rounds *= 2

    def __call__(self) -> float:
        """Measure the peak."""
        operations = 0

        def measured() -> None:
            nonlocal operations
            operations = self._run(self._rounds)

        duration = seconds(measured)
        return operations / duration


class Moving:
    """NumPy's memory traffic in bytes per second, by a call that reads and writes `moved` bytes."""

    def __init__(self, call: Callable[[], object], moved: float) -> None:
        """Find the number of calls for a millisecond."""
        call()
        self._call, self._moved = call, moved
        self._count = max(1, round(0.001 / seconds(call)))

    def __call__(self) -> float:
        """Measure the traffic."""

        def measured() -> None:
            for _ in range(self._count):
                self._call()

        return self._count * self._moved / seconds(measured)


def copying(values: FloatArray) -> Moving:
    """A copy into a new array, the reference for ops that return one."""
    return Moving(values.copy, 2 * values.nbytes)


def adding(values: FloatArray) -> Moving:
    """An addition in place, the reference for updates: reads two arrays, writes one."""
    total = np.zeros_like(values)
    return Moving(lambda: np.add(total, values, out=total), 3 * values.nbytes)


def speed_and_fraction(
    reference: Callable[[], float],
    run: Callable[[int], object],
    work: float,
    rounds: int,
) -> tuple[float, float]:
    """Work per second, and as a fraction of the reference measured right before and after.

    Args:
        reference: measures the limit, in the unit of `work` per second.
        run: does the work as often as its argument says.
        work: the amount of one repetition.
        rounds: the number of rounds, of which the medians count.
    """
    count = max(1, round(TURN_SECONDS / seconds(lambda: run(1))))
    speeds, fractions = [], []
    before = reference()
    for _ in range(rounds):
        speed = count * work / seconds(lambda: run(count))
        after = reference()
        speeds.append(speed)
        fractions.append(2 * speed / (before + after))
        before = after
    return statistics.median(speeds), statistics.median(fractions)


def gaussians(shape: tuple[int, ...], seed: int = 0) -> FloatArray:
    """An array aligned to a cache line, like those of a model."""
    line = 64
    values = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    memory = np.empty(values.nbytes + line, np.uint8)
    start = -memory.ctypes.data % line
    array = memory[start : start + values.nbytes].view(np.float32).reshape(shape)
    array[...] = values
    return array
