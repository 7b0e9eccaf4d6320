"""Runs of equal blocks in a network, which a drawing shows once with their number."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise

_LONGEST = 12  # segments of a block that may repeat


@dataclass(frozen=True)
class Run:
    """A block that follows itself.

    Attributes:
        first: position of its first node.
        length: number of its nodes.
        count: how often the block stands there, 1 for everything that does not repeat.
    """

    first: int
    length: int
    count: int


def runs(looks: Sequence[Hashable], inputs: Sequence[Sequence[int]]) -> list[Run]:
    """Divide a network into runs of equal blocks.

    A block begins and ends where a single node connects the nodes before with those after.

    Args:
        looks: for each node what a drawing shows of it; equal blocks have equal ones.
        inputs: for each node the positions of the nodes that it reads, all before it.
    """
    starts = _starts(inputs)
    bounds = [*starts, len(inputs)]
    segments = [
        tuple((looks[k], tuple(k - each for each in inputs[k])) for k in range(first, end))
        for first, end in pairwise(bounds)
    ]
    found: list[Run] = []
    at = 0
    while at < len(segments):
        length, count = _best(segments, at)
        nodes = bounds[at + length] - bounds[at]
        found.append(Run(bounds[at], nodes, count))
        at += length * count
    return found


def _starts(inputs: Sequence[Sequence[int]]) -> list[int]:
    """Positions of the nodes before which all edges that pass come from the node before them."""
    last_reader = list(range(len(inputs)))
    for position, read in enumerate(inputs):
        for each in read:
            last_reader[each] = max(last_reader[each], position)
    starts = [0]
    reach = 0  # of the nodes before the one that may end a segment
    for position in range(len(inputs) - 1):
        if reach <= position:
            starts.append(position + 1)
        reach = max(reach, last_reader[position])
    return starts


def _best(segments: Sequence[Hashable], at: int) -> tuple[int, int]:
    """Length and count of the block at a segment that saves the most segments."""
    best, saved = (1, 1), 0
    for length in range(1, min(_LONGEST, (len(segments) - at) // 2) + 1):
        block = segments[at : at + length]
        count = 1
        while segments[at + count * length : at + (count + 1) * length] == block:
            count += 1
        if (count - 1) * length > saved:
            best, saved = (length, count), (count - 1) * length
    return best
