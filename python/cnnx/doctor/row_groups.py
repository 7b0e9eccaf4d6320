"""Groups of rows of a table, such as those of equal images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def equal_values(values: NDArray[Any]) -> list[Rows]:
    """Places of equal values, in groups of at least two, in the order of their first places."""
    ordered = np.sort(values)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    places = np.flatnonzero(np.isin(values, repeated))  # few, which are sorted again
    order = places[np.argsort(values[places], kind="stable")]
    ordered = values[order]
    bounds = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1], True])
    groups = [
        order[bounds[k] : bounds[k + 1]] for k in np.flatnonzero(np.diff(bounds) > 1).tolist()
    ]
    return sorted(groups, key=lambda group: int(group[0]))


def rows_of(groups: Sequence[Rows]) -> Rows:
    """Rows of all groups."""
    return np.concatenate([np.empty(0, np.int64), *groups])
