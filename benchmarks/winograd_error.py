"""The error of 3x3 convolutions with many channels, against float64 and relative to the largest
result.

    python -m benchmarks.winograd_error [--seeds 3] [--quick]

Winograd's transforms add rounding errors; this benchmark measures them. Images and gradients are
drawn from N(0, 1), weights from N(0, 1 / K) for K terms per sum. The algorithm is the one that
`cnnx.ops` chooses for the shape. Exits 1 when an error is above its goal.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any, NamedTuple

import cnnx
import numpy as np
from numpy.typing import NDArray

CHANNELS = 64
SIZES = (7, 8, 14, 28, 32, 56)  # map sizes: whole tiles, and partial tiles at the edge
BATCH = 4
AT_MOST = {"forward": 2.5e-6, "input gradient": 2.5e-6, "weight gradient": 5e-6}

Doubles = NDArray[np.float64]


class Results(NamedTuple):
    """The results of a convolution's three directions."""

    forward: NDArray[np.floating[Any]]
    input_gradient: NDArray[np.floating[Any]]
    weight_gradient: NDArray[np.floating[Any]]


def reference(x: Doubles, weight: Doubles, grad_output: Doubles) -> Results:
    """The results in float64, tap by tap, with one pixel of padding."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = x.shape[1:3]
    forward = np.zeros(grad_output.shape)
    to_padded = np.zeros(padded.shape)
    to_weight = np.zeros(weight.shape)
    for row in range(3):
        for column in range(3):
            window = np.s_[:, row : row + height, column : column + width]
            forward += padded[window] @ weight[row, column]
            to_padded[window] += grad_output @ weight[row, column].T
            to_weight[row, column] = np.tensordot(padded[window], grad_output, ((0, 1, 2),) * 2)
    return Results(forward, to_padded[:, 1:-1, 1:-1], to_weight)


def errors(size: int, seed: int) -> tuple[float, ...]:
    """The largest error of each direction over its largest result."""
    random = np.random.default_rng((size, seed))
    images, kernels = (BATCH, size, size, CHANNELS), (3, 3, CHANNELS, CHANNELS)
    x, grad_output = (random.standard_normal(images, np.float32) for _ in range(2))
    weight = random.standard_normal(kernels, np.float32)
    weight /= np.float32(np.sqrt(9 * CHANNELS))
    expected = reference(*(array.astype(np.float64) for array in (x, weight, grad_output)))
    gradients = cnnx.ops.conv2d_backward(grad_output, x, weight, padding=1)
    measured = Results(cnnx.ops.conv2d(x, weight, padding=1), *gradients[:2])
    return tuple(
        float(np.abs(found - exact).max() / np.abs(exact).max())
        for found, exact in zip(measured, expected, strict=True)
    )


def main() -> int:
    """Print the largest error per map and direction; returns 1 if one is above its goal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one seed: does it run?")
    arguments = parser.parse_args()
    seeds = range(1 if arguments.quick else arguments.seeds)
    print(f"{cnnx.isa()}, {CHANNELS} channels, batch {BATCH}, worst of {len(seeds)} seeds")
    print("map     " + "".join(f"{direction:>17}" for direction in AT_MOST))
    worst = np.zeros(len(AT_MOST))
    for size in SIZES:
        row = np.max([errors(size, seed) for seed in seeds], axis=0)
        worst = np.maximum(worst, row)
        print(f"{size:2}x{size:<4}" + "".join(f"{error:17.2e}" for error in row))
    met = bool((worst <= list(AT_MOST.values())).all())
    print("goal    " + "".join(f"{most:17.1e}" for most in AT_MOST.values()), end="")
    print("  met" if met else "  MISSED")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
