"""What a kernel's speed is held against, on one thread: the CPU's fused multiply-adds, and memory
as NumPy moves it.

Times are the thread's own CPU time, so that other processes disturb by the caches and the clock
rate alone.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
from cnnx import _core

from benchmarks.networks import FloatArray

# A turn of a kernel, much longer than the clock's resolution.
TURN_SECONDS = 0.005


def seconds(action: Callable[[], object]) -> float:
    """CPU time of this thread, which does all the work."""
    begun = time.thread_time()
    action()
    return time.thread_time() - begun


class Peak:
    """Fused multiply-adds on registers and nothing else, in operations per second.

    A millisecond at a time: the CPU has no time to leave the clock rate that it ran the kernel at.
    """

    def __init__(self) -> None:
        """Finds out how much work a millisecond is."""
        self._rounds = 1000
        while seconds(lambda: _core.run_fma_peak(self._rounds)) < 0.001:
            self._rounds *= 2

    def __call__(self) -> float:
        """Measures it."""
        operations = 0

        def measured() -> None:
            nonlocal operations
            operations = _core.run_fma_peak(self._rounds)

        duration = seconds(measured)
        return operations / duration


class Moving:
    """What NumPy moves, in bytes per second: a call that reads and writes `moved` bytes."""

    def __init__(self, call: Callable[[], object], moved: float) -> None:
        """Finds out how many calls a millisecond is."""
        call()
        self._call, self._moved = call, moved
        self._count = max(1, round(0.001 / seconds(call)))

    def __call__(self) -> float:
        """Measures it."""

        def measured() -> None:
            for _ in range(self._count):
                self._call()

        return self._count * self._moved / seconds(measured)


def copying(values: FloatArray) -> Moving:
    """A copy into a fresh array, for ops that make one."""
    return Moving(values.copy, 2 * values.nbytes)


def adding(values: FloatArray) -> Moving:
    """An addition in place, for what changes its arrays: it reads two and writes one of them."""
    total = np.zeros_like(values)
    return Moving(lambda: np.add(total, values, out=total), 3 * values.nbytes)


def speed_and_share(
    reference: Callable[[], float],
    run: Callable[[int], object],
    work: float,
    rounds: int,
) -> tuple[float, float]:
    """Work per second, and its share of the reference's measured right before and after.

    Args:
        reference: measures, in the unit of `work` per second, what cannot be beaten.
        run: does the work as often as it is told.
        work: of one time.
        rounds: of which the medians count.
    """
    count = max(1, round(TURN_SECONDS / seconds(lambda: run(1))))
    speeds, shares = [], []
    before = reference()
    for _ in range(rounds):
        speed = count * work / seconds(lambda: run(count))
        after = reference()
        speeds.append(speed)
        shares.append(2 * speed / (before + after))
        before = after
    return statistics.median(speeds), statistics.median(shares)


def gaussians(shape: tuple[int, ...], seed: int = 0) -> FloatArray:
    """An array that begins on a cache line, as those of a model do."""
    line = 64
    values = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    memory = np.empty(values.nbytes + line, np.uint8)
    start = -memory.ctypes.data % line
    array = memory[start : start + values.nbytes].view(np.float32).reshape(shape)
    array[...] = values
    return array
