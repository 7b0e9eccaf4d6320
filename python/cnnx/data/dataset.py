"""Data sets: images with labels in memory, and sets that are loaded later."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]
InputShape = tuple[int, int, int]
Classes = tuple[str, ...] | int


@dataclass(frozen=True)
class Dataset:
    """Images with labels, and the validation and test sets found with them.

    Attributes:
        x: uint8 pixels of shape (count, height, width, channels).
        y: int64 labels of shape (count,).
        classes: class names in the order of the labels, or the number of classes.
        validation: validation set, or None.
        test: test set, or None.
        skipped: names of the files that were skipped because they cannot be read.
    """

    x: Pixels
    y: Labels
    classes: Classes
    validation: Dataset | None = None
    test: Dataset | None = None
    skipped: tuple[str, ...] = ()


def check_classes(dataset: Dataset, classes: Sequence[str] | None, function: str) -> None:
    """Refuse a data set whose class names differ from those of a model.

    Args:
        dataset: data set.
        classes: class names of the model, or None.
        function: named in errors.

    Raises:
        ValueError: if the model has other classes, or another order of classes.
    """
    own = dataset.classes
    if classes and not isinstance(own, int) and tuple(classes) != tuple(own):
        raise ValueError(
            f"{function}: the data set has the classes {', '.join(own)}, expected the "
            f"model's, {', '.join(classes)}"
        )


class ImageSet(Protocol):
    """Set of labelled images whose size and classes are known before it is loaded."""

    @property
    def name(self) -> str:
        """Path of the images, for messages."""

    @property
    def classes(self) -> Classes:
        """Class names in the order of the labels, or the number of classes."""

    @property
    def input_shape(self) -> InputShape:
        """Common or default (height, width, channels) of the images."""

    def __len__(self) -> int:
        """Number of images."""

    def load(self, input_shape: InputShape | None = None, resize: str = "stretch") -> Dataset:
        """Load all images as one array of `input_shape`, or of the set's own shape."""


def count_classes(classes: Classes) -> int:
    """Number of classes."""
    return classes if isinstance(classes, int) else len(classes)


# An iterable of batches (x, y), such as a list or a DataLoader.
Batches: TypeAlias = Iterable[tuple[ArrayLike, ArrayLike]]
# Images with labels: (x, y), a Dataset, a path that `load` accepts, or batches.
LabelledImages: TypeAlias = tuple[ArrayLike, ArrayLike] | Dataset | str | os.PathLike[str] | Batches
