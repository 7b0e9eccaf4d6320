"""Checks of loaded images that take a small fraction of the time of loading them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cnnx.data.dataset import Dataset, Labels, Pixels, are_masks
from cnnx.doctor.array_checks import UNUSED_LISTED, unused_labels
from cnnx.doctor.class_checks import check_classes
from cnnx.doctor.duplicate_checks import exact_duplicates
from cnnx.doctor.finding import Finding, by_severity
from cnnx.doctor.image_table import LabelledNames
from cnnx.doctor.measurements import digests
from cnnx.doctor.row_groups import Rows, equal_values, rows_of

_WORDS = 8  # of 8 bytes, in each of two places of an image, that are compared first


def quick_findings(sets: Mapping[str, Dataset], names: Sequence[str]) -> list[Finding]:
    """Findings on the numbers of images, and on equal images.

    Images in a memory-mapped file are not compared, because that would read the file once more.

    Args:
        sets: loaded sets of one shape by name, the training set first.
        names: names of all their images.
    """
    every_count = {name: loaded.class_counts for name, loaded in sets.items()}
    counts = {
        name: {each: count for each, count in of_set.items() if count}
        for name, of_set in every_count.items()
    }
    train = next(iter(sets))
    unused = [each for each, count in every_count[train].items() if count == 0]
    sizes = [len(loaded.y) for loaded in sets.values()]
    table = LabelledNames(
        names,
        tuple(sets),
        np.repeat(np.arange(len(sets)), sizes),
        np.concatenate([_labels(loaded) for loaded in sets.values()]),
    )
    arrays = [loaded.x for loaded in sets.values()]
    is_mapped = any(isinstance(x, np.memmap) for x in arrays)
    equal = [] if is_mapped else _equal_images(arrays)
    findings = []
    if unused:
        are_named = not isinstance(sets[train].classes, int)
        findings.append(unused_labels(len(unused), unused[:UNUSED_LISTED], are_named, len(sets)))
    return by_severity([*findings, *check_classes(counts), *exact_duplicates(equal, table)])


def _labels(loaded: Dataset) -> Labels:
    """Labels of the images; those with masks count as of one class."""
    return np.asarray(np.zeros(len(loaded.y)) if are_masks(loaded.y) else loaded.y, np.int64)


def _equal_images(arrays: Sequence[Pixels]) -> list[Rows]:
    """Rows of equal images of all arrays, in groups of at least two.

    A few bytes of every image are compared, and all pixels only of the images that share them.
    """
    alike = np.sort(rows_of(equal_values(np.concatenate(list(map(_samples, arrays))))))
    begins = np.cumsum([0, *map(len, arrays)])
    exact = [
        digests(array[alike[(alike >= begin) & (alike < begin + len(array))] - begin])
        for array, begin in zip(arrays, begins.tolist(), strict=False)
    ]
    return [alike[group] for group in equal_values(np.concatenate(exact))]


def _samples(x: Pixels) -> NDArray[np.uint64]:
    """Checksum of some bytes of every image: a sum of words, each multiplied by its own number."""
    rows = x.reshape(len(x), -1)
    size = min(8 * _WORDS, rows.shape[1] // 8 * 8)
    factors = np.random.default_rng(0).integers(0, 2**64, (2, size // 8), dtype=np.uint64)
    result = np.zeros(len(x), np.uint64)
    for place, each in enumerate(factors | np.uint64(1), 1):
        first = (rows.shape[1] - size) * place // 3
        result += np.ascontiguousarray(rows[:, first : first + size]).view(np.uint64) @ each
    return result
