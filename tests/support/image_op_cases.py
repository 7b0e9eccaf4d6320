"""Ops on images that have settings and no parameters, computed by the core's ops or the reference.

Not part of the package.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import reference
from samples import Float32Array, gaussians


class ImageOpCase(NamedTuple):
    """An op on images with settings and no parameters."""

    name: str
    x: tuple[int, ...]
    settings: tuple[Any, ...] = ()
    mode: str | None = None
    size: Any = None
    align_corners: bool | None = None

    @property
    def keywords(self) -> dict[str, Any]:
        given = {"mode": self.mode, "size": self.size, "align_corners": self.align_corners}
        return {name: value for name, value in given.items() if value is not None}

    def forward(self, library: Any, x: npt.ArrayLike) -> Any:
        return getattr(library, self.name)(x, *self.settings, **self.keywords)

    def backward(self, library: Any, grad_output: npt.ArrayLike, x: npt.ArrayLike) -> Any:
        function = getattr(library, f"{self.name}_backward")
        return function(grad_output, x, *self.settings, **self.keywords)

    def grad_output(self, rng: np.random.Generator) -> Float32Array:
        return gaussians(rng, *self.forward(reference, np.zeros(self.x)).shape)


# One of each op that moves channels, or channels and pixels.
REARRANGING = [
    ImageOpCase("channel_shuffle", (2, 1, 3, 6), (2,)),
    ImageOpCase("slice_channels", (2, 1, 3, 5), (1, 4)),
    ImageOpCase("depth_to_space", (1, 2, 3, 8), (2,), "DCR"),
    ImageOpCase("depth_to_space", (1, 2, 3, 8), (2,), "CRD"),
    ImageOpCase("space_to_depth", (1, 4, 2, 3), (2,), "DCR"),
    ImageOpCase("space_to_depth", (1, 4, 2, 3), (2,), "CRD"),
]
