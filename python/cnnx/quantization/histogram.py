"""Histograms of values that arrive in batches, with bins that grow as the values do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BINS = 4096  # on either side of 0


class Histogram:
    """Counts of values in equal bins around 0, without the values that are 0.

    The width of a bin is a power of 2. It doubles when a value does not fit, so that one pass over
    the data suffices.

    Attributes:
        least: smallest value.
        most: largest value.
        counts: number of values of each bin.
    """

    def __init__(self) -> None:
        self.least, self.most = math.inf, -math.inf
        self.counts: NDArray[np.int64] = np.zeros(2 * _BINS, np.int64)
        self._width = 0.0

    def add(self, values: NDArray[np.float32], counted_every: int = 1) -> None:
        """Include values.

        Args:
            values: values, a layer's outputs or the input.
            counted_every: counts one value of so many; the ends of the range are those of all.

        Raises:
            FloatingPointError: if a value is not finite.
        """
        least, most = float(values.min()), float(values.max())
        if not math.isfinite(most - least):
            raise FloatingPointError(
                "quantize: the outputs of a layer are not finite, expected numbers: the model's "
                "training has diverged, its weights are damaged, or x is not finite"
            )
        self.least, self.most = min(self.least, least), max(self.most, most)
        largest = max(-self.least, self.most)
        if largest == 0:
            return
        self._widen(2.0 ** math.ceil(math.log2(largest / _BINS)))
        some = values.reshape(-1)[::counted_every]
        some = some[some != 0]
        places = np.floor(some * np.float32(1 / self._width)).astype(np.int64)
        places = np.clip(places + _BINS, 0, 2 * _BINS - 1)
        self.counts += np.bincount(places, minlength=2 * _BINS)

    def _widen(self, width: float) -> None:
        """Merge bins until they have at least the width."""
        if self._width == 0:
            self._width = width
        while self._width < width:
            merged = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.zeros_like(self.counts)
            self.counts[_BINS // 2 : _BINS // 2 + _BINS] = merged
            self._width *= 2

    @property
    def centres(self) -> NDArray[np.float64]:
        """Value in the middle of each bin."""
        return (np.arange(-_BINS, _BINS, dtype=np.float64) + 0.5) * self._width

    def quantiles(self, beyond: float) -> tuple[float, float]:
        """Values below and above which a part of the values lies, ends of the range at most."""
        sums = np.cumsum(self.counts)
        if sums[-1] == 0:
            return self.least, self.most
        low = int(np.searchsorted(sums, beyond * sums[-1]))
        high = int(np.searchsorted(sums, (1 - beyond) * sums[-1]))
        edges: NDArray[Any] = np.arange(-_BINS, _BINS + 1) * self._width
        return max(self.least, float(edges[low])), min(self.most, float(edges[high + 1]))
