"""Grid of the images of a data set, a row per class."""

from __future__ import annotations

import numpy as np

from cnnx.data.dataset import Dataset, are_masks
from cnnx.data.dataset_sizes import sizes
from cnnx.data.image_grid import ImageGrid, ImageRow
from cnnx.drawing.colours import mask_overlay
from cnnx.wording import counted

_PER_CLASS = 8
_MOST_CLASSES = 20


def dataset_grid(dataset: Dataset, per_class: int = _PER_CLASS) -> ImageGrid:
    """The first images of each of the first classes, under the colours of their masks, if any.

    Args:
        dataset: data set.
        per_class: number of images of each class.
    """
    counts = dataset.class_counts
    rows = []
    for label, (name, count) in enumerate(list(counts.items())[:_MOST_CLASSES]):
        is_class = dataset.y == label
        first = np.flatnonzero(is_class.any(axis=tuple(range(1, is_class.ndim))))[:per_class]
        title = f"{name}: {counted(count, 'image')}"
        images = dataset.x[first]
        if are_masks(dataset.y):
            images = mask_overlay(images, dataset.y[first])
        rows.append(ImageRow(title, images, f"{len(first)} images of {name}"))
    sentence = sizes(dataset)
    if len(counts) > _MOST_CLASSES:
        sentence += f"; the first {_MOST_CLASSES} classes are shown"
    return ImageGrid(sentence, rows)
