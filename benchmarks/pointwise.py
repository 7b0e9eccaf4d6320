"""The 1x1 convolutions of ResNet-50 on one thread, as a share of the peak of fused multiply-adds.

    python -m benchmarks.pointwise [--isa avx2] [--rounds 20] [--attempts 3] [--quick]

The method is that of `benchmarks.kernels`: the peak is measured before and after every turn of a
kernel, the median share over the rounds counts, and of several attempts the best one. Exits 1 when
a goal is missed.
"""

from __future__ import annotations

import statistics
import sys
from functools import partial

from benchmarks import machine
from benchmarks.convolutions import DIRECTIONS, Shape, square
from benchmarks.kernels import Convolution, show
from benchmarks.options import kernel_options

SHAPES = (
    *(square(56, 64, 256, 1), square(28, 512, 128, 1)),
    *(square(14, 1024, 256, 1), square(7, 512, 2048, 1)),
)
GOALS = {"forward": 0.92, "input_gradient": 0.92, "weight_gradient": 0.88}
AVX2_LESS = 0.04


def meets_goal(shape: Shape, direction: str, goal: float, rounds: int, attempts: int) -> bool:
    """Print the best attempt at one shape and direction; returns whether it meets the goal."""
    from benchmarks.peak import Peak, speed_and_fraction

    peak, best = Peak(), (0.0, 0.0)
    convolution = Convolution(shape, direction)
    work = convolution.operations("direct")
    for _ in range(attempts):
        run = partial(convolution.run, method="chosen")
        speed, share = speed_and_fraction(peak, run, work, rounds)
        best = max(best, (share, speed))
        if best[0] >= goal:
            break
    show(f"{shape}, batch {shape.batch}", direction, best[1], "GFLOP/s", best[0], goal)
    return best[0] >= goal


def main() -> int:
    """Print all shares; returns 1 if a goal is missed."""
    arguments = kernel_options(__doc__.splitlines()[0], ("avx2", "avx512"), 20, 3)
    import cnnx

    from benchmarks.peak import Peak

    cnnx.set_num_threads(1)
    peak = Peak()
    print(f"{machine.headline()}\n{cnnx.isa()}, 1 thread", end="")
    print(f", peak {statistics.median(peak() for _ in range(15)) / 1e9:.0f} GFLOP/s")
    met = True
    for shape in SHAPES:
        for direction in DIRECTIONS:
            goal = GOALS[direction] - (AVX2_LESS if cnnx.isa() == "avx2" else 0.0)
            met &= meets_goal(shape, direction, goal, arguments.rounds, arguments.attempts)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
