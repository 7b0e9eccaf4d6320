"""The direct convolution's share of the CPU's peak, one thread, packing included.

    python -m benchmarks.direct_kernels [--isa avx2] [--rounds 40] [--attempts 4]

The peak is measured in the same run, before and after every measurement of a kernel: fused
multiply-adds on registers and nothing else. Times are the thread's own CPU time, so that other
processes disturb by the caches and the clock rate alone; the share is formed within each round, its
median over the rounds is an attempt, and the best attempt counts. Arrays are allocated once and
begin on a cache line, as those of a model do.

Only multiplications that are executed count. Going forward and for the input gradient a window that
reaches beyond the picture skips its rows there, while the columns beside the picture are multiplied
as zeros; the weight gradient skips both. Exits 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

DIRECTIONS = ("forward", "input_gradient", "weight_gradient")
GOALS = {
    "avx512": {"forward": 0.85, "input_gradient": 0.85, "weight_gradient": 0.80},
    "avx2": {"forward": 0.80, "input_gradient": 0.80, "weight_gradient": 0.70},
}


class Shape(NamedTuple):
    """A 3x3 convolution with one pixel of padding and as many channels out as in."""

    batch: int
    size: int
    channels: int

    def __str__(self) -> str:
        return f"{self.size}x{self.size}x{self.channels}->{self.channels} 3x3, batch {self.batch}"

    def operations(self, direction: str) -> int:
        """Floating-point operations executed: two per multiplication."""
        inside = 3 * self.size - 2  # (window, tap) pairs of one axis that meet the picture
        columns = inside if direction == "weight_gradient" else 3 * self.size
        return 2 * self.batch * inside * columns * self.channels**2


SHAPES = (Shape(64, 32, 32), Shape(64, 16, 64), Shape(8, 56, 64))


def seconds(action: Callable[[], object]) -> float:
    """CPU time of this thread, which does all the work."""
    begun = time.thread_time()
    action()
    return time.thread_time() - begun


class Peak:
    """Measures the peak in operations per second.

    A millisecond at a time: the CPU has no time to leave the clock rate that it ran the kernel at.
    """

    def __init__(self) -> None:
        from cnnx import _core

        self.run = _core.run_fma_peak
        self.rounds = 1000
        while seconds(lambda: self.run(self.rounds)) < 0.001:
            self.rounds *= 2

    def __call__(self) -> float:
        operations = 0

        def measured() -> None:
            nonlocal operations
            operations = self.run(self.rounds)

        duration = seconds(measured)
        return operations / duration


def gaussians(*shape: int) -> np.ndarray:
    """An array that begins on a cache line."""
    line = 64
    values = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    memory = np.empty(values.nbytes + line, np.uint8)
    start = -memory.ctypes.data % line
    array = memory[start : start + values.nbytes].view(np.float32).reshape(shape)
    array[...] = values
    return array


def convolution(shape: Shape, direction: str) -> Callable[[int], None]:
    """One direction as a function of how many times it is to run."""
    from cnnx import _core

    pictures = (shape.batch, shape.size, shape.size, shape.channels)
    kernels = (3, 3, shape.channels, shape.channels)
    x, grad_output, weight = gaussians(*pictures), gaussians(*pictures), gaussians(*kernels)
    result = gaussians(*(kernels if direction == "weight_gradient" else pictures))
    arrays = (x, weight, gaussians(shape.channels), grad_output, result)
    settings = ([1, 1], [1, 1, 1, 1], 1, "direct")  # stride, padding, groups
    return lambda count: _core.repeat_conv2d(direction, *arrays, *settings, count)


def share_of_peak(peak: Peak, shape: Shape, direction: str, rounds: int) -> float:
    """Median over the rounds of the kernel's speed over that of the peak around it."""
    run = convolution(shape, direction)
    count = max(1, round(0.005 / seconds(lambda: run(1))))
    operations = shape.operations(direction)
    shares = []
    before = peak()
    for _ in range(rounds):
        speed = count * operations / seconds(lambda: run(count))
        after = peak()
        shares.append(2 * speed / (before + after))
        before = after
    return statistics.median(shares)


def main() -> int:
    """Prints the shares; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--isa", choices=GOALS, help="as CNNX_ISA; what the CPU has when left out")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--attempts", type=int, default=4, help="of which the best counts")
    arguments = parser.parse_args()
    if arguments.isa:
        os.environ["CNNX_ISA"] = arguments.isa
    import cnnx

    isa = cnnx.isa()
    if isa not in GOALS:
        print(f"no goals for {isa}, expected one of {', '.join(GOALS)}", file=sys.stderr)
        return 1
    cnnx.set_num_threads(1)
    peak = Peak()
    print(f"{isa}: peak {statistics.median(peak() for _ in range(15)) / 1e9:.0f} GFLOP/s")
    met = True
    for shape in SHAPES:
        for direction in DIRECTIONS:
            goal, best = GOALS[isa][direction], 0.0
            for _ in range(arguments.attempts):
                best = max(best, share_of_peak(peak, shape, direction, arguments.rounds))
                if best >= goal:
                    break
            met = met and best >= goal
            print(f"{shape!s:32} {direction:16} {best:6.1%} of the peak (goal {goal:.0%})")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
