"""Tiles of an image along one axis: where they begin, and which outputs are taken from each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cnnx.arguments import FloatArray
from cnnx.model.receptive_field import ReceptiveField

_LEAST_SIDE = 256  # of tiles, by default
_VALID_PART = 3  # a default tile has at least this many times the pixels that overlap


class Tile(NamedTuple):
    """One tile along an axis.

    Attributes:
        start: its first pixel.
        first: position in the result of the first output that is taken from it.
        begin: that output's number in the tile.
        weights: weights of the outputs that are taken; those of all tiles add up to 1.
    """

    start: int
    first: int
    begin: int
    weights: FloatArray

    @property
    def end(self) -> int:
        """Position after the last output that is taken."""
        return self.first + len(self.weights)


def default_side(field: ReceptiveField) -> int:
    """Side of a tile of which a third or less overlaps."""
    return max(_LEAST_SIDE, _VALID_PART * math.ceil(field.last - field.first))


def aligned_side(side: int, size: int, grid: int) -> int:
    """Largest side up to `side` that ends on the grid where an image of `size` pixels does.

    A tile has the padding of the whole image, and the last one ends with it.
    """
    return size if side >= size else side - (side - size) % grid


def largest_step(side: int, outputs: int, field: ReceptiveField) -> int:
    """Pixels from tile to tile for which each output is that of the whole image in some tile."""
    first, last = _valid(side, outputs, field)
    return math.floor((last + 1 - first) * field.stride)


def _valid(side: int, outputs: int, field: ReceptiveField) -> tuple[int, int]:
    """First and last output of a tile that depend on pixels of the tile alone."""
    first = max(0, math.ceil(-field.first / field.stride))
    last = min(outputs - 1, math.floor((side - 1 - field.last) / field.stride))
    return first, last


def tiles_along(
    size: int, side: int, step: int, outputs: int, field: ReceptiveField, *, blend: bool
) -> list[Tile]:
    """Tiles of an axis.

    Args:
        size: pixels of the image.
        side: pixels of a tile.
        step: pixels from tile to tile, a multiple of the grid.
        outputs: outputs of a tile.
        field: receptive field of the outputs.
        blend: whether overlapping tiles have linear weights where the outputs of neither are those
            of the whole image. Otherwise each output is taken from the tile in which it is farther
            from the border.
    """
    starts = [*range(0, size - side, step), size - side]
    places = [int(start / field.stride) for start in starts]
    if blend and step > largest_step(side, outputs, field):
        return _blended(starts, places, outputs)
    first, last = _valid(side, outputs, field)
    cuts = [0]
    for before, after in itertools.pairwise(places):
        # In the middle between the last valid output of one and the first of the next.
        middle = (before + last + 1 + after + first) // 2
        cuts.append(min(max(middle, after), before + outputs))
    cuts.append(places[-1] + outputs)
    return [
        Tile(start, begin, begin - place, np.ones(end - begin, np.float32))
        for start, place, begin, end in zip(starts, places, cuts[:-1], cuts[1:], strict=True)
    ]


def _blended(starts: Sequence[int], places: Sequence[int], outputs: int) -> list[Tile]:
    """Tiles whose weights rise and fall linearly where they overlap their neighbours."""
    weights, position = [], np.arange(outputs, dtype=np.float64) + 0.5
    sums = np.zeros(places[-1] + outputs)
    for index, place in enumerate(places):
        one = np.ones(outputs)
        if index > 0:
            one = np.minimum(one, position / max(places[index - 1] + outputs - place, 1))
        if index + 1 < len(places):
            one = np.minimum(one, position[::-1] / max(place + outputs - places[index + 1], 1))
        weights.append(one)
        sums[place : place + outputs] += one
    return [
        Tile(start, place, 0, (one / sums[place : place + outputs]).astype(np.float32))
        for start, place, one in zip(starts, places, weights, strict=True)
    ]
