"""A pooling of an image batch, computed by the core's ops or by the reference.

Not part of the package.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import reference
from hypothesis import strategies as st
from samples import Float32Array, gaussians


class PoolingCase(NamedTuple):
    """An image batch and the window that moves over it."""

    op: str  # "max_pool2d" or "avg_pool2d"
    x: tuple[int, int, int, int]
    kernel_size: reference.Pair = 2
    stride: reference.Pair | None = None
    padding: reference.Padding = 0
    count_include_pad: bool | None = None  # of avg_pool2d alone

    @property
    def settings(self) -> dict[str, Any]:
        chosen = {"stride": self.stride, "padding": self.padding}
        if self.count_include_pad is None:
            return chosen
        return {**chosen, "count_include_pad": self.count_include_pad}

    def forward(self, library: Any, x: npt.ArrayLike) -> Any:
        """By `library`, which is ops or reference."""
        return getattr(library, self.op)(x, self.kernel_size, **self.settings)

    def backward(self, library: Any, grad_output: npt.ArrayLike, x: npt.ArrayLike) -> Any:
        function = getattr(library, f"{self.op}_backward")
        return function(grad_output, x, self.kernel_size, **self.settings)

    def grad_output(self, rng: np.random.Generator) -> Float32Array:
        return gaussians(rng, *self.forward(reference, np.zeros(self.x)).shape)


@st.composite
def any_pooling(
    draw: st.DrawFn, op: str, count_include_pad: st.SearchStrategy[bool | None] | None = None
) -> PoolingCase:
    """A window of any size, stride and padding over a small image that holds it."""
    sides = st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2)
    case = PoolingCase(
        op,
        draw(
            st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 12), st.integers(1, 18))
        ),
        draw(st.tuples(st.integers(1, 4), st.integers(1, 4))),
        draw(st.tuples(st.integers(1, 6), st.integers(1, 6))),
        draw(st.one_of(st.just("same"), sides)),
        draw(st.none() if count_include_pad is None else count_include_pad),
    )
    return fitting(case)


def fitting(case: PoolingCase) -> PoolingCase:
    """Padding cut to less than the window, and the image grown to hold one window."""
    kernel = reference.pair(case.kernel_size)
    if isinstance(case.padding, str):
        return case
    sides = reference.padding_sides(case.padding, case.x[1:3], kernel, 1)
    (top, bottom), (left, right) = (
        tuple(min(side, kernel[axis] - 1) for side in sides[axis]) for axis in range(2)
    )
    batch, height, width, channels = case.x
    height, width = max(height, kernel[0] - top - bottom), max(width, kernel[1] - left - right)
    return case._replace(x=(batch, height, width, channels), padding=((top, bottom), (left, right)))
