"""The X and O drawings: a data set without a download, drawn by the compiled core."""

from __future__ import annotations

from cnnx import _core
from cnnx.data.dataset import Labels, Pixels


def xo(count: int, *, size: int = 32, seed: int = 0) -> tuple[Pixels, Labels]:
    """Draw `count` grey images, each of one X or one O, and says which is which.

    Every drawing lies anywhere in the frame, fills 35 to 80 % of it, is stretched up to 3:4 or 4:3
    and tilted by up to 25 degrees, with strokes 1 to 3 pixels wide (at size 32), jittered ends and
    noise, light on dark or dark on light. The same seed draws the same images on every machine,
    and drawing k does not depend on `count`.

    Args:
        count: How many drawings.
        size: Height and width of each, in pixels.
        seed: Which drawings; other seeds draw others.

    Returns:
        uint8 pixels of shape (count, size, size, 1) and int64 labels of shape (count,), 0 for X and
        1 for O.

    Example:
        >>> x, y = xo(4)
        >>> x.shape, x.dtype.name, y.shape, y.dtype.name
        ((4, 32, 32, 1), 'uint8', (4,), 'int64')
    """
    x, y = _core.draw_xo(count, size, seed)
    return x, y
