"""Convolutions in bfloat16 on one thread: speed, ratio to float32 and fraction of the peak.

    python -m benchmarks.bfloat16_peak [--isa avx512_bf16] [--rounds 20] [--attempts 1] [--quick]

With AMX, tiles multiply half as many bfloat16 as bytes in the same time, so the peak is half of
that in integers. VDPBF16PS is two multiply-adds, and AMD's CPUs start it as often as a fused
multiply-add of floats, so with AVX-512 BF16 the peak is twice that of floats; Intel's start it less
often. Without either it is that of floats. The fraction is formed within each round, the median
over the rounds counts. Turns in which other processes took the CPU are repeated.
"""

from __future__ import annotations

import statistics
import sys
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import machine
from benchmarks.convolutions import Shape
from benchmarks.integer_peak import (
    LEVELS,
    SHAPES,
    Turns,
    best,
    fraction,
    measured_layer,
    operations,
)
from benchmarks.options import kernel_options

if TYPE_CHECKING:
    from collections.abc import Callable

    import cnnx

# Outputs of few products each, as in the first layers of ResNet and MobileNetV2.
SHORT_PRODUCTS = (
    Shape(224, 3, 64, kernel_size=7, stride=2, padding=3),
    Shape(224, 3, 32, stride=2),
    Shape(112, 16, 96, kernel_size=1, padding=0),
)


def convolution(shape: Shape, compute_dtype: str) -> cnnx.Model:
    """A model whose layer `MEASURED` reads and writes arrays of this type."""
    import cnnx

    layers = [cnnx.ReLU(), measured_layer(shape), cnnx.ReLU(), cnnx.AvgPool2d(2)]
    model = cnnx.Model(layers, input_shape=(shape.size, shape.size, shape.in_channels))
    model.compute_dtype = compute_dtype
    return model


def bfloat16_peak(level: str) -> Callable[[], float]:
    """Operations per second."""
    from cnnx import _core

    from benchmarks.peak import Peak

    if level == "amx":
        integers = Peak(run=_core.run_integer_peak)
        return lambda: integers() / 2
    floats = Peak()
    return (lambda: 2 * floats()) if level == "avx512_bf16" else floats


def main() -> int:
    """Print all fractions."""
    arguments = kernel_options(__doc__.splitlines()[0], LEVELS, 20, 1)
    import cnnx

    cnnx.set_num_threads(1)
    level = cnnx.integer_isa()
    peak = bfloat16_peak(level)
    typical = statistics.median(peak() for _ in range(15))
    print(f"{machine.headline()}\n{level}, 1 thread")
    print(f"peak {typical / 1e9:.0f} G operations/s")
    ratios = []
    for shape in SHAPES + SHORT_PRODUCTS:
        turns = Turns(convolution(shape, "bfloat16"), 1)
        floats = Turns(convolution(shape, "float32"), 1)
        work = operations(shape)
        found = best(
            lambda t=turns, w=work: fraction(t, w, peak, arguments.rounds), arguments.attempts, 1.0
        )
        pairs = [(floats.seconds(), turns.seconds()) for _ in range(arguments.rounds)]
        ratios.append(statistics.median(of_floats / own for of_floats, own in pairs))
        speed = work / statistics.median(own for _, own in pairs)
        print(
            f"  {shape!s:32} {speed / 1e9:6.0f} G operations/s {found:6.1%} of the peak"
            f"  {ratios[-1]:5.2f} times float32",
            flush=True,
        )
    mean = np.exp(np.log(ratios[: len(SHAPES)]).mean())
    print(f"  geometric mean without the last {len(SHORT_PRODUCTS)}: {mean:.2f} times float32")
    return 0


if __name__ == "__main__":
    sys.exit(main())
