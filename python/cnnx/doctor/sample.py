"""Choice of a few images of a data set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def spread(count: int, most: int) -> NDArray[np.int64]:
    """Rows of at most `most` images, evenly spaced, because many data sets are sorted by class.

    Example:
        >>> spread(9, 3)
        array([0, 4, 8])
    """
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)
