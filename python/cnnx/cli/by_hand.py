"""By-hand example: 9 x 9 images and hand-made filters, computed with cnnx.ops.

Two filters detect falling and rising strokes. Two filters of a second convolution detect a cup (a
falling stroke left of a rising one) and a roof (a rising stroke left of a falling one). An X is a
cup above a roof, and an O is a roof above a cup. The weights of the votes follow from that.
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
# Number of cells of a filter that can match, the divisor of its sum; 1.00 is a perfect match.
FILTER_CELLS = 9
PAIR_CELLS = 2
# Weights of the votes for X: cup and roof of each corner, row by row. Those for O have the opposite
# sign.
_CUP_ABOVE_ROOF = (1, -1, 1, -1, -1, 1, -1, 1)
VOTERS = 4  # a vote is the mean of four numbers minus the mean of the other four


@dataclass(frozen=True)
class Steps:
    """Every intermediate result for one image, without the batch axis.

    Attributes:
        image: (9, 9), pixels, +1 or -1.
        maps: (7, 7, 2), match of each filter at each position, 1 for a perfect match.
        rectified: (7, 7, 2), the maps after ReLU.
        pooled: (4, 4, 2), the maps after 2 x 2 max pooling.
        second_maps: (4, 4, 2), match of cup and roof.
        second_rectified: (4, 4, 2), the second maps after ReLU.
        second_pooled: (2, 2, 2), the second maps after 2 x 2 max pooling.
        votes_list: (8,), the flattened maps.
        votes: (2,), votes for X and for O.
    """

    image: Array
    maps: Array
    rectified: Array
    pooled: Array
    second_maps: Array
    second_rectified: Array
    second_pooled: Array
    votes_list: Array
    votes: Array


def x_image() -> Array:
    """Image of an X, +1 on -1, with strokes from (1, 1) to (7, 7) and from (1, 7) to (7, 1)."""
    return _image(_X)


def o_image() -> Array:
    """Image of an O, +1 on -1."""
    return _image(_O)


def moved(image: Array, down: int, right: int) -> Array:
    """Image shifted by whole cells and padded with background."""
    height, width = image.shape
    result = np.full_like(image, -1)
    rows, columns = np.nonzero(image > 0)
    rows, columns = rows + down, columns + right
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    result[rows[inside], columns[inside]] = 1
    return result


def filters() -> Array:
    """Filters (3, 3, 1, 2) of the falling and the rising stroke, +1 on the stroke, -1 beside it."""
    falling = 2 * np.eye(3, dtype=np.float32) - 1
    return np.stack([falling, falling[:, ::-1]], axis=-1)[:, :, np.newaxis, :]


def second_filters() -> Array:
    """Filters (3, 3, 2, 2) of the cup (falling left of rising) and the roof (the opposite)."""
    weight = np.zeros((3, 3, 2, 2), dtype=np.float32)
    falling, rising, cup, roof = 0, 1, 0, 1
    middle, left, right = 1, 0, 2
    weight[middle, left, falling, cup] = weight[middle, right, rising, cup] = 1
    weight[middle, left, rising, roof] = weight[middle, right, falling, roof] = 1
    return weight


def vote_weights() -> Array:
    """Weights (8, 2) of the votes for X and for O."""
    for_x = np.array(_CUP_ABOVE_ROOF, dtype=np.float32)
    return np.stack([for_x, -for_x], axis=-1)


def follow(image: Array) -> Steps:
    """Run the hand-made network on one image."""
    maps = ops.conv2d(image[np.newaxis, :, :, np.newaxis], filters()) / FILTER_CELLS
    rectified = ops.relu(maps)
    pooled = ops.max_pool2d(rectified, 2, padding="same")
    second_maps = ops.conv2d(pooled, second_filters(), padding="same") / PAIR_CELLS
    second_rectified = ops.relu(second_maps)
    second_pooled = ops.max_pool2d(second_rectified, 2, padding="same")
    votes_list = second_pooled.reshape(1, -1)
    votes = ops.dense(votes_list, vote_weights()) / VOTERS
    return Steps(
        image,
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
    """Mask of the cells in which two images differ, where +1 and -1 add up to 0."""
    return np.asarray(first + second == 0)


def _image(rows: str) -> Array:
    cells = [list(row) for row in rows.split()]
    return np.where(np.array(cells) == "#", 1, -1).astype(np.float32)
