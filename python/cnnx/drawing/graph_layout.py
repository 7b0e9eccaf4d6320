"""Places of the nodes and edges of a network: a trunk downwards with branches beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Edge = tuple[int, int]  # positions of the node that is read and of its reader


@dataclass(frozen=True)
class Layout:
    """Rows and columns of the nodes, and how each edge runs.

    Attributes:
        rows: row of each node, from 0; a node is below every node that it reads.
        columns: column of each node; 0 is the trunk, the longest path to the last node.
        beside: edges between neighbours of a column, or to and from a branch, which run down a
            column that is free between their rows.
        lanes: lane of every other edge, from 0 next to the trunk. The edges of a node share a lane;
            otherwise edges of one lane do not overlap.
    """

    rows: list[int]
    columns: list[int]
    beside: list[Edge]
    lanes: dict[Edge, int]


def layout(inputs: Sequence[Sequence[int]]) -> Layout:
    """Place the nodes of a network.

    Args:
        inputs: for each node the positions of the nodes that it reads, all before it. The last node
            is the output.
    """
    rows: list[int] = []
    for read in inputs:
        rows.append(1 + max((rows[each] for each in read), default=-1))
    readers: list[list[int]] = [[] for _ in inputs]
    for position, read in enumerate(inputs):
        for each in read:
            readers[each].append(position)
    columns = [-1] * len(rows)
    taken: list[set[int]] = []  # rows of each column that nodes or edges occupy
    beside: list[Edge] = []
    # The lowest nodes first, so that the first chain is the trunk.
    for last in sorted(range(len(rows)), key=lambda node: (-rows[node], node)):
        if columns[last] >= 0:
            continue
        chain = _chain(last, inputs, rows, columns)
        first = chain[0]
        ends = [edge for edge in _ends(first, last, inputs, readers, rows) if edge]
        above = rows[ends[0][0]] if inputs[first] else -1
        below = rows[ends[-1][1]] if readers[last] else rows[last] + 1
        needed = set(range(above + 1, below))
        column = next((k for k, other in enumerate(taken) if not other & needed), len(taken))
        if column == len(taken):
            taken.append(set())
        taken[column] |= needed
        for node in chain:
            columns[node] = column
        beside += [*pairwise(chain), *ends]
    edges = dict.fromkeys((each, node) for node, read in enumerate(inputs) for each in read)
    known = dict.fromkeys(beside)
    others = [edge for edge in edges if edge not in known]
    return Layout(rows, columns, list(known), _lanes(others, rows))


def _chain(
    last: int, inputs: Sequence[Sequence[int]], rows: Sequence[int], columns: Sequence[int]
) -> list[int]:
    """The longest path to a node through nodes without a place; of equal ones the first input's."""
    chain = [last]
    while free := [each for each in inputs[chain[-1]] if columns[each] < 0]:
        chain.append(max(free, key=lambda node: rows[node]))
    return chain[::-1]


def _ends(
    first: int,
    last: int,
    inputs: Sequence[Sequence[int]],
    readers: Sequence[Sequence[int]],
    rows: Sequence[int],
) -> tuple[Edge | None, Edge | None]:
    """The edges that lead to a chain and away from it."""
    entry = max(inputs[first], key=lambda node: rows[node], default=None)
    reader = min(readers[last], key=lambda node: rows[node], default=None)
    return (
        None if entry is None else (entry, first),
        None if reader is None else (last, reader),
    )


def _lanes(edges: Sequence[Edge], rows: Sequence[int]) -> dict[Edge, int]:
    """Lanes of edges, the short ones next to the trunk."""
    lowest: dict[int, int] = {}  # row to which the edges of each source run
    for source, target in edges:
        lowest[source] = max(lowest.get(source, 0), rows[target])
    lanes: dict[int, int] = {}
    taken: list[set[int]] = []  # gaps between rows that the edges of a lane pass
    for source in sorted(lowest, key=lambda each: (lowest[each] - rows[each], each)):
        gaps = set(range(rows[source], lowest[source]))
        lane = next((k for k, other in enumerate(taken) if not other & gaps), len(taken))
        if lane == len(taken):
            taken.append(set())
        taken[lane] |= gaps
        lanes[source] = lane
    return {edge: lanes[edge[0]] for edge in edges}
