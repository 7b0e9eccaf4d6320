"""Sizes of a data set in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cnnx.wording import counted

if TYPE_CHECKING:
    from cnnx.data.dataset import Dataset


def sizes(dataset: Dataset) -> str:
    """Number and size of the images, number of classes, and images of the other sets."""
    count, *shape = np.shape(dataset.x)
    classes = dataset.classes if isinstance(dataset.classes, int) else len(dataset.classes)
    size = "\N{MULTIPLICATION SIGN}".join(map(str, shape))
    parts = [f"{counted(count, 'image')} of {size}, {counted(classes, 'class')}"]
    for name, other in (("validation", dataset.validation), ("test", dataset.test)):
        if other is not None:
            parts.append(f"{name} set of {counted(len(other.x), 'image')}")
    if dataset.skipped:
        parts.append(f"{counted(len(dataset.skipped), 'unreadable file')} skipped")
    return "; ".join(parts)
