"""Charts as SVG: lines and bars.

Colours are variables of the page, so that a chart follows its light or dark colours. Every point
has its numbers in a `<title>`, which browsers show under the pointer and screen readers read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cnnx.drawing.axes import (
    WIDTH,
    colour,
    drawing,
    fill,
    horizontal_ticks,
    left_of_plot,
    name_below,
    name_beside,
    shortened,
    text_width,
    vertical_ticks,
)
from cnnx.drawing.markup import Markup, element, joined
from cnnx.drawing.scale import Scale, fitted

_HEIGHT = 280.0
_MOST_MARKERS = 60  # of a line; of more, markers would hide it


@dataclass(frozen=True)
class Series:
    """A line of a chart.

    Attributes:
        name: name in the legend.
        values: values along the vertical axis; those that are not finite leave a gap.
        points: places along the horizontal axis; None is 1, 2, 3 and so on.
    """

    name: str
    values: Sequence[float]
    points: Sequence[float] | None = None

    def pairs(self) -> list[tuple[float, float]]:
        """(point, value) of each value."""
        points = range(1, len(self.values) + 1) if self.points is None else self.points
        return [(float(x), float(y)) for x, y in zip(points, self.values, strict=True)]


def line_chart(
    title: str,
    series: Sequence[Series],
    *,
    x: str,
    y: str,
    log: str = "",
    percent: str = "",
    limits: tuple[float, float] | None = None,
    marked: Mapping[str, float] | None = None,
) -> Markup:
    """Lines with axes at round numbers and a legend.

    Args:
        title: description for readers who do not see the chart; also shown under the pointer.
        series: lines, in the order of the legend.
        x: name of the horizontal axis. If all points are whole numbers, its ticks are, too, unless
            it is in percentages.
        y: name of the vertical axis.
        log: logarithmic axes, of "x" and "y". Values that are not positive leave a gap.
        percent: axes in percentages, of "x" and "y".
        limits: limits of the vertical axis; None are round numbers around the values.
        marked: names and places of vertical lines.

    Example:
        >>> chart = line_chart("Loss", [Series("training", [2.3, 0.5])], x="epoch", y="loss")
        >>> chart[:32]
        '<svg class="chart" viewBox="0 0 '
    """
    pairs = [pair for each in series for pair in each.pairs()]
    legend, top = _legend([each.name for each in series] if len(series) > 1 else [])
    points = [*(x for x, _ in pairs), *(marked or {}).values()]
    whole = "x" not in percent and all(point.is_integer() for point, _ in pairs)
    values = limits or [value for _, value in pairs]
    bottom = _HEIGHT - 46
    y_scale = fitted(
        values, bottom, top, log="y" in log, percent="y" in percent, tight=limits is not None
    )
    left = left_of_plot(y_scale)
    x_scale = fitted(
        points, left, WIDTH - 20, log="x" in log, whole=whole, percent="x" in percent, tight=True
    )
    lines = [_line(each, k, x_scale, y_scale) for k, each in enumerate(series)]
    body = joined(
        [
            _axes(x_scale, y_scale, x, y),
            *(_marked(name, point, x_scale, y_scale) for name, point in (marked or {}).items()),
            *lines,
            legend,
        ]
    )
    return drawing(title, WIDTH, _HEIGHT, body)


def _line(series: Series, index: int, x: Scale, y: Scale) -> Markup:
    """A line with a marker at each point; points without a position leave a gap."""
    runs: list[list[tuple[float, float]]] = [[]]
    for point, value in series.pairs():
        if x.shows(point) and y.shows(value):
            runs[-1].append((point, value))
        elif runs[-1]:
            runs.append([])
    parts = [
        element(
            "polyline",
            points=" ".join(f"{x.place(a):.2f},{y.place(b):.2f}" for a, b in run),
            style=f"stroke:{colour(index)}",
        )
        for run in runs
        if len(run) > 1
    ]
    many = sum(map(len, runs)) > _MOST_MARKERS
    for run in runs:
        if many and len(run) > 1:
            continue
        parts += [
            element(
                "circle",
                element("title", f"{series.name}, {a:g}: {_number(b, y.percent)}"),
                cx=x.place(a),
                cy=y.place(b),
                r=3,
                style=fill(index),
            )
            for a, b in run
        ]
    return element("g", *parts, class_="line", data_name=series.name)


def _marked(name: str, point: float, x: Scale, y: Scale) -> Markup:
    """A vertical line with its name beside it, on the side that has more space."""
    place = x.place(point)
    right = place < (x.start + x.end) / 2
    return element(
        "g",
        element("line", x1=place, y1=y.start, x2=place, y2=y.end, class_="marked"),
        element(
            "text",
            name,
            x=place + (5 if right else -5),
            y=y.start - 8,
            text_anchor="start" if right else "end",
            class_="name",
        ),
    )


def _legend(names: Sequence[str]) -> tuple[Markup, float]:
    """Names with their colours in lines above the chart, and the top of the chart below them."""
    x, y, parts = 8.0, 16.0, []
    for index, name in enumerate(names):
        text = shortened(name)
        width = 24 + text_width(text) + 16
        if x > 8 and x + width > WIDTH:
            x, y = 8.0, y + 20
        stroke = element(
            "line", x1=x, y1=y - 4, x2=x + 18, y2=y - 4, style=f"stroke:{colour(index)}"
        )
        parts.append(joined([stroke, element("text", text, x=x + 24, y=y)]))
        x += width
    return element("g", *parts, class_="legend"), y + 16 if names else 14.0


def _axes(x: Scale, y: Scale, x_name: str, y_name: str) -> Markup:
    return joined(
        [
            vertical_ticks(y, x),
            horizontal_ticks(x, y.end, y.start),
            name_below(x, y.start, x_name),
            name_beside(y, y_name),
        ]
    )


def _number(value: float, percent: bool) -> str:
    if percent:
        return f"{value:.2%}"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
