"""Stratified split into a validation set and a training set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cnnx.data.dataset import Labels


def split(
    order: Sequence[int], fraction: float, labels: Labels | None = None
) -> tuple[list[int], list[int]]:
    """Split rows into a validation set, taken from the front of `order`, and a training set.

    With labels the split is stratified by class. The numbers per class are rounded so that their
    sum is exact. Every class keeps at least one training image, unless the validation set is
    everything; larger classes then give more.

    Args:
        order: permutation of the rows.
        fraction: fraction of the rows to hold out, above 0 and below 1.
        labels: class of each row, any integers, or None for a split without classes.

    Returns:
        The held-out rows and the other rows, both in the given order.

    Example:
        >>> import numpy as np
        >>> split([3, 1, 0, 2, 5, 4], 0.5, np.array([0, 0, 1, 1, 1, 1]))
        ([3, 1, 2], [0, 5, 4])
    """
    rows = np.asarray(order, dtype=np.int64)
    count = max(1, round(len(rows) * fraction))
    if labels is None or count >= len(rows):
        return rows[:count].tolist(), rows[count:].tolist()
    _, classes = np.unique(labels[rows], return_inverse=True)  # labels may be any integers
    held_out_counts = _held_out_counts(np.bincount(classes), count)
    # Rank of each row of the order within its class.
    by_class = np.argsort(classes, kind="stable")
    before = np.concatenate([[0], np.cumsum(np.bincount(classes))])[classes[by_class]]
    rank = np.empty(len(rows), dtype=np.int64)
    rank[by_class] = np.arange(len(rows)) - before
    held_out = rank < held_out_counts[classes]
    return rows[held_out].tolist(), rows[~held_out].tolist()


def _held_out_counts(sizes: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Number of held-out rows per class, proportional by the largest remainder method."""
    total = int(sizes.sum())
    counts = sizes * count // total
    remainders = sizes * count % total
    most = np.maximum(sizes - 1, 0)
    for group in np.argsort(-remainders, kind="stable"):
        if counts.sum() < count and counts[group] < most[group]:
            counts[group] += 1
    counts = np.minimum(counts, most)
    # Nothing is missing, and the split is that of earlier versions, if no class is too small.
    missing = min(count, int(most.sum())) - int(counts.sum())
    if missing > 0:
        counts += _proportional(most - counts, missing)
    return counts


def _proportional(sizes: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """`count` in parts proportional to sizes, none above its size, by the same method."""
    total = int(sizes.sum())
    parts = sizes * count // total
    order = np.argsort(-(sizes * count % total), kind="stable")
    parts[order[: count - int(parts.sum())]] += 1
    return parts
