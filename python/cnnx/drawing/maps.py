"""Maps of numbers: small images, grids of coloured cells, and frames around windows.

Orange is above zero, blue is below, and white is zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnx.drawing.colours import tint
from cnnx.drawing.markup import Markup, element, joined
from cnnx.drawing.page import figure
from cnnx.drawing.png import data_uri

# An odd number, so that zero has a colour of its own. Few colours make small files.
_COLOURS = 25
_PALETTE = tint(np.linspace(-1, 1, _COLOURS))
_FINEST = 0.75  # pixels per CSS pixel; larger maps are drawn by the means of blocks
_FEW_ROWS, _WIDEST_CELL = 8, 16  # of a list, the second in CSS pixels
_MOST_DECIMALS = 6
_GAMMA = 0.6  # power of the colours of small images, so that weak numbers are visible


def map_image(
    values: NDArray[Any], text: str, *, strongest: float, width: int, marked: bool = False
) -> Markup:
    """A map as a small image.

    Args:
        values: (height, width).
        text: description, which appears when the pointer rests on the image.
        strongest: the absolute value with the strongest colour.
        width: the longer side in CSS pixels.
        marked: whether it has a frame.
    """
    colours = _colour_indices(_block_means(values, _block(values, width)), strongest)
    longest = max(values.shape)
    return element(
        "img",
        class_="marked map" if marked else "map",
        src=data_uri(colours, _PALETTE),
        alt=text,
        title=text,
        width=round(width * values.shape[1] / longest),
        height=round(width * values.shape[0] / longest),
    )


def strip_image(values: NDArray[Any], text: str, *, columns: int, width: int) -> Markup:
    """A list of numbers as cells in a row, or in several where it is longer than `columns`."""
    across = min(columns, len(values))
    rows = math.ceil(len(values) / across)
    cells = np.zeros(rows * across)
    cells[: len(values)] = values
    indices = _colour_indices(cells.reshape(rows, across), largest(values))
    # Cells of few rows are higher than wide, so that the rows can be seen.
    tall = np.repeat(indices, 3 if rows == 1 else 2 if rows <= _FEW_ROWS else 1, axis=0)
    height, across = tall.shape
    shown = min(width, across * _WIDEST_CELL)
    return element(
        "img",
        class_="map",
        src=data_uri(tall, _PALETTE),
        alt=text,
        width=shown,
        height=round(shown * height / across),
    )


def number_grid(
    values: NDArray[Any],
    caption: str,
    *,
    decimals: int | None = None,
    outside: NDArray[np.bool_] | None = None,
    marked: NDArray[np.bool_] | None = None,
) -> Markup:
    """A table of numbers in coloured cells.

    Args:
        values: (rows, columns).
        caption: text below.
        decimals: digits behind the point; None is `decimals_of` the values.
        outside: cells that lie outside a map, drawn hatched.
        marked: cells with a frame.
    """
    digits = decimals_of(values) if decimals is None else decimals
    colours = tint(np.asarray(values) / largest(values))

    def cell(row: int, column: int) -> Markup:
        names = [
            name
            for name, mask in (("outside", outside), ("marked", marked))
            if mask is not None and mask[row, column]
        ]
        return element(
            "td",
            number(values[row, column], digits),
            class_=" ".join(names) or None,
            style=f"background-color:{_hexadecimal(colours[row, column])}",
        )

    rows, columns = values.shape
    body = joined(
        element("tr", *(cell(row, column) for column in range(columns))) for row in range(rows)
    )
    return figure(element("table", element("tbody", body), class_="grid"), caption)


def framed_image(
    values: NDArray[Any], frame: tuple[int, int, int, int], text: str, *, width: int
) -> Markup:
    """A map with a frame around some of its cells.

    Args:
        values: (height, width).
        frame: first row, first column, rows and columns of the cells; may exceed the map.
        text: description for readers that do not see it.
        width: the longer side in CSS pixels.
    """
    top, left, rows, columns = frame
    height, across = values.shape
    margin = max(0, -top, -left, top + rows - height, left + columns - across) + 0.5
    scale = width / max(height, across)
    block = _block(values, width)
    colours = _colour_indices(_block_means(values, block), largest(values))
    drawn = element(
        "image",
        href=data_uri(colours, _PALETTE),
        width=colours.shape[1] * block,
        height=colours.shape[0] * block,
        preserveAspectRatio="none",
        class_="pixels",
    )
    box = element("rect", x=left, y=top, width=columns, height=rows, class_="frame")
    return element(
        "svg",
        drawn,
        box,
        role="img",
        aria_label=text,
        viewBox=f"{-margin} {-margin} {across + 2 * margin} {height + 2 * margin}",
        width=round((across + 2 * margin) * scale),
    )


def largest(values: NDArray[Any]) -> float:
    """The largest absolute value, or 1 if all are zero."""
    return float(np.abs(values).max(initial=0)) or 1.0


def decimals_of(values: NDArray[Any] | Sequence[float]) -> int:
    """Digits behind the point that show three digits of the largest absolute value."""
    magnitude = math.floor(math.log10(largest(np.asarray(values))))
    return min(max(2 - magnitude, 0), _MOST_DECIMALS)


def number(value: float, decimals: int) -> str:
    """A number with so many digits behind the point, without the minus of a negative zero."""
    return f"{round(float(value), decimals) + 0.0:.{decimals}f}"


def _colour_indices(values: NDArray[Any], strongest: float) -> NDArray[np.uint8]:
    scaled = np.clip(np.nan_to_num(values / strongest), -1, 1)
    scaled = np.sign(scaled) * np.abs(scaled) ** _GAMMA
    return np.asarray(np.rint((scaled + 1) / 2 * (_COLOURS - 1)), dtype=np.uint8)


def _block(values: NDArray[Any], width: int) -> int:
    """Side of the blocks of a map that become one pixel each."""
    longest: int = max(values.shape)
    return math.ceil(longest / (width * _FINEST))


def _block_means(values: NDArray[Any], block: int) -> NDArray[Any]:
    if block == 1:
        return values
    height, width = values.shape
    rows, columns = np.arange(0, height, block), np.arange(0, width, block)
    sums = np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1)
    sizes = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))
    means: NDArray[Any] = sums / sizes
    return means


def _hexadecimal(colour: NDArray[np.uint8]) -> str:
    return f"#{bytes(colour).hex()}"
