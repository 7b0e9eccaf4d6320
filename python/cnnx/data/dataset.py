"""What every reader returns: images with labels in memory, or a set that can be loaded later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]
InputShape = tuple[int, int, int]
Classes = tuple[str, ...] | int


@dataclass(frozen=True)
class Dataset:
    """Images with their labels, and the sets that were found beside them.

    Attributes:
        x: uint8 pixels of shape (count, height, width, channels).
        y: int64 labels of shape (count,).
        classes: The class names, in the order of the labels; their number where they have no names.
        validation: Images to measure after every epoch, or None.
        test: Images to measure once, at the end, or None.
        skipped: Names of the files that were left out because they cannot be read.
    """

    x: Pixels
    y: Labels
    classes: Classes
    validation: Dataset | None = None
    test: Dataset | None = None
    skipped: tuple[str, ...] = ()


def dataset_arrays(
    dataset: Dataset, classes: Sequence[str] | None
) -> tuple[Pixels, Labels, tuple[Pixels, Labels] | None]:
    """What a fit takes of a data set: images, labels, and its own validation set.

    Raises:
        ValueError: the model's classes are others, or in another order.
    """
    own = dataset.classes
    if classes and not isinstance(own, int) and tuple(classes) != tuple(own):
        raise ValueError(
            f"fit: the data set has the classes {', '.join(own)}, expected the "
            f"model's, {', '.join(classes)}"
        )
    apart = dataset.validation
    return dataset.x, dataset.y, None if apart is None else (apart.x, apart.y)


class ImageSet(Protocol):
    """Labelled images whose size and classes are known before any of them is loaded."""

    @property
    def name(self) -> str:
        """Where the images are, for messages."""

    @property
    def classes(self) -> Classes:
        """The class names, in the order of the labels; their number where they have no names."""

    @property
    def input_shape(self) -> InputShape:
        """The (height, width, channels) the images have, or fit best."""

    def __len__(self) -> int:
        """How many images there are."""

    def load(self, input_shape: InputShape | None = None, resize: str = "stretch") -> Dataset:
        """All images as one array of `input_shape`, or of the set's own shape."""


def count_classes(classes: Classes) -> int:
    """How many classes there are, named or not."""
    return classes if isinstance(classes, int) else len(classes)
