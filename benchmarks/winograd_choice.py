"""The cost of choosing between the direct and Winograd's method: conv2d by every method over many
shapes.

    python -m benchmarks.winograd_choice [--isa avx2] [--rounds 7] [--quick]

One thread and its own CPU time. Batch sizes are those of training, where every call transforms or
packs the weights. The choice depends on the shape of one image alone. In the forward direction it
is also made for single images, which read Winograd's larger weights for few tiles. That explains
the regrets on small maps of many channels. The regret is the time of the chosen method over that of
the fastest, minus one. Exits 1 when the mean regret or one shape's loss against the direct method
is above its goal.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.timing import geometric_mean

DIRECTIONS = ("forward", "input_gradient", "weight_gradient")
METHODS = ("direct", "winograd2x2", "winograd4x4")
SIZES = (5, 6, 7, 8, 9, 10, 12, 13, 14, 16, 28, 56)
CHANNELS = (
    (8, 8),
    (8, 16),
    (16, 8),
    (8, 32),
    (16, 16),
    (16, 64),
    (64, 16),
    (20, 24),
    (32, 32),
    (64, 64),
    (128, 128),
)
MANY_CHANNELS = (256, 256)  # on the map sizes where networks have them
LARGER_KERNELS = (5, 7)
THEIR_SIZES = (4, 6, 8, 9, 12, 14, 28)
THEIR_CHANNELS = ((16, 16), (16, 32), (20, 50), (32, 32), (64, 64))
DILATED_SIZES = ((14, 2), (28, 2), (28, 4), (28, 6), (33, 6), (33, 12))  # and the dilation
DILATED_CHANNELS = ((32, 32), (64, 64), (128, 64))
BATCHES = (16, 64)
REGRET_AT_MOST = 0.03
LOSS_AT_MOST = 0.25


class Shape(NamedTuple):
    """A convolution with the padding that preserves the map size."""

    size: int
    in_channels: int
    out_channels: int
    kernel: int = 3
    dilation: int = 1

    def __str__(self) -> str:
        channels = f"{self.in_channels}->{self.out_channels}"
        dilation = f" d{self.dilation}" if self.dilation > 1 else ""
        return f"{self.size}x{self.size} {channels} {self.kernel}x{self.kernel}{dilation}"

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that the kernel size allows."""
        tiles = {3: METHODS[1:], 5: ("winograd2x2",), 7: ("winograd4x4",)}
        return ("direct", *tiles[self.kernel])


def shapes(quick: bool) -> list[Shape]:
    """All measured shapes."""
    if quick:
        return [
            *(Shape(size, 16, 32) for size in (5, 6)),
            Shape(8, 16, 32, 5),
            Shape(8, 16, 32, 7),
            Shape(12, 16, 16, 3, 6),
        ]
    few = [Shape(size, *channels) for channels in CHANNELS for size in SIZES]
    many = [Shape(size, *MANY_CHANNELS) for size in SIZES if size <= 14]
    larger = itertools.product(LARGER_KERNELS, THEIR_CHANNELS, THEIR_SIZES)
    dilated = itertools.product(DILATED_CHANNELS, DILATED_SIZES)
    return [
        *few,
        *many,
        *(Shape(size, *channels, kernel) for kernel, channels, size in larger),
        *(Shape(size, *channels, 3, dilation) for channels, (size, dilation) in dilated),
    ]


def calls(shape: Shape, batch: int, direction: str) -> dict[str, Callable[[int], None]]:
    """By method, a direction as a function of the number of repetitions."""
    from cnnx import _core

    generator = np.random.default_rng(0)

    def gaussians(*axes: int) -> NDArray[np.float32]:
        return generator.standard_normal(axes, np.float32)

    x = gaussians(batch, shape.size, shape.size, shape.in_channels)
    grad_output = gaussians(batch, shape.size, shape.size, shape.out_channels)
    weight = gaussians(shape.kernel, shape.kernel, shape.in_channels, shape.out_channels)
    like = {"forward": grad_output, "input_gradient": x, "weight_gradient": weight}
    arrays: tuple[Any, ...] = (x, weight, gaussians(shape.out_channels), grad_output)
    arrays += (np.empty_like(like[direction]),)

    def by(method: str) -> Callable[[int], None]:
        padding = shape.kernel // 2 * shape.dilation
        settings = ([1, 1], [padding] * 4, [shape.dilation] * 2, 1, method)
        return lambda count: _core.repeat_conv2d(direction, *arrays, *settings, count)

    return {method: by(method) for method in (*shape.methods, "chosen")}


def seconds(call: Callable[[int], None], count: int) -> float:
    """CPU time of this thread per call."""
    begun = time.thread_time()
    call(count)
    return (time.thread_time() - begun) / count


def measure(shape: Shape, direction: str, rounds: int) -> dict[str, float]:
    """By method, the geometric mean over the batches of the median over the rounds."""
    medians: dict[str, list[float]] = {}
    for batch in BATCHES:
        by_method = calls(shape, batch, direction)
        samples: dict[str, list[float]] = {method: [] for method in by_method}
        counts = {}
        for method, call in by_method.items():
            call(1)
            counts[method] = math.ceil(0.001 / seconds(call, 2))
        for _ in range(rounds):
            for method, call in by_method.items():
                samples[method].append(seconds(call, counts[method]))
        for method, values in samples.items():
            medians.setdefault(method, []).append(statistics.median(values))
    return {method: geometric_mean(values) for method, values in medians.items()}


def main() -> int:
    """Print the sweep; returns 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--isa", help="as CNNX_ISA; default: the best of the CPU")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="five shapes: does it run?")
    arguments = parser.parse_args()
    if arguments.isa:
        os.environ["CNNX_ISA"] = arguments.isa
    import cnnx

    cnnx.set_num_threads(1)
    print(f"{cnnx.isa()}; the direct method's time over that of")
    print(f"{'':39}{'2x2 tiles':>10}{'4x4 tiles':>10}{'chosen':>8}{'regret':>8}")
    regrets, losses = [], []
    for direction in DIRECTIONS:
        for shape in shapes(arguments.quick):
            times = measure(shape, direction, arguments.rounds)
            gains = [
                f"{times['direct'] / times[method]:.2f}" if method in times else ""
                for method in (*METHODS[1:], "chosen")
            ]
            regret = times["chosen"] / min(times.values()) - 1
            regrets.append(1 + regret)
            losses.append(times["chosen"] / times["direct"] - 1)
            print(
                f"{direction:15} {shape!s:23}{gains[0]:>10}{gains[1]:>10}{gains[2]:>8}"
                f"{regret:8.0%}",
                flush=True,
            )
    regret, loss = geometric_mean(regrets) - 1, max(losses)
    met = regret <= REGRET_AT_MOST and loss <= LOSS_AT_MOST
    print(f"mean regret {regret:.1%} (goal {REGRET_AT_MOST:.0%}), worst against the direct method")
    print(f"{loss:+.0%} (goal {LOSS_AT_MOST:.0%})  {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
