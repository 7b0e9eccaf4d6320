"""Winograd's transforms as matrices, and their rounding errors. Not part of the package."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from reference import pair

Matrix = npt.NDArray[np.float64]


class Tile(NamedTuple):
    """F(outputs x outputs, taps x taps), or such outputs of a kernel with this stride."""

    outputs: int
    taps: int
    stride: int = 1

    @property
    def method(self) -> str:
        """The name of the method for kernels of this size."""
        return f"winograd{self.outputs}x{self.outputs}"


def interpolation(points: tuple[float, ...], taps: int) -> tuple[Matrix, Matrix, Matrix]:
    """B, G and A of F(m, taps) for the finite points and infinity (Toom and Cook)."""
    count = len(points) + 1
    powers = np.vander(np.array(points), count, increasing=True)
    at_infinity = np.eye(count)[-1]

    def evaluate(terms: int) -> Matrix:
        last = np.zeros(terms)
        last[-1] = 1.0
        return np.vstack([powers[:, :terms], last])

    # The product of two polynomials from its values is the inverse of evaluation; F(m, r) is its
    # transpose (Tellegen's principle).
    inverse = np.linalg.inv(np.vstack([powers, at_infinity]))
    return inverse.T, evaluate(taps), evaluate(count - taps + 1).T


def amplification(first: Matrix, second: Matrix, back: Matrix, terms: int) -> float:
    """The ratio of the numbers that the algorithm adds up to the products of the formula.

    Root mean square, on random data: the rows of `first` and `second` scale the numbers at a point,
    and `back` scales their rounding errors in the result. Along one axis the mean square grows by
    the factor returned, along two axes by its square, whose root is the factor again. Scaling a
    point changes nothing.
    """
    sizes = (first**2).sum(axis=1) * (second**2).sum(axis=1)
    return float(((back**2) @ sizes).max() / terms)


ROOT_2 = float(np.sqrt(2))
RECIPROCAL_PAIRS = (0.0, 1 / ROOT_2, -1 / ROOT_2, ROOT_2, -ROOT_2)
TRANSFORMS = {
    Tile(2, 3): interpolation((0.0, 1.0, -1.0), 3),
    Tile(4, 3): interpolation(RECIPROCAL_PAIRS, 3),
    Tile(2, 5): interpolation(RECIPROCAL_PAIRS, 5),
    Tile(4, 2): interpolation((0.5, -0.5, 1.25, -1.25), 2),
    Tile(4, 4): interpolation((0.3125, -0.3125, 0.875, -0.875, 1.625, -1.625), 4),
}
FORWARD_AMPLIFICATION = {
    tile: amplification(b, g, a, tile.taps) for tile, (b, g, a) in TRANSFORMS.items()
}
# Of the gradients of input, weight and bias; the input gradient is a forward pass.
BACKWARD_AMPLIFICATIONS: dict[Tile, tuple[float, float, float]] = {
    tile: (FORWARD_AMPLIFICATION[tile], amplification(b, a.T, g.T, tile.outputs), 1.0)
    for tile, (b, g, a) in TRANSFORMS.items()
}
# A kernel of 7x7, or with stride 2, is a sum of parts: two along each axis, with a tap of zero.
for parted in (Tile(4, 7), Tile(4, 3, stride=2), Tile(4, 5, stride=2), Tile(4, 7, stride=2)):
    tile = Tile(4, (parted.taps + 1) // 2)
    FORWARD_AMPLIFICATION[parted] = FORWARD_AMPLIFICATION[tile] * (parted.taps + 1) / parted.taps
    BACKWARD_AMPLIFICATIONS[parted] = (
        FORWARD_AMPLIFICATION[parted],
        *BACKWARD_AMPLIFICATIONS[tile][1:],
    )
TILES = tuple(tile for tile in FORWARD_AMPLIFICATION if tile.taps % 2 == 1)
# By the side of the kernel and the stride, the tile with the largest errors.
LARGEST_TILE = {
    (3, 1): Tile(4, 3),
    (5, 1): Tile(2, 5),
    (7, 1): Tile(4, 7),
    (3, 2): Tile(4, 3, 2),
    (5, 2): Tile(4, 5, 2),
    (7, 2): Tile(4, 7, 2),
}


def largest_tile(inputs: int, outputs: int, settings: dict[str, Any]) -> Tile | None:
    """The tile with the largest errors that cnnx may choose for a convolution, or None.

    `settings` has the convolution's kernel_size, stride, dilation and groups. Channels are counted
    as the convolution has them, also for the transposed one, which goes from outputs to inputs.
    """
    sides = [pair(settings[name]) for name in ("kernel_size", "stride", "dilation")]
    if any(height != width for height, width in sides):
        return None
    kernel, stride, dilation = (height for height, _ in sides)
    groups = settings["groups"]
    if stride == 2:  # a kernel is the sum of four parts, each with all inputs
        fits = min(4 * inputs, outputs) >= 8 and (dilation, groups) == (1, 1)
    elif groups == 1:
        fits = min(inputs, outputs) >= 8
    else:
        fits = not any(channels // groups % 16 for channels in (inputs, outputs))
    return LARGEST_TILE.get((kernel, stride)) if fits else None


def amplifications(tile: Tile | None) -> tuple[float, float, float, float]:
    """The largest of output, input, weight and bias gradient; 1 without a tile."""
    if tile is None:
        return (1.0, 1.0, 1.0, 1.0)
    return (FORWARD_AMPLIFICATION[tile], *BACKWARD_AMPLIFICATIONS[tile])
