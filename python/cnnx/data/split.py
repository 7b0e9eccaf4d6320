"""Keeping images apart for validation: a fixed share, of every class alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cnnx.data.dataset import Labels


def split(
    order: Sequence[int], fraction: float, labels: Labels | None = None
) -> tuple[list[int], list[int]]:
    """Parts rows in two, taking the first ones of an order that somebody drew.

    With labels every class gives its share, rounded so that the whole is right, and keeps at least
    one image; unless everything is to be kept apart.

    Args:
        order: every row once.
        fraction: how much to keep apart, above 0 and below 1.
        labels: the class of each row, or None to take rows as they come.

    Returns:
        The rows kept apart and the others, both in the given order.

    Example:
        >>> import numpy as np
        >>> split([3, 1, 0, 2, 5, 4], 0.5, np.array([0, 0, 1, 1, 1, 1]))
        ([3, 1, 2], [0, 5, 4])
    """
    rows = np.asarray(order, dtype=np.int64)
    count = max(1, round(len(rows) * fraction))
    if labels is None or count >= len(rows):
        return rows[:count].tolist(), rows[count:].tolist()
    classes = labels[rows]
    shares = _shares(np.bincount(classes), count)
    # The how-manieth of its class each row of the order is.
    by_class = np.argsort(classes, kind="stable")
    before = np.concatenate([[0], np.cumsum(np.bincount(classes))])[classes[by_class]]
    place = np.empty(len(rows), dtype=np.int64)
    place[by_class] = np.arange(len(rows)) - before
    apart = place < shares[classes]
    return rows[apart].tolist(), rows[~apart].tolist()


def _shares(sizes: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """How many of `count` each class gives: in proportion, the largest remainders rounded up."""
    total = int(sizes.sum())
    shares = sizes * count // total
    remainders = sizes * count % total
    most = np.maximum(sizes - 1, 0)
    for group in np.argsort(-remainders, kind="stable"):
        if shares.sum() < count and shares[group] < most[group]:
            shares[group] += 1
    return np.minimum(shares, most)
