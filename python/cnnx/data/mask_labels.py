"""Labels of masks: the ignored one, black and white, and resizing."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from cnnx import _core
from cnnx.batch_arguments import IGNORED as IGNORED
from cnnx.data.dataset import Classes, Masks, count_classes

BACKGROUND = "background"
BINARY = (BACKGROUND, "foreground")


def is_black_and_white(values: Collection[int], classes: Classes | None) -> bool:
    """Whether masks have the values 0 and 255 only, so that 255 is class 1 of two.

    Args:
        values: values of all masks.
        classes: class names or their number, or None if unknown.
    """
    is_possible = classes is None or count_classes(classes) == len(BINARY)
    return is_possible and IGNORED in values and set(values) <= {0, IGNORED}


def resized_masks(masks: Masks, height: int, width: int, resize: str) -> Masks:
    """Masks (count, height, width) as their images are resized, with the nearest labels."""
    if masks.shape[1:] == (height, width):
        return masks
    resized = np.empty((len(masks), height, width), np.uint8)
    for index, mask in enumerate(masks):
        resized[index] = _core.resize_mask(np.ascontiguousarray(mask), height, width, resize)
    return resized
