"""A network as a drawing from top to bottom, with the edges that skip nodes beside its trunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from cnnx.drawing.graph_layout import Edge, Layout, layout
from cnnx.drawing.markup import Markup, element, joined, number_text
from cnnx.drawing.repeated_blocks import Run, runs

# Lengths in CSS pixels.
_CHARACTER = 7.1  # mean width of the widest usual fonts at 12 pixels
_BOX_HEIGHT, _GAP = 42, 24
_PADDING = 12  # between the edge of a box and its text
_TURN = 9  # of an edge, below its source or above its target
_LANE, _FIRST_LANE = 12, 16  # distance of lanes, and of the first one from the trunk
_BETWEEN_COLUMNS = 22
_CORNER = 5
_MARGIN = 6
_COUNT_WIDTH = 44  # of the column with the numbers of repeated blocks

Point = tuple[float, float]


@dataclass(frozen=True)
class Node:
    """A node of a network as a drawing shows it.

    Attributes:
        name: unique name.
        label: what it does, such as "Conv2d 3x3, 64".
        inputs: names of the nodes that it reads, all before it.
        details: what follows the label in fainter letters.
        size: size of its output, on the right of the label.
        amount: amount of its parameters, on the right of the name.
        group: number of its colour, 1 to 6, or 0 for none.
        description: text that appears when the pointer rests on the node.
    """

    name: str
    label: str
    inputs: tuple[str, ...] = ()
    details: str = ""
    size: str = ""
    amount: str = ""
    group: int = 0
    description: str = ""


def network_graph(nodes: Sequence[Node], title: str) -> Markup:
    """Draw a network. A block that follows itself is drawn once, with its number.

    Args:
        nodes: the nodes, each after those that it reads; the last one is the output.
        title: description for readers that do not see the drawing.
    """
    drawn, repeats = _folded(nodes)
    places = _Places(drawn, layout(_positions(drawn)), _COUNT_WIDTH if repeats else 0)
    svg = element(
        "svg",
        element("title", title),
        joined(_repeat(places, run) for run in repeats),
        joined(_edge(places, edge) for edge in places.layout.beside),
        joined(_lane_edge(places, edge) for edge in places.layout.lanes),
        joined(_box(places, position) for position in range(len(drawn))),
        width=places.width,
        height=places.height,
        viewBox=f"0 0 {number_text(places.width)} {number_text(places.height)}",
        role="img",
    )
    # Focus lets a keyboard scroll.
    return element("div", svg, class_="network-graph", tabindex=0)


def _positions(nodes: Sequence[Node]) -> list[list[int]]:
    position = {node.name: k for k, node in enumerate(nodes)}
    return [[position[name] for name in node.inputs] for node in nodes]


def _folded(nodes: Sequence[Node]) -> tuple[list[Node], list[Run]]:
    """The nodes with repeated blocks once, and the runs of these with positions among them."""
    looks = [replace(node, name="", inputs=(), description="") for node in nodes]
    drawn: list[Node] = []
    repeats: list[Run] = []
    renamed: dict[str, str] = {}
    for run in runs(looks, _positions(nodes)):
        if run.count > 1:
            repeats.append(replace(run, first=len(drawn)))
            last = run.first + run.length * run.count - 1
            renamed[nodes[last].name] = nodes[run.first + run.length - 1].name
        for node in nodes[run.first : run.first + run.length]:
            inputs = tuple(renamed.get(name, name) for name in node.inputs)
            drawn.append(replace(node, inputs=inputs))
    return drawn, repeats


class _Places:
    """Places of the boxes of nodes in the drawing.

    Attributes:
        nodes: the nodes.
        layout: their rows and columns.
        lefts: left edge of each column.
        widths: width of the boxes of each column.
        width: width of the drawing.
        height: height of the drawing.
    """

    def __init__(self, nodes: Sequence[Node], own: Layout, margin: float) -> None:
        """Compute the places, with a margin on the right of the columns."""
        self.nodes, self.layout = nodes, own
        self.widths = [0.0] * (1 + max(own.columns))
        for node, column in zip(nodes, own.columns, strict=True):
            self.widths[column] = max(self.widths[column], _box_width(node))
        lanes = 1 + max(own.lanes.values(), default=-1)
        left = _MARGIN + (_FIRST_LANE + (lanes - 1) * _LANE + _MARGIN if lanes else 0.0)
        self.lefts = []
        for width in self.widths:
            self.lefts.append(left)
            left += width + _BETWEEN_COLUMNS
        self.width = left - _BETWEEN_COLUMNS + _MARGIN + margin
        self.height = 2 * _MARGIN + (1 + max(own.rows)) * (_BOX_HEIGHT + _GAP) - _GAP

    def top(self, position: int) -> float:
        """Upper edge of a box."""
        return _MARGIN + self.layout.rows[position] * (_BOX_HEIGHT + _GAP)

    def bottom(self, position: int) -> float:
        """Lower edge of a box."""
        return self.top(position) + _BOX_HEIGHT

    def left(self, position: int) -> float:
        """Left edge of a box."""
        return self.lefts[self.layout.columns[position]]

    def right(self, position: int) -> float:
        """Right edge of a box."""
        return self.left(position) + self.widths[self.layout.columns[position]]

    def centre(self, position: int) -> float:
        """Middle of a box along the width."""
        return self.left(position) + self.widths[self.layout.columns[position]] / 2


def _box_width(node: Node) -> float:
    first = len(node.label) + len(node.details) + len(node.size) + 3
    second = len(node.name) + len(node.amount) + 3
    return 2 * _PADDING + max(first, second) * _CHARACTER


def _box(places: _Places, position: int) -> Markup:
    node = places.nodes[position]
    left, top = places.left(position), places.top(position)
    width = places.widths[places.layout.columns[position]]
    upper, lower = top + 17, top + 33
    start, end = left + _PADDING, left + width - _PADDING
    details = element("tspan", f" {node.details}", class_="faint") if node.details else None
    return element(
        "g",
        element("title", node.description or node.name),
        element("rect", x=left, y=top, width=width, height=_BOX_HEIGHT, rx=5, class_="node"),
        element("rect", x=left, y=top, width=5, height=_BOX_HEIGHT, rx=2, class_="stripe"),
        element("text", node.label, details, x=start, y=upper),
        element("text", node.size, x=end, y=upper, text_anchor="end") if node.size else None,
        element("text", node.name, x=start, y=lower, class_="faint"),
        element("text", node.amount, x=end, y=lower, text_anchor="end", class_="faint")
        if node.amount
        else None,
        style=f"--group:var(--series-{node.group})" if node.group else None,
    )


def _edge(places: _Places, edge: Edge) -> Markup:
    """An edge down a column; to a branch it turns below its source, from one above its target."""
    source, target = edge
    start = (places.centre(source), places.bottom(source))
    end = (places.centre(target), places.top(target))
    if start[0] == end[0]:
        return _line([start, end])
    to_branch = places.layout.columns[source] < places.layout.columns[target]
    turn = start[1] + _TURN if to_branch else end[1] - _TURN - 4
    return _line([start, (start[0], turn), (end[0], turn), end])


def _lane_edge(places: _Places, edge: Edge) -> Markup:
    """An edge down a lane: from side to side in the trunk, between the rows for a branch."""
    source, target = edge
    lane = places.lefts[0] - _FIRST_LANE - _LANE * places.layout.lanes[edge]
    if places.layout.columns[source] == 0:
        leave = places.bottom(source) - 11
        head = [(places.left(source), leave), (lane, leave)]
    else:
        turn = places.bottom(source) + _TURN
        middle = places.centre(source)
        head = [(middle, places.bottom(source)), (middle, turn), (lane, turn)]
    if places.layout.columns[target] == 0:
        enter = places.top(target) + 11
        tail = [(lane, enter), (places.left(target), enter)]
    else:
        turn = places.top(target) - _TURN - 4
        middle = places.centre(target)
        tail = [(lane, turn), (middle, turn), (middle, places.top(target))]
    return _line([*head, *tail])


def _line(points: Sequence[Point]) -> Markup:
    """A line through points with round corners, and an arrow at its end."""
    (x, y), before = points[-1], points[-2]
    arrow = [(-4, -7), (4, -7)] if before[0] == x else [(-7, -4), (-7, 4)]
    corners = " ".join(f"{number_text(x + dx)},{number_text(y + dy)}" for dx, dy in arrow)
    return joined(
        [
            element("path", d=" ".join(_commands(points)), class_="edge"),
            element("polygon", points=f"{number_text(x)},{number_text(y)} {corners}"),
        ]
    )


def _commands(points: Sequence[Point]) -> Iterator[str]:
    yield f"M{_at(points[0])}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        yield f"L{_at(_towards(corner, before))} Q{_at(corner)} {_at(_towards(corner, after))}"
    yield f"L{_at(points[-1])}"


def _towards(corner: Point, other: Point) -> Point:
    """The point at which a round corner meets the straight line to another point."""
    length = abs(other[0] - corner[0]) + abs(other[1] - corner[1])  # one of them is 0
    part = min(_CORNER, length / 2) / (length or 1)
    return (
        corner[0] + (other[0] - corner[0]) * part,
        corner[1] + (other[1] - corner[1]) * part,
    )


def _at(point: Point) -> str:
    return f"{number_text(point[0])} {number_text(point[1])}"


def _repeat(places: _Places, run: Run) -> Markup:
    """The background of a repeated block, and its number."""
    positions = range(run.first, run.first + run.length)
    top = min(places.top(each) for each in positions) - 10
    bottom = max(places.bottom(each) for each in positions) + 4
    left = _MARGIN / 2
    right = max(places.right(each) for each in positions) + _COUNT_WIDTH
    return element(
        "g",
        element("title", f"{run.count} blocks like this one follow each other"),
        element(
            "rect", x=left, y=top, width=right - left, height=bottom - top, rx=7, class_="repeat"
        ),
        element(
            "text",
            f"\N{MULTIPLICATION SIGN} {run.count}",
            x=right - 10,
            y=(top + bottom) / 2 + 5,
            text_anchor="end",
            class_="count",
        ),
    )
