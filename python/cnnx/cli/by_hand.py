"""The numbers of the by-hand example: 9 x 9 drawings and hand-made filters through cnnx.ops.

Two filters look for falling and rising strokes; two filters of a second stack look for a cup (a
falling stroke left of a rising one) and a roof (the other way round). An X is a cup above a roof,
an O a roof above a cup: that is all the votes have to know.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnx import ops

Array = NDArray[np.float32]

_X = """
.........
.#.....#.
..#...#..
...#.#...
....#....
...#.#...
..#...#..
.#.....#.
.........
"""
_O = """
.........
...###...
..#...#..
.#.....#.
.#.....#.
.#.....#.
..#...#..
...###...
.........
"""
# How many cells of a filter can match: what its sum is divided by, so that 1.00 is a perfect match.
FILTER_CELLS = 9
PAIR_CELLS = 2
# Votes for X, in the order of the list: each corner's cup, then its roof, row by row. An O gets the
# same votes with the other sign.
_CUP_ABOVE_ROOF = (1, -1, 1, -1, -1, 1, -1, 1)
VOTERS = 4  # a vote is the mean of what four numbers say for it, less what the other four say


@dataclass(frozen=True)
class Steps:
    """Every intermediate result for one drawing, without the batch axis.

    Attributes:
        drawing: (9, 9), the pixels, +1 or -1.
        maps: (7, 7, 2), how well each filter matches at each place, 1 for a perfect match.
        rectified: (7, 7, 2), the maps without what is below 0.
        pooled: (4, 4, 2), the largest of each 2 x 2 square.
        second_maps: (4, 4, 2), how well cup and roof match.
        second_rectified: (4, 4, 2).
        second_pooled: (2, 2, 2).
        votes_list: (8,), the same in one row.
        votes: (2,), for X and for O.
    """

    drawing: Array
    maps: Array
    rectified: Array
    pooled: Array
    second_maps: Array
    second_rectified: Array
    second_pooled: Array
    votes_list: Array
    votes: Array


def x_drawing() -> Array:
    """An X of +1 on -1, its strokes from (1, 1) to (7, 7) and from (1, 7) to (7, 1)."""
    return _drawing(_X)


def o_drawing() -> Array:
    """An O of +1 on -1."""
    return _drawing(_O)


def moved(drawing: Array, down: int, right: int) -> Array:
    """The drawing moved by whole cells; what comes in from outside is background."""
    height, width = drawing.shape
    result = np.full_like(drawing, -1)
    rows, columns = np.nonzero(drawing > 0)
    rows, columns = rows + down, columns + right
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    result[rows[inside], columns[inside]] = 1
    return result


def filters() -> Array:
    """(3, 3, 1, 2): the falling and the rising stroke, +1 on the stroke and -1 beside it."""
    falling = 2 * np.eye(3, dtype=np.float32) - 1
    return np.stack([falling, falling[:, ::-1]], axis=-1)[:, :, np.newaxis, :]


def second_filters() -> Array:
    """(3, 3, 2, 2): the cup, falling left of rising, and the roof, rising left of falling."""
    weight = np.zeros((3, 3, 2, 2), dtype=np.float32)
    falling, rising, cup, roof = 0, 1, 0, 1
    middle, left, right = 1, 0, 2
    weight[middle, left, falling, cup] = weight[middle, right, rising, cup] = 1
    weight[middle, left, rising, roof] = weight[middle, right, falling, roof] = 1
    return weight


def vote_weights() -> Array:
    """(8, 2): how each number of the list votes for X and for O."""
    for_x = np.array(_CUP_ABOVE_ROOF, dtype=np.float32)
    return np.stack([for_x, -for_x], axis=-1)


def follow(drawing: Array) -> Steps:
    """Take one drawing through the whole hand-made network."""
    maps = ops.conv2d(drawing[np.newaxis, :, :, np.newaxis], filters()) / FILTER_CELLS
    rectified = ops.relu(maps)
    pooled = ops.max_pool2d(rectified, 2, padding="same")
    second_maps = ops.conv2d(pooled, second_filters(), padding="same") / PAIR_CELLS
    second_rectified = ops.relu(second_maps)
    second_pooled = ops.max_pool2d(second_rectified, 2, padding="same")
    votes_list = second_pooled.reshape(1, -1)
    votes = ops.dense(votes_list, vote_weights()) / VOTERS
    return Steps(
        drawing,
        maps[0],
        rectified[0],
        pooled[0],
        second_maps[0],
        second_rectified[0],
        second_pooled[0],
        votes_list[0],
        votes[0],
    )


def mismatches(first: Array, second: Array) -> NDArray[np.bool_]:
    """Where two drawings disagree: there +1 and -1 add up to 0."""
    return np.asarray(first + second == 0)


def _drawing(rows: str) -> Array:
    cells = [list(row) for row in rows.split()]
    return np.where(np.array(cells) == "#", 1, -1).astype(np.float32)
