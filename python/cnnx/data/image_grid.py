"""Rows of small images with a title each, in a notebook or as a figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnx import _core
from cnnx.data.dataset import Pixels
from cnnx.drawing.colours import as_rgb
from cnnx.drawing.markup import Child, Markup, element, joined
from cnnx.drawing.notebook import display, in_notebook
from cnnx.drawing.page import fragment
from cnnx.drawing.png import image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LONGEST_SIDE = 96  # of an image in the grid, in its own pixels
_SHOWN_SIDE = 48  # least side in CSS pixels
_GAP = 2  # pixels between images, transparent
_INCHES = 0.8  # side of an image in a figure
_CHARACTER = 0.095  # inches


@dataclass(frozen=True)
class ImageRow:
    """Images of one row.

    Attributes:
        title: text in front of them.
        images: uint8 pixels (count, height, width, channels).
        description: text for readers that do not see them.
    """

    title: str
    images: Pixels
    description: str


class ImageGrid:
    """Rows of images with a sentence above them.

    Args:
        sentence: sentence above the rows.
        rows: rows of images of the same shape.
    """

    def __init__(self, sentence: str, rows: Sequence[ImageRow]) -> None:
        self.sentence = sentence
        self.rows = rows

    def show(self, function: str) -> Figure | None:
        """Show the grid in the notebook, or in a window if matplotlib has windows here.

        Args:
            function: name of the caller, for errors.

        Returns:
            None in a notebook, otherwise the figure.

        Raises:
            ImportError: if matplotlib is not installed, outside notebooks.
        """
        if in_notebook():
            display(self)
            return None
        return _figure(self, function)

    def _repr_html_(self) -> str:
        return fragment(element("p", self.sentence), joined(_html_rows(self.rows)))

    def __repr__(self) -> str:
        return self.sentence


def small(images: Pixels) -> Pixels:
    """Images whose longer side is as long as a grid needs at most."""
    height, width, channels = images.shape[1:]
    longest = max(height, width)
    if longest <= _LONGEST_SIDE:
        return images
    size = [max(1, round(side * _LONGEST_SIDE / longest)) for side in (height, width)]
    return np.stack(
        [_core.resize_image(each, size[0], size[1], channels, "stretch") for each in images]
    )


def _html_rows(rows: Iterable[ImageRow]) -> Iterable[Markup]:
    for row in rows:
        pixels: Child = None
        if len(row.images):
            strip = _side_by_side(small(row.images))
            times = max(1, -(-_SHOWN_SIDE // strip.shape[0]))
            pixels = image(strip, row.description, width=strip.shape[1] * times)
        yield element("div", element("span", row.title), pixels, class_="image-row")


def _side_by_side(images: Pixels) -> Pixels:
    """Images next to each other as one RGBA image with transparent gaps."""
    count, height, width = images.shape[:3]
    strip = np.zeros((height, count * (width + _GAP) - _GAP, 4), np.uint8)
    for position, pixels in enumerate(images):
        left = position * (width + _GAP)
        strip[:, left : left + width, :3] = as_rgb(pixels)
        strip[:, left : left + width, 3] = 255
    return strip


def _figure(grid: ImageGrid, function: str) -> Figure:
    """The grid as a figure of pyplot, in a window where there are windows."""
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ImportError(
            f"{function}: needs the package matplotlib, which is not installed: "
            "pip install 'cnnx[plot]'"
        ) from None
    columns = max(1, *(len(row.images) for row in grid.rows), 1)
    title = max((len(row.title) for row in grid.rows), default=0)
    size = (
        _INCHES * columns + _CHARACTER * title + 0.4,
        _INCHES * max(1, len(grid.rows)) + 0.5,
    )
    figure = pyplot.figure(figsize=size, layout="constrained")
    figure.suptitle(grid.sentence, fontsize="medium", wrap=True)
    axes: Any = figure.subplots(max(1, len(grid.rows)), columns, squeeze=False)
    for each in axes.flat:
        each.set_axis_off()
    beside = {"ha": "right", "va": "center"}
    for line, row in zip(axes, grid.rows, strict=False):
        line[0].text(-0.15, 0.5, row.title, transform=line[0].transAxes, **beside)
        for each, pixels in zip(line, small(row.images), strict=False):
            each.imshow(as_rgb(pixels), interpolation="nearest")
    if figure.canvas.required_interactive_framework is None:  # no windows: the figure is enough
        pyplot.close(figure)
    else:
        pyplot.show()
    return figure
