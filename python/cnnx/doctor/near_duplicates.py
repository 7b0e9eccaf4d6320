"""Search for similar images by perceptual hashes, without comparing all pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnx.doctor.measurements import Measurements
from cnnx.doctor.row_groups import Rows, equal_values

_MOST_BITS = 4  # of 64 that differ
# Of five bands at least one is equal if at most four bits differ.
_BANDS = ((0, 13), (13, 13), (26, 13), (39, 13), (52, 12))
_PAIRS_AT_ONCE = 1 << 20
_MOST_PARTNERS = 2000  # of a hash in a band
# Correlation of two thumbnails, whose contrast is at least so many levels of brightness.
_LEAST_CORRELATION = 0.96
_LEAST_CONTRAST = 6.0
# Plain images, such as digits, have less than so many bits per pixel, and are similar by nature.
_PLAIN_ENTROPY = 3.0
_PLAIN_CORRELATION = 0.998


def similar_groups(measured: Measurements, candidates: Rows) -> list[Rows]:
    """Rows of similar images, in groups that pairs connect, in the order of their first rows.

    The hashes of similar images differ in at most 4 bits, and their thumbnails are correlated.
    Images without contrast have no similar ones, because their hashes are noise. Plain images
    need a higher correlation.

    Args:
        measured: measurements of all images.
        candidates: rows of the images to compare.
    """
    thumbnails = measured.thumbnail.reshape(len(measured), -1)
    contrast = np.concatenate(
        [part.std(axis=1) for part in np.array_split(thumbnails, 1 + len(thumbnails) // 4096)]
    )
    rows = candidates[contrast[candidates] >= _LEAST_CONTRAST]
    is_plain = measured.entropy < _PLAIN_ENTROPY
    needed = np.where(is_plain, _PLAIN_CORRELATION, _LEAST_CORRELATION)
    groups = np.arange(len(rows))
    for places in _close_hashes(measured.perceptual_hash[rows]):
        new = places[groups[places[:, 0]] != groups[places[:, 1]]]
        pairs = rows[new]
        alike = _correlations(thumbnails, pairs) >= needed[pairs].max(axis=1)
        groups = _connected(groups, new[alike])
    return [rows[group] for group in equal_values(groups)]


def _connected(groups: NDArray[np.int64], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of the groups of all places after pairs of places have joined their groups."""
    if not len(pairs):
        return groups
    parents = list(range(len(groups)))

    def root(group: int) -> int:
        while parents[group] != group:
            parents[group] = parents[parents[group]]
            group = parents[group]
        return group

    for one, other in np.unique(groups[pairs], axis=0).tolist():
        first, last = sorted((root(one), root(other)))
        parents[last] = first
    roots = [root(group) for group in range(len(groups))]
    return np.array(roots, np.int64)[groups]


def _close_hashes(hashes: NDArray[np.uint64]) -> Iterator[NDArray[np.int64]]:
    """Pairs of places, (count, 2) at a time, whose hashes differ in at most 4 bits.

    A pair may come several times. In a band with very many equal values, such as of frames of a
    video, a hash is compared with the next ones in their order only.
    """
    for shift, width in _BANDS:
        band = (hashes >> np.uint64(shift)) & np.uint64((1 << width) - 1)
        order = np.lexsort((hashes, band))
        values = band[order]
        ends = np.searchsorted(values, values, side="right")
        # Each place is compared with the later ones of its bucket.
        partners = np.minimum(ends - np.arange(len(values)) - 1, _MOST_PARTNERS)
        for first, last in _limited(np.cumsum(partners)):
            counts = partners[first:last]
            left = np.repeat(np.arange(first, last), counts)
            begins = np.repeat(np.cumsum(counts) - counts, counts)
            right = left + 1 + np.arange(len(left)) - begins
            differing = _bit_count(hashes[order[left]] ^ hashes[order[right]])
            close = differing <= _MOST_BITS
            yield np.sort(np.stack([order[left[close]], order[right[close]]], axis=1), axis=1)


def _limited(totals: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Ranges of places whose pairs, of which `totals` are the running sums, fit in memory."""
    first, done = 0, 0
    while first < len(totals):
        last = max(first + 1, int(np.searchsorted(totals, done + _PAIRS_AT_ONCE, side="right")))
        yield first, last
        first, done = last, int(totals[last - 1])


def _bit_count(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Number of bits that are set."""
    one, two, four = (np.uint64(0x5555555555555555), np.uint64(0x3333333333333333), np.uint64(4))
    values = values - ((values >> np.uint64(1)) & one)
    values = (values & two) + ((values >> np.uint64(2)) & two)
    values = (values + (values >> four)) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (values * np.uint64(0x0101010101010101)) >> np.uint64(56)


def _correlations(thumbnails: NDArray[np.uint8], pairs: NDArray[np.int64]) -> NDArray[Any]:
    """Correlation of the thumbnails of pairs of rows."""
    result = np.empty(len(pairs))
    for first in range(0, len(pairs), 4096):
        part = pairs[first : first + 4096]
        one, other = (thumbnails[part[:, k]].astype(np.float64) for k in (0, 1))
        one -= one.mean(axis=1, keepdims=True)
        other -= other.mean(axis=1, keepdims=True)
        norms = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
        result[first : first + 4096] = (one * other).sum(axis=1) / norms
    return result
