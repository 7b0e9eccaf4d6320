"""Axes of matplotlib to draw into, and the colours of all plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnx.arguments import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Those of the pages in light colours.
SERIES = ("#1f6fb2", "#c75a00", "#2a8a57")
FAINT = "#5b626e"


def axes_of(ax: Axes | None, function: str) -> Axes:
    """The given Axes, or those of a new figure.

    Raises:
        ImportError: if matplotlib is not installed.
        TypeError: if `ax` is something else.
    """
    try:
        from matplotlib import pyplot
        from matplotlib.axes import Axes as MatplotlibAxes
    except ImportError:
        raise ImportError(
            f"{function}: needs the package matplotlib, which is not installed: "
            "pip install 'cnnx[plot]'"
        ) from None
    if ax is None:
        new: Axes = pyplot.figure(layout="constrained").add_subplot()
        return new
    if not isinstance(ax, MatplotlibAxes):
        raise TypeError(f"{function}: ax is {shown(ax)}, expected an Axes of matplotlib")
    return ax


def as_image(ax: Axes) -> Axes:
    """Axes without ticks, as an image has them."""
    ax.set_xticks([])
    ax.set_yticks([])
    return ax
