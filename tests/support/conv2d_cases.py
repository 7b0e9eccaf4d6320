"""Convolution cases at the limits of vectors, tiles, bands and groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import reference
import winograd
from samples import Float32Array

Sample = Callable[..., Float32Array]


class Case(NamedTuple):
    """An image batch, the kernel, and its placement."""

    x: tuple[int, int, int, int]
    out_channels: int
    kernel: tuple[int, int] = (3, 3)
    stride: reference.Pair = 1
    padding: reference.Padding = 0
    dilation: reference.Pair = 1
    groups: int = 1

    @property
    def tile(self) -> winograd.Tile | None:
        """The largest tile of Winograd's method, which rounds small integers too, or None."""
        settings = {**self.settings, "kernel_size": self.kernel}
        return winograd.largest_tile(self.x[3], self.out_channels, settings)

    @property
    def settings(self) -> dict[str, Any]:
        names = ("stride", "padding", "dilation", "groups")
        return {name: getattr(self, name) for name in names}

    def forward(self, library: Any, *arrays: npt.ArrayLike | None) -> Any:
        """conv2d of `library`, which is ops or reference, of x, weight and perhaps bias."""
        return library.conv2d(*arrays, **self.settings)

    def backward(self, library: Any, *arrays: npt.ArrayLike) -> Any:
        """conv2d_backward of grad_output, x and weight."""
        return library.conv2d_backward(*arrays, **self.settings)

    def arrays(
        self, sample: Sample, rng: np.random.Generator
    ) -> tuple[Float32Array, Float32Array, Float32Array]:
        x = sample(rng, *self.x)
        weight = sample(rng, *self.kernel, self.x[3] // self.groups, self.out_channels)
        return x, weight, sample(rng, self.out_channels)

    def grad_output(self, sample: Sample, rng: np.random.Generator) -> Float32Array:
        x, weight, _ = self.arrays(sample, rng)
        return sample(rng, *self.forward(reference, x, weight).shape)


LANES_AND_NEIGHBOURS = (1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 65)

CASES: dict[str, Case] = {
    "one number": Case((1, 1, 1, 1), 1, (1, 1)),
    "pointwise": Case((2, 7, 13, 6), 20, (1, 1)),
    "grey first layer": Case((2, 13, 7, 1), 6, (5, 5)),
    "colour first layer": Case((1, 13, 13, 3), 16, padding=1),
    "16 to 7 channels": Case((1, 7, 7, 16), 7),
    "20 to 24 channels": Case((1, 7, 7, 20), 24),
    "24 to 20 channels": Case((3, 6, 5, 24), 20, padding=1),
    "32 to 32 channels": Case((2, 13, 13, 32), 32, padding=1),
    "16 to 48 channels, batch 5": Case((5, 7, 8, 16), 48, padding="same"),
    "kernel 2x5": Case((2, 7, 13, 6), 3, (2, 5)),
    "kernel 5x2, same": Case((1, 7, 6, 3), 5, (5, 2), padding="same"),
    "kernel 1x7": Case((1, 3, 13, 4), 6, (1, 7), padding=(0, 3)),
    "kernel 7x1": Case((1, 13, 3, 4), 6, (7, 1), padding=(3, 0)),
    "kernel is the image": Case((2, 7, 5, 6), 20, (7, 5)),
    "kernel larger than the image": Case((1, 2, 3, 6), 5, (5, 5), padding=2),
    "padding beyond the kernel": Case((1, 4, 3, 3), 5, padding=(4, 5)),
    "stride 2": Case((2, 13, 13, 6), 20, stride=2, padding=1),
    "stride 2, 20 to 24 channels": Case((2, 13, 17, 20), 24, stride=2, padding=1),
    "stride 2, 16 to 40 channels": Case((1, 16, 14, 16), 40, stride=2, padding="same"),
    "stride 2, 5x5, 20 to 24 channels": Case((2, 14, 17, 20), 24, (5, 5), stride=2, padding=2),
    "stride 2, 7x7, 3 to 24 channels": Case((2, 31, 36, 3), 24, (7, 7), stride=2, padding=3),
    "stride 2, rows left over": Case((1, 8, 10, 3), 7, stride=2),
    "stride (1, 2)": Case((1, 7, 13, 6), 9, stride=(1, 2), padding=1),
    "stride (3, 1)": Case((1, 13, 7, 6), 9, stride=(3, 1)),
    "stride beyond the kernel": Case((2, 13, 14, 6), 17, (2, 2), stride=3),
    "stride beyond the kernel and padding": Case((1, 7, 7, 3), 5, (1, 2), stride=(4, 5), padding=1),
    "pointwise, 230 to 520 channels": Case((3, 4, 7, 230), 520, (1, 1)),
    "pointwise, stride 2, 230 to 528 channels": Case((2, 7, 9, 230), 528, (1, 1), stride=2),
    "pointwise, stride 2": Case((1, 7, 8, 20), 24, (1, 1), stride=2),
    "dilation 2": Case((1, 13, 13, 6), 20, dilation=2),
    "dilation (2, 3), padding": Case((2, 9, 13, 3), 6, dilation=(2, 3), padding=(2, 3)),
    "dilation 2, stride 2": Case((1, 13, 12, 6), 7, stride=2, padding=2, dilation=2),
    "dilation 3, stride 2, same": Case((1, 13, 12, 3), 7, (3, 2), 2, "same", 3),
    # Columns side by side with the same taps inside the image: three parts, one tap, two parts.
    "dilation 6, columns in parts": Case((2, 9, 17, 6), 20, padding=6, dilation=6),
    "dilation 12, one tap inside": Case((1, 13, 11, 9), 7, padding=12, dilation=12),
    "parts, stride 2": Case((1, 9, 30, 3), 7, stride=2, padding=10, dilation=10),
    "parts, groups": Case((1, 9, 17, 8), 40, padding=(6, 5), dilation=(6, 5), groups=2),
    "parts, deep": Case((1, 7, 12, 600), 7, (1, 3), padding=(0, 6), dilation=6),
    "same, stride 2, even": Case((1, 8, 12, 6), 7, stride=2, padding="same"),
    "same, stride 2, odd": Case((1, 7, 13, 6), 7, stride=2, padding="same"),
    "same, stride beyond the kernel": Case((1, 7, 8, 6), 7, (2, 2), stride=3, padding="same"),
    "same, even kernel": Case((1, 7, 8, 6), 7, (4, 2), padding="same"),
    "valid": Case((1, 7, 8, 6), 7, padding="valid"),
    "one side only": Case((1, 7, 8, 6), 7, padding=((0, 0), (0, 2))),
    "four different sides": Case((2, 7, 8, 6), 7, padding=((2, 1), (0, 3)), stride=(2, 1)),
    "2 groups": Case((2, 7, 8, 6), 20, padding=1, groups=2),
    "3 groups of odd size": Case((1, 7, 8, 9), 15, padding=1, groups=3),
    "2 groups of 16 to 17": Case((1, 6, 7, 32), 34, padding=1, groups=2),
    "groups = channels": Case((2, 7, 13, 20), 20, padding=1, groups=20),
    "groups = channels, 2 filters each": Case((1, 7, 8, 6), 12, padding="same", groups=6),
    "3 filters each, dilation": Case((2, 9, 11, 7), 21, padding=2, dilation=2, groups=7),
    "groups of 4 to 4": Case((2, 37, 11, 36), 36, padding=1, groups=9),
    "groups of 2 to 2": Case((2, 9, 33, 22), 22, padding=1, groups=11),
    "groups of 2 to 2, 5x4, stride 3": Case((1, 13, 14, 10), 10, (5, 4), 3, 2, groups=5),
    "groups of 4 to 4, stride 2": Case((2, 13, 14, 20), 20, stride=2, padding=1, groups=5),
    "groups of 4 to 4, dilation": Case((1, 9, 12, 28), 28, (3, 3), 1, 2, (2, 3), 7),
    "groups of 4 to 4, pointwise": Case((2, 5, 9, 12), 12, (1, 1), groups=3),
    "groups of 4 to 4, wide padding": Case((1, 4, 7, 12), 12, (3, 4), padding=4, groups=3),
    "groups of 4 to 4, taps beyond": Case((1, 4, 4, 8), 8, (3, 3), 1, "same", 6, 2),
    "groups of 4 to 4, taps far beyond": Case((1, 5, 11, 8), 8, (3, 3), 1, "same", 12, 2),
    "groups of 4 to 4, kernel wider": Case((2, 6, 1, 8), 8, (4, 4), 1, ((0, 0), (3, 0)), 1, 2),
    "groups of 16 to 16": Case((2, 14, 13, 48), 48, padding=1, groups=3),
    "groups of 16 to 32": Case((1, 18, 9, 32), 64, padding=(0, 2), groups=2),
    "groups of 48 to 16": Case((5, 13, 12, 96), 32, padding="same", groups=2),
    "groups of 16 to 16, stride 2": Case((1, 9, 17, 48), 48, stride=2, padding=1, groups=3),
    "groups of 8 to 8": Case((3, 11, 16, 40), 40, padding="same", groups=5),
    "groups of 8 to 8, stride 2": Case((1, 8, 31, 24), 24, stride=2, padding="same", groups=3),
    "groups of 8 to 8, 1x5": Case((1, 6, 9, 24), 24, (1, 5), padding=(0, 1), groups=3),
    "groups of 8 to 8, pointwise, stride 2": Case((2, 6, 7, 16), 16, (1, 1), 2, groups=2),
    "groups of 2 to 7": Case((1, 13, 12, 6), 21, (5, 4), (3, 2), 2, groups=3),
    "20 in, 5x5, few paddings": Case((3, 8, 11, 20), 50, (5, 5), padding=((0, 1), (0, 0))),
    "6 in, 5x5": Case((2, 9, 11, 6), 16, (5, 5), padding=((4, 0), (0, 2))),
    "1 in, wide padding": Case((1, 6, 3, 1), 20, (3, 4), padding=4, dilation=(2, 1)),
    "pixels of 4 KB": Case((3, 9, 5, 1024), 40, (1, 1)),
    "pixels of 4 KB, stride 2": Case((2, 5, 18, 1024), 3, (1, 1), (1, 2)),
    "pixels copied, stride 2": Case((2, 25, 26, 7), 65, (1, 1), 2),
    "pixels copied, rows of many": Case((1, 5, 259, 5), 64, (1, 1), (3, 2)),
    "pixels outside, stride 2": Case((1, 12, 9, 33), 70, (1, 1), 2, 1),
    "pixels of 2 KB, stride 2": Case((1, 7, 260, 512), 20, (1, 1), 2),
    "groups = channels, taps beyond": Case((2, 9, 2, 20), 20, (11, 11), 1, "same", 1, 20),
    "groups = channels, map of 7": Case((3, 7, 7, 40), 40, padding=1, groups=40),
    "groups = channels, map of 5 columns, valid": Case((2, 9, 7, 17), 17, groups=17),
    "groups = channels, map of 6, one side only": Case(
        (2, 6, 6, 33), 33, padding=((2, 0), (0, 2)), groups=33
    ),
    "groups = channels, map of 7, 260 channels": Case((3, 7, 7, 260), 260, padding=1, groups=260),
    "groups = channels, map of 5, 256 channels, valid": Case((2, 9, 7, 256), 256, groups=256),
    "groups = channels, map of 17, 272 channels": Case((1, 5, 17, 272), 272, padding=1, groups=272),
    "groups = channels, map of 3, one row, 300 channels": Case(
        (1, 1, 3, 300), 300, padding="same", groups=300
    ),
    "groups = channels, map of one pixel": Case((4, 1, 1, 20), 20, padding=1, groups=20),
    "groups = channels, map of 4 columns, high": Case((1, 30, 4, 16), 16, padding=1, groups=16),
    "groups = channels, 5x5, stride 2": Case((1, 9, 12, 4), 4, (5, 5), 2, 2, groups=4),
    "groups = channels, 7x4, dilation": Case((1, 9, 23, 4), 4, (7, 4), 1, 3, (1, 2), 4),
    "groups = channels, wide padding": Case((1, 4, 7, 3), 3, padding=4, groups=3),
    "groups, dilation, stride": Case((1, 13, 13, 24), 12, (3, 2), 2, (2, 1), 2, 4),
    # Images too large for one band of rows, batches in several chunks of the weight gradient.
    "large": Case((1, 70, 50, 7), 17, padding=1),
    "large, 16 channels": Case((1, 70, 50, 16), 17, padding=1),
    "large, kernel 3x2": Case((1, 40, 50, 64), 48, (3, 2), padding="same"),
    "large, stride 2": Case((1, 71, 50, 16), 17, stride=2, padding=1),
    "large, stride beyond the kernel": Case((1, 95, 51, 16), 17, (2, 3), stride=(3, 4)),
    "large, dilation 4, stride 6": Case((1, 93, 61, 12), 9, (3, 2), 6, 5, 4),
    "large, batch 3": Case((3, 40, 44, 12), 9, padding="same"),
    "batch 2, tall": Case((2, 133, 5, 4), 3, padding=1),
    "batch 29": Case((29, 6, 5, 3), 7, padding=((1, 1), (2, 0))),
    "batch 67, pointwise": Case((67, 3, 5, 10), 6, (1, 1)),
    "many weights": Case((2, 3, 5, 700), 410, (1, 1)),
    "many weights, 2 groups": Case((2, 7, 5, 266), 470, (3, 2), 2, padding=1, groups=2),
    **{f"{n} out": Case((1, 5, 6, 3), n, padding=1) for n in LANES_AND_NEIGHBOURS},
    **{f"{n} in": Case((1, 5, 6, n), 5, padding=1) for n in LANES_AND_NEIGHBOURS},
    **{f"1 to {n}": Case((1, 5, 35, 1), n, (3, 5), (2, 1), 2) for n in range(1, 10)},
    **{f"alone, width {n}": Case((1, 4, n, 20), 20, padding=1, groups=20) for n in range(1, 18)},
    **{f"by 2, width {n}": Case((1, 9, n, 17), 17, (3, 3), 2, 1, 1, 17) for n in range(1, 19)},
    **{f"5x5, width {n}": Case((1, 9, n, 33), 33, (5, 5), 1, 2, groups=33) for n in range(1, 14)},
    **{f"4 by 4, width {n}": Case((1, 4, n, 20), 20, padding=1, groups=5) for n in range(1, 18)},
    **{f"width {n}": Case((1, 2, n, 5), 20, (2, 3), padding=(0, 1)) for n in range(1, 18)},
}
