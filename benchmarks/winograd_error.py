"""The error of convolutions with many channels, against float64 and relative to the largest result.

    python -m benchmarks.winograd_error [--seeds 3] [--quick]

Winograd's transforms add rounding errors; this benchmark measures them. Images and gradients are
drawn from N(0, 1), weights from N(0, 1 / K) for K terms per sum. The algorithm is the one that
`cnnx.ops` chooses for the shape. Exits 1 when an error is above its goal.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

import cnnx
import numpy as np
from numpy.typing import NDArray

# By kernel size and stride.
CHANNELS = {
    (3, 1): (64, 64),
    (5, 1): (64, 64),
    (7, 1): (64, 64),
    (3, 2): (64, 64),
    (5, 2): (64, 64),
    (7, 2): (3, 64),
}
SIZES = (7, 8, 14, 28, 32, 56)  # map sizes: whole tiles, and partial tiles at the edge
BATCH = 4
DIRECTIONS = ("forward", "input gradient", "weight gradient")
# A 7x7 kernel is a sum of four parts, and so is one with stride 2.
AT_MOST = {
    (3, 1): (2.5e-6, 2.5e-6, 5e-6),
    (5, 1): (2.5e-6, 2.5e-6, 5e-6),
    (7, 1): (6e-6, 6e-6, 5e-6),
    (3, 2): (2.5e-6, 2.5e-6, 5e-6),
    (5, 2): (6e-6, 6e-6, 5e-6),
    (7, 2): (6e-6, 6e-6, 5e-6),
}

Doubles = NDArray[np.float64]


class Results(NamedTuple):
    """The results of a convolution's three directions."""

    forward: NDArray[np.floating[Any]]
    input_gradient: NDArray[np.floating[Any]]
    weight_gradient: NDArray[np.floating[Any]]


def reference(x: Doubles, weight: Doubles, grad_output: Doubles, stride: int) -> Results:
    """The results in float64, tap by tap, with half a kernel of padding."""
    side = len(weight)
    padding = side // 2
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    height, width = x.shape[1:3]
    forward = np.zeros(grad_output.shape)
    to_padded = np.zeros(padded.shape)
    to_weight = np.zeros(weight.shape)
    for row in range(side):
        for column in range(side):
            window = np.s_[:, row : row + height : stride, column : column + width : stride]
            forward += padded[window] @ weight[row, column]
            to_padded[window] += grad_output @ weight[row, column].T
            to_weight[row, column] = np.tensordot(padded[window], grad_output, ((0, 1, 2),) * 2)
    inside = slice(padding, -padding)
    return Results(forward, to_padded[:, inside, inside], to_weight)


def errors(kernel: int, stride: int, size: int, seed: int) -> tuple[float, ...]:
    """The largest error of each direction over its largest result."""
    random = np.random.default_rng((size, seed))
    inputs, outputs = CHANNELS[kernel, stride]
    x, grad_output = (
        random.standard_normal((BATCH, side, side, channels), np.float32)
        for side, channels in ((size, inputs), (-(-size // stride), outputs))
    )
    weight = random.standard_normal((kernel, kernel, inputs, outputs), np.float32)
    weight /= np.float32(kernel * np.sqrt(inputs))
    exact = (array.astype(np.float64) for array in (x, weight, grad_output))
    expected = reference(*exact, stride)
    settings = {"padding": kernel // 2, "stride": stride}
    gradients = cnnx.ops.conv2d_backward(grad_output, x, weight, **settings)
    measured = Results(cnnx.ops.conv2d(x, weight, **settings), *gradients[:2])
    return tuple(
        float(np.abs(found - exact).max() / np.abs(exact).max())
        for found, exact in zip(measured, expected, strict=True)
    )


def show(title: str, values: Iterable[float]) -> None:
    """Print a row."""
    print(f"{title:22}" + "".join(f"{value:17.2e}" for value in values))


def main() -> int:
    """Print the largest error per map and direction; returns 1 if one is above its goal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one seed: does it run?")
    arguments = parser.parse_args()
    seeds = range(1 if arguments.quick else arguments.seeds)
    print(f"{cnnx.isa()}, batch {BATCH}, worst of {len(seeds)} seeds")
    print(f"{'kernel, channels, map':22}" + "".join(f"{name:>17}" for name in DIRECTIONS))
    met = True
    for (kernel, stride), (channels, _) in CHANNELS.items():
        at_most = AT_MOST[kernel, stride]
        title = f"{kernel}x{kernel}" + (" by 2" if stride == 2 else "")
        for size in SIZES:
            row = np.max([errors(kernel, stride, size, seed) for seed in seeds], axis=0)
            met = met and bool((row <= at_most).all())
            show(f"{title}, {channels}, {size}x{size}", row)
        show(f"{title}, goal", at_most)
    print("met" if met else "MISSED")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
