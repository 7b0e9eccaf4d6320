"""Numbers of a chart, read back from its SVG by the ticks of its axes alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from xml.etree import ElementTree

Points = list[tuple[float, float]]


def number(text: str) -> float:
    """Value of a tick or a label: `1,234`, `12.5%` or `1e-05`."""
    value = float(text.replace(",", "").rstrip("%"))
    return value / 100 if text.endswith("%") else value


def axis(svg: ElementTree.Element, name: str, *, log: bool = False) -> Callable[[float], float]:
    """Function from a position along an axis, "x" or "y", to its value."""
    group = next(g for g in svg.iter("g") if g.get("class") == f"axis {name}")
    places = [float(line.attrib[f"{name}1"]) for line in group.iter("line")]
    values = [number(text.text or "") for text in group.iter("text")]
    if log:
        values = [math.log(value) for value in values]
    slope = (values[-1] - values[0]) / (places[-1] - places[0])

    def value_at(place: float) -> float:
        value = values[0] + (place - places[0]) * slope
        return math.exp(value) if log else value

    return value_at


def lines(chart: str, *, log: str = "") -> dict[str, Points]:
    """Points of every line by its name: of its polylines, and of markers that stand alone."""
    svg = ElementTree.fromstring(chart)
    x, y = (axis(svg, name, log=name in log) for name in "xy")
    found: dict[str, Points] = {}
    for group in svg.iter("g"):
        if group.get("class") != "line":
            continue
        places: set[tuple[float, float]] = set()
        for line in group.iter("polyline"):
            for pair in line.attrib["points"].split():
                across, down = pair.split(",")
                places.add((float(across), float(down)))
        for circle in group.iter("circle"):
            places.add((float(circle.attrib["cx"]), float(circle.attrib["cy"])))
        found[group.attrib["data-name"]] = [(x(a), y(b)) for a, b in sorted(places)]
    return found


def cells(chart: str) -> list[int]:
    """Counts of a confusion matrix, row after row."""
    svg = ElementTree.fromstring(chart)
    texts = [g.findtext("text") for g in svg.iter("g") if g.get("class") == "cell"]
    return [0 if text == "·" else int(number(text or "")) for text in texts]
