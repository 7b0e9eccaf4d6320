"""Page for figures in pixel coordinates, y downwards, drawn by matplotlib without a display.

Many parameters because the variants of a drawing function are keyword arguments.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnx.drawing.colours import NEGATIVE, POSITIVE, grey, tint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARK = "#a3297a"  # purple, for highlights
INK = "#1f2430"
FAINT = "#69707d"
_GRID_LINE = "#c9ced6"
_PIXELS_PER_INCH = 100
_POINTS_PER_PIXEL = 72 / _PIXELS_PER_INCH


class Page:
    """Figure of a fixed size; lengths are in pixels from the upper left corner."""

    def __init__(self, width: int, height: int) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self._figure = Figure(
            figsize=(width / _PIXELS_PER_INCH, height / _PIXELS_PER_INCH),
            dpi=_PIXELS_PER_INCH,
            facecolor="white",
        )
        FigureCanvasAgg(self._figure)
        self._axes: Axes = self._figure.add_axes((0.0, 0.0, 1.0, 1.0))
        self._axes.set_xlim(0, width)
        self._axes.set_ylim(height, 0)
        self._axes.set_axis_off()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page as PNG."""
        from matplotlib import rc_context

        # Hinting distorts small bold letters.
        with rc_context({"text.hinting": "no_hinting"}):
            self._figure.savefig(path, format="png", dpi=_PIXELS_PER_INCH)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 15,
        colour: str = INK,
        bold: bool = False,
        align: str = "left",
        middle: bool = False,
    ) -> None:
        """Draw text with its first line at y, or centred on y; `size` is in pixels."""
        self._axes.text(
            x,
            y,
            text,
            fontsize=size * _POINTS_PER_PIXEL,
            color=colour,
            fontweight="bold" if bold else "normal",
            horizontalalignment=align,
            verticalalignment="center_baseline" if middle else "top",
            linespacing=1.35,
            parse_math=False,
        )

    def grid(
        self,
        x: float,
        y: float,
        values: NDArray[Any],
        *,
        cell: float | tuple[float, float],
        form: Callable[[float], str] | None = None,
        size: float = 12,
        strongest: float = 1.0,
        marked: NDArray[np.bool_] | None = None,
        title: str | None = None,
        colours: bool = True,
    ) -> None:
        """Draw a table of coloured cells, with numbers if `form` is given.

        Args:
            x: left edge.
            y: upper edge.
            values: values of the cells, (rows, columns).
            cell: size of a cell, or (width, height).
            form: formats a value; None draws no numbers.
            size: text size.
            strongest: value with the full colour.
            marked: mask of the cells to highlight.
            title: title above the table.
            colours: whether to use colours instead of grey levels.
        """
        from matplotlib.patches import Rectangle

        rows, columns = values.shape
        across, down = cell if isinstance(cell, tuple) else (cell, cell)
        width, height = columns * across, rows * down
        shades = tint(values / strongest) if colours else grey(values)
        self._axes.imshow(
            shades, extent=(x, x + width, y + height, y), interpolation="nearest", aspect="auto"
        )
        if form is not None:
            self._lines_between_cells(x, y, rows, columns, across, down)
            for row in range(rows):
                for column in range(columns):
                    self.text(
                        x + (column + 0.5) * across,
                        y + (row + 0.5) * down,
                        form(float(values[row, column])),
                        size=size,
                        align="center",
                        middle=True,
                        bold=marked is not None and bool(marked[row, column]),
                    )
        self._axes.add_patch(
            Rectangle((x, y), width, height, fill=False, edgecolor=FAINT, linewidth=0.8)
        )
        if marked is not None:
            for row, column in np.argwhere(marked):
                self.frame(x + column * across, y + row * down, across, down)
        if title is not None:
            self.text(x, y - 22, title, size=14, colour=FAINT)

    def frame(self, x: float, y: float, width: float, height: float) -> None:
        """Draw a purple frame as a highlight."""
        from matplotlib.patches import Rectangle

        self._axes.add_patch(
            Rectangle(
                (x + 1, y + 1), width - 2, height - 2, fill=False, edgecolor=MARK, linewidth=1.6
            )
        )

    def band(self, y: float, height: float, width: float) -> None:
        """Draw a pale background stripe."""
        from matplotlib.patches import Rectangle

        self._axes.add_patch(
            Rectangle((0, y), width, height, facecolor="#f5f6f8", edgecolor="none", zorder=-5)
        )

    def arrow(self, x: float, y: float, to_x: float, to_y: float) -> None:
        """Draw an arrow."""
        self._axes.annotate(
            "",
            xy=(to_x, to_y),
            xytext=(x, y),
            arrowprops={"arrowstyle": "-|>", "color": FAINT, "linewidth": 1.4},
        )

    def bars(
        self,
        x: float,
        y: float,
        values: Sequence[float],
        names: Sequence[str],
        *,
        scale: float,
        form: Callable[[float], str] = "{:+.2f}".format,
        step: float = 26,
    ) -> None:
        """Draw bars on both sides of a zero line at x; the largest value is bold.

        Args:
            x: position of the zero line.
            y: upper edge of the first bar.
            values: values of the bars.
            names: names of the bars.
            scale: length of a bar of value 1.
            form: formats a value.
            step: distance between bars.
        """
        from matplotlib.patches import Rectangle

        for index, (value, name) in enumerate(zip(values, names, strict=True)):
            top = y + index * step
            left = min(x, x + value * scale)
            colour = POSITIVE if value > 0 else NEGATIVE
            self._axes.add_patch(
                Rectangle((left, top), abs(value) * scale, step - 6, facecolor=colour)
            )
            self.text(
                x + value * scale + (8 if value >= 0 else -8),
                top + (step - 6) / 2,
                f"{name} {form(value)}",
                size=15,
                align="left" if value >= 0 else "right",
                middle=True,
                bold=value == max(values),
            )
        bottom = y + len(values) * step - 2
        self._axes.plot([x, x], [y - 4, bottom], color=FAINT, linewidth=1)

    def _lines_between_cells(
        self, x: float, y: float, rows: int, columns: int, across: float, down: float
    ) -> None:
        from matplotlib.collections import LineCollection

        right, bottom = x + columns * across, y + rows * down
        lines = [[(x + k * across, y), (x + k * across, bottom)] for k in range(1, columns)]
        lines += [[(x, y + k * down), (right, y + k * down)] for k in range(1, rows)]
        self._axes.add_collection(LineCollection(lines, colors=_GRID_LINE, linewidths=0.7))
