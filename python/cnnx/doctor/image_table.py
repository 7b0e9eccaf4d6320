"""Table of the images of all sets: names, labels, sizes and measurements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from cnnx.data.dataset import Labels
from cnnx.doctor.measurements import Measurements


@dataclass(frozen=True)
class LabelledNames:
    """Images of all sets, in columns of one value per image.

    Attributes:
        names: names in findings, such as file names.
        sets: names of the sets; the first one is the training set.
        set_index: index of the image's set.
        labels: integers that are equal for equal labels.
    """

    names: Sequence[str]
    sets: tuple[str, ...]
    set_index: NDArray[np.int64]
    labels: Labels

    def __len__(self) -> int:
        return len(self.names)

    def listed(self, rows: NDArray[np.bool_ | np.int64]) -> tuple[str, ...]:
        """Names of the images of rows, or of a column of booleans."""
        places = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return tuple(self.names[row] for row in places.tolist())


@dataclass(frozen=True)
class ImageTable(LabelledNames):
    """Readable images of all sets with their sizes and measurements.

    Attributes:
        sizes: (height, width) of the image, (count, 2).
        measurements: measurements of the image, or of a copy of at most 64 x 64 pixels.
        exact_digests: returns checksums of all pixels of images, given their rows; those in the
            measurements are of the copy.
    """

    sizes: NDArray[np.int64]
    measurements: Measurements
    exact_digests: Callable[[NDArray[np.int64]], NDArray[np.uint64]]


class ArrayNames(Sequence[str]):
    """Names of the images of arrays, made when they are used."""

    def __init__(self, parts: Sequence[tuple[str, Sequence[object]]]) -> None:
        """Take the begin of the names, such as "test[", and the entries of every array.

        Entries are file names, or the range of the indices.
        """
        self._parts = parts

    def __len__(self) -> int:
        return sum(len(entries) for _, entries in self._parts)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[str]: ...
    def __getitem__(self, row: int | slice) -> str | Sequence[str]:
        if isinstance(row, slice):
            return [self[k] for k in range(*row.indices(len(self)))]
        for begin, entries in self._parts:
            if row < len(entries):
                return array_name(begin, entries[row])
            row -= len(entries)
        raise IndexError(row)


def array_name(begin: str, entry: object) -> str:
    """Name of an image of an array, such as ``test[7]``, or ``7`` if the array is the only one."""
    return f"{begin}{entry}]" if begin else str(entry)
