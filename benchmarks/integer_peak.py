"""Convolutions in int8 on one thread, as a fraction of the CPU's peak or of its memory traffic.

    python -m benchmarks.integer_peak [--isa avx512_vnni] [--rounds 20] [--attempts 3] [--quick]

The peak is that of the instructions of the kernels: AMX, VNNI, or products of 16 bits. It is
measured before and after every turn of a convolution. The fraction is formed within each round, the
median over the rounds counts, and of several attempts the best one. Depthwise convolutions are
compared with copies that move as many bytes as they read and write. Turns in which other processes
took the CPU are repeated. Exits 1 when a goal is missed; fractions of the peak of AMX, which loads
of tiles do not reach, have none.
"""

from __future__ import annotations

import statistics
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import machine
from benchmarks.convolutions import Shape, depthwise, square
from benchmarks.options import kernel_options

if TYPE_CHECKING:
    from collections.abc import Callable

    import cnnx

SHAPES = (
    *(Shape(56, 64, 64), Shape(28, 128, 128), Shape(14, 256, 256)),
    *(square(28, 256, 256, 1), square(14, 256, 1024, 1), square(14, 512, 512, 1)),
    *(square(14, 1024, 256, 1), square(14, 1024, 1024, 1)),
)
DEPTHWISE = (depthwise(112, 32), depthwise(56, 144), depthwise(28, 192), depthwise(14, 384))
DEPTHWISE_IMAGES = 32
GOAL, MOST_TIMES_THE_TRAFFIC = 0.8, 1.3
LEVELS = (
    *("baseline", "neon", "neon_dotprod"),
    *("avx2", "avx2_vnni", "avx512", "avx512_vnni", "avx512_bf16", "amx"),
)
MEASURED = "measured"
# A turn in which the thread had the CPU for a smaller fraction of the time is repeated so often.
LEAST_CPU_FRACTION, MOST_TURNS = 0.97, 30
# Of a turn: short, so that few turns are disturbed.
TURN_SECONDS = 0.001


def measured_layer(shape: Shape, *, int8_weight: bool = False) -> cnnx.Layer:
    """The convolution of this shape."""
    import cnnx

    return cnnx.Conv2d(
        shape.out_channels,
        shape.kernel_size,
        stride=shape.stride,
        padding=shape.padding,
        groups=shape.groups,
        int8_weight=int8_weight,
        name=MEASURED,
    )


def convolution(shape: Shape) -> cnnx.Model:
    """A model whose layer `MEASURED` reads and writes bytes."""
    import cnnx

    layers = [
        cnnx.Quantize(1 / 255),
        measured_layer(shape, int8_weight=True),
        cnnx.ReLU(),
        cnnx.Quantize(1 / 64),
        cnnx.Conv2d(1, 1, int8_weight=True),
    ]
    model = cnnx.Model(layers, input_shape=(shape.size, shape.size, shape.in_channels))
    random = np.random.default_rng(0)
    scale = 1 / 1024
    model.buffers[f"{MEASURED}.weight_scale"] = np.full(shape.out_channels, scale, np.float32)
    integers = random.integers(-127, 128, shape.weight_shape)
    model.parameters[f"{MEASURED}.weight"] = (scale * integers).astype(np.float32)
    return model


class Turns:
    """Measures one convolution."""

    def __init__(self, model: cnnx.Model, images: int) -> None:
        """Draw images for the model, whose layer `MEASURED` is measured."""
        self._model = model
        random = np.random.default_rng(1)
        self._x = random.random((images, *self._model.input_shape), dtype=np.float32)
        self._seconds_of(1)
        self._count = max(1, round(TURN_SECONDS / self._seconds_of(1)))

    def _seconds_of(self, count: int) -> float:
        times = self._model._core.layer_times(self._x, count)
        return next(seconds for names, seconds in times if names[0] == MEASURED) / count

    def seconds(self) -> float:
        """The time of one call, in the turn in which others took the CPU least."""
        turns = []
        for _ in range(MOST_TURNS):
            begun, used = time.perf_counter(), time.thread_time()
            found = self._seconds_of(self._count)
            used, passed = time.thread_time() - used, time.perf_counter() - begun
            turns.append((used / passed, found))
            if used >= LEAST_CPU_FRACTION * passed:
                break
        return max(turns)[1]


def operations(shape: Shape) -> int:
    """Multiplications and additions of one image."""
    return 2 * shape.out_size**2 * shape.out_channels * int(np.prod(shape.weight_shape[:3]))


def fraction(turns: Turns, work: float, reference: Callable[[], float], rounds: int) -> float:
    """The work per second as a fraction of the reference, the median of the rounds."""
    fractions = []
    before = reference()
    for _ in range(rounds):
        speed = work / turns.seconds()
        after = reference()
        fractions.append(2 * speed / (before + after))
        before = after
    return statistics.median(fractions)


def best(measure: Callable[[], float], attempts: int, goal: float) -> float:
    """The best attempt; later ones only below the goal."""
    found = measure()
    for _ in range(attempts - 1):
        if found >= goal:
            break
        found = max(found, measure())
    return found


def products(rounds: int, attempts: int, judged: bool) -> bool:
    """Print the convolutions limited by the peak; returns whether the goals were met."""
    from cnnx import _core

    from benchmarks.peak import Peak

    peak = Peak(run=_core.run_integer_peak)
    print(f"peak {statistics.median(peak() for _ in range(15)) / 1e9:.0f} G operations/s")
    met = True
    for shape in SHAPES:
        turns, work = Turns(convolution(shape), 1), operations(shape)
        found = best(lambda t=turns, w=work: fraction(t, w, peak, rounds), attempts, GOAL)
        verdict = f"  goal {GOAL:.0%}  {'met' if found >= GOAL else 'MISSED'}" if judged else ""
        print(f"  {shape!s:32} {found:6.1%} of the peak{verdict}", flush=True)
        met = met and (found >= GOAL or not judged)
    return met


def traffic(rounds: int, attempts: int) -> bool:
    """Print the depthwise convolutions; returns whether the goals were met."""
    from benchmarks.limits import copy
    from benchmarks.peak import Moving, gaussians

    met = True
    for shape in DEPTHWISE:
        turns = Turns(convolution(shape), DEPTHWISE_IMAGES)
        moved = DEPTHWISE_IMAGES * shape.in_channels * (shape.size**2 + shape.out_size**2)
        target, source = gaussians((moved // 8,)), gaussians((moved // 8,))
        copies = Moving(partial(copy, target, source, 1), moved)
        goal = 1 / MOST_TIMES_THE_TRAFFIC
        found = best(lambda t=turns, m=moved, c=copies: fraction(t, m, c, rounds), attempts, goal)
        word = "met" if found >= goal else "MISSED"
        print(
            f"  {shape!s:32} {1 / found:6.2f} times the traffic of {moved / 1e6:.0f} MB"
            f"  goal {MOST_TIMES_THE_TRAFFIC}  {word}",
            flush=True,
        )
        met = met and found >= goal
    return met


def main() -> int:
    """Print all fractions; returns 1 if a goal is missed."""
    arguments = kernel_options(__doc__.splitlines()[0], LEVELS, 20, 3)
    import cnnx

    cnnx.set_num_threads(1)
    level = cnnx.integer_isa()
    print(f"{machine.headline()}\n{level}, 1 thread")
    met = products(arguments.rounds, arguments.attempts, judged=level != "amx")
    met &= traffic(arguments.rounds, arguments.attempts)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
