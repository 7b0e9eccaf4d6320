"""Survey of arrays of images: measurements of every image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnx import _core
from cnnx.data.dataset import Pixels
from cnnx.doctor.array_checks import ArraySplit, Range
from cnnx.doctor.image_table import ArrayNames, ImageTable
from cnnx.doctor.measurements import (
    MEASURED_SIDE,
    Measurements,
    digests,
    joined,
    measure,
)

_IMAGES_AT_ONCE = 64
_CHANNELS = (1, 3)  # that the core resizes


def survey_arrays(splits: Sequence[ArraySplit], ranges: Sequence[Range]) -> ImageTable:
    """Measure every image of arrays.

    Args:
        splits: the sets, with channels last.
        ranges: their values.
    """
    parts: list[Measurements] = []
    for split, values in zip(splits, ranges, strict=True):
        parts += _measured(split.x, values)
    measurements = joined(parts)
    counts = [len(split.x) for split in splits]
    return ImageTable(
        ArrayNames([(split.begin, split.entries) for split in splits]),
        tuple(split.name for split in splits),
        np.repeat(np.arange(len(splits)), counts),
        _label_numbers([split.y for split in splits]),
        np.repeat([split.x.shape[1:3] for split in splits], counts, axis=0),
        measurements,
        lambda rows: measurements.digest[rows],
    )


def as_pixels(x: NDArray[Any], values: Range) -> Pixels:
    """Images as uint8: pixels as they are, other numbers from 0 to 1 or of their range."""
    least, most = float(values.least.min()), float(values.most.max())
    if x.dtype.kind in "iu" and least >= 0 and 1 < most <= 255:
        return np.ascontiguousarray(x, np.uint8)
    if least >= 0 and most <= 255:
        least, most = 0.0, 1.0 if most <= 1 else 255.0
    scaled = (x.astype(np.float64) - least) * (255 / max(most - least, 1e-30))
    return np.nan_to_num(np.rint(scaled), nan=0, posinf=255, neginf=0).clip(0, 255).astype(np.uint8)


def _measured(x: NDArray[Any], values: Range) -> Iterator[Measurements]:
    for first in range(0, len(x), _IMAGES_AT_ONCE):
        part = x[first : first + _IMAGES_AT_ONCE]
        small = small_pixels(as_pixels(part, values))
        yield replace(measure(small), digest=digests(part))


def small_pixels(pixels: Pixels) -> Pixels:
    """Images with sides of at most 64 pixels, resized where they are larger."""
    height, width, channels = pixels.shape[1:]
    if max(height, width) <= MEASURED_SIDE or channels not in _CHANNELS:
        return pixels
    shape = (min(height, MEASURED_SIDE), min(width, MEASURED_SIDE), channels)
    return np.stack([_core.resize_image(image, *shape, "stretch") for image in pixels])


def _label_numbers(labels: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """One integer per label, equal for equal ones; labels may be vectors."""
    sizes = {each[0].size for each in labels}
    if len(sizes) > 1:  # such as one-hot in one set only
        return np.zeros(sum(map(len, labels)), np.int64)
    rows = np.concatenate([each.reshape(len(each), -1) for each in labels])
    return np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
