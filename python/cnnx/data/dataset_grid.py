"""Grid of the images of a data set, a row per class."""

from __future__ import annotations

import numpy as np

from cnnx.data.dataset import Dataset
from cnnx.data.image_grid import ImageGrid, ImageRow

_PER_CLASS = 8
_MOST_CLASSES = 20


def dataset_grid(dataset: Dataset, per_class: int = _PER_CLASS) -> ImageGrid:
    """The first images of each of the first classes.

    Args:
        dataset: data set.
        per_class: number of images of each class.
    """
    counts = dataset.class_counts
    rows = []
    for label, (name, count) in enumerate(list(counts.items())[:_MOST_CLASSES]):
        first = np.flatnonzero(dataset.y == label)[:per_class]
        title = f"{name}: {_counted(count, 'image')}"
        rows.append(ImageRow(title, dataset.x[first], f"{len(first)} images of {name}"))
    return ImageGrid(_sentence(dataset, len(counts)), rows)


def _sentence(dataset: Dataset, classes: int) -> str:
    height, width, channels = dataset.x.shape[1:]
    parts = [
        f"{_counted(len(dataset.x), 'image')} of {height}\N{MULTIPLICATION SIGN}{width} pixels, "
        f"{_counted(channels, 'channel')}, {_counted(classes, 'class', 'classes')}"
    ]
    if classes > _MOST_CLASSES:
        parts.append(f"the first {_MOST_CLASSES} classes are shown")
    for name, other in (("validation", dataset.validation), ("test", dataset.test)):
        if other is not None:
            parts.append(f"{name} set of {_counted(len(other.x), 'image')}")
    if dataset.skipped:
        parts.append(f"{_counted(len(dataset.skipped), 'unreadable file')} skipped")
    return "; ".join(parts)


def _counted(count: int, one: str, several: str = "") -> str:
    return f"{count:,} {one if count == 1 else several or one + 's'}"
