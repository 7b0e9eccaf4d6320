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
    dilation: reference.Pair = 1
    ceil_mode: bool = False

    @property
    def windows(self) -> reference.Windows:
        return reference.Windows(
            self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        )

    @property
    def settings(self) -> dict[str, Any]:
        chosen = {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "ceil_mode": self.ceil_mode,
        }
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
    """A window of any size, stride, padding and dilation over a small image that holds it."""
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
        draw(st.sampled_from([1, 1, 2, (3, 1), (1, 4)])),
        draw(st.booleans()),
    )
    case = fitting(case)
    if reads_the_image(case):
        return case
    return fitting(case._replace(padding=0))


def fitting(case: PoolingCase) -> PoolingCase:
    """Padding cut to less than the window, and the image grown to hold one window."""
    sizes, steps = reference.pair(case.kernel_size), reference.pair(case.dilation)
    extent = [(size - 1) * step + 1 for size, step in zip(sizes, steps, strict=True)]
    if isinstance(case.padding, str):
        return case
    sides = reference.padding_sides(case.padding, case.x[1:3], 1, 1)
    (top, bottom), (left, right) = (
        tuple(min(side, extent[axis] - 1) for side in sides[axis]) for axis in range(2)
    )
    batch, height, width, channels = case.x
    height, width = max(height, extent[0] - top - bottom), max(width, extent[1] - left - right)
    return case._replace(x=(batch, height, width, channels), padding=((top, bottom), (left, right)))


def reads_the_image(case: PoolingCase) -> bool:
    """Whether every window reads a pixel of the image, not padding alone."""
    return bool(reference.average_divisors(np.ones(case.x), case.windows, False).all())
