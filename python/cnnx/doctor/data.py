"""The doctor's examination of a data set: all checks, in an order from cheap to expensive."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx._core import FormatError
from cnnx.arguments import path_of, rectangular_array, shown
from cnnx.data.dataset import Classes, Dataset, Pixels, are_masks
from cnnx.data.mask_sets import mask_sets
from cnnx.data.npz import npz_arrays
from cnnx.data.set_folders import set_folders
from cnnx.data.source import array_sets
from cnnx.doctor.appearance_checks import check_appearance
from cnnx.doctor.array_checks import (
    ArraySplit,
    Range,
    channels_last,
    check_arrays,
    check_labels,
    value_range,
)
from cnnx.doctor.array_survey import as_pixels, small_pixels, survey_arrays
from cnnx.doctor.class_checks import check_classes
from cnnx.doctor.duplicate_checks import check_duplicates
from cnnx.doctor.file_checks import check_formats, check_ignored, check_readable
from cnnx.doctor.finding import Finding, by_severity
from cnnx.doctor.folder_survey import SmallReader, survey_folder
from cnnx.spelling import checked_call

ExaminedData: TypeAlias = "str | os.PathLike[str] | Dataset | tuple[ArrayLike, ArrayLike]"
_SET_NAMES = ("train", "test")


@dataclass(frozen=True)
class Examination:
    """Findings on a data set.

    Attributes:
        findings: the findings, errors first.
        thumbnail: returns small pixels of an image by its name in the findings, or None.
    """

    findings: list[Finding]
    thumbnail: Callable[[str], Pixels | None]


@checked_call
def check_data(data: ExaminedData) -> list[Finding]:
    """Examine a data set and list its defects.

    Images of folders are decoded once, to at most 64 x 64 pixels, so a folder may be larger than
    the memory.

    Args:
        data: path that `cnnx.data.load` accepts; a `cnnx.data.Dataset`; or images and labels
            (x, y), where x has the shape (count, height, width, channels) and values of any scale.

    Returns:
        The findings, errors first. Names of images are files below the path, or indices of an
        array, such as ``7``, or ``test[7]`` if there are several sets. A `Dataset` of image files
        has their names in the place of indices.

    Raises:
        FormatError: if there is no data at the path.
        ValueError: if an array is none of images, or has not one label per image.
        TypeError: if data are none of these.
        OSError: if a path cannot be opened.

    Reference:
        The measures of brightness and information are those of cleanvision. Similar images have
        perceptual hashes (pHash) that differ in at most 4 of 64 bits, and correlated
        thumbnails.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(20, size=16, seed=1)
        >>> [finding.check for finding in cnnx.doctor.check_data((x / 1.0, y))]
        ['scale']
    """
    return examine(data, "check_data").findings


def examine(data: ExaminedData, function: str) -> Examination:
    """Findings on a data set, with access to its images; `function` is named in errors."""
    if isinstance(data, Dataset):
        if are_masks(data.y):
            raise ValueError(_with_masks(f"{function}: data"))
        return _examine_arrays(_splits_of(data), data.classes, function)
    if isinstance(data, (tuple, list)) and len(data) == 2:
        x, y = rectangular_array(data[0], function, "x"), rectangular_array(data[1], function, "y")
        if are_masks(y):
            raise ValueError(_with_masks(f"{function}: y"))
        return _examine_arrays([ArraySplit("train", x, y)], None, function)
    if not isinstance(data, (str, os.PathLike)):
        raise TypeError(
            f"{function}: data is {shown(data)}, expected a path, a Dataset or images and labels "
            "(x, y)"
        )
    path = Path(path_of(data, function, "data"))
    if path.suffix == ".npz" and path.is_file():
        return _examine_archive(path)
    if mask_sets(path):
        raise FormatError(_with_masks(str(path)))
    sets = array_sets(path)
    if sets:
        splits = [
            ArraySplit(name, each.x, each.y) for name, each in zip(_SET_NAMES, sets, strict=False)
        ]
        return _examine_arrays(splits, sets[0].classes, function)
    return _examine_folder(path)


def _with_masks(name: str) -> str:
    return f"{name} has masks, expected a class for each image, which the checks are about"


def _examine_folder(path: Path) -> Examination:
    folders = set_folders(path) or {"train": path}
    survey = survey_folder(path, folders)
    findings = [
        *check_classes(survey.counts),
        *check_readable(survey.unreadable),
        *check_formats(survey.headers),
        *check_ignored(path, folders.values()),
    ]
    if survey.table is not None:
        findings += [*check_duplicates(survey.table), *check_appearance(survey.table)]

    def thumbnail(name: str) -> Pixels | None:
        file = path / name
        try:
            return SmallReader().read(str(file))[1] if file.is_file() else None
        except (FormatError, OSError):
            return None

    return Examination(by_severity(findings), thumbnail)


def _examine_archive(path: Path) -> Examination:
    """Examine an .npz, also one whose arrays `cnnx train` refuses."""
    arrays, classes = npz_arrays(path)
    splits = [
        ArraySplit(name, each.x, each.y[:, 0] if each.y.shape[1:] == (1,) else each.y)
        for name, each in zip(_SET_NAMES, arrays, strict=False)
    ]
    try:
        examined = _examine_arrays(splits, classes, str(path))
    except ValueError as error:
        raise FormatError(str(error)) from error
    refused = [each for each in arrays if each.x.dtype != np.uint8]
    if not refused:
        return examined
    finding = Finding(
        "error",
        "array-type",
        f"{refused[0].names[0]} is {refused[0].x.dtype}, but files hold uint8",
        len(refused),
        tuple(each.names[0] for each in refused),
        "save pixels from 0 to 255 as uint8, or train in Python",
    )
    return replace(examined, findings=by_severity([*examined.findings, finding]))


def _splits_of(dataset: Dataset) -> list[ArraySplit]:
    sets = {"train": dataset, "validation": dataset.validation, "test": dataset.test}
    return [
        ArraySplit(name, each.x, each.y, files=each.names)
        for name, each in sets.items()
        if each is not None
    ]


def _examine_arrays(
    given: Sequence[ArraySplit], classes: Classes | None, function: str
) -> Examination:
    named = [replace(each, begin=f"{each.name}[" if len(given) > 1 else "") for each in given]
    splits, is_first = channels_last(named, function)
    findings: list[Finding] = []
    if is_first:
        findings.append(
            Finding(
                "error",
                "channels-first",
                f"x has shape {given[0].x.shape}, expected channels last",
                1,
                (),
                "pass x.transpose(0, 2, 3, 1)",
            )
        )
    ranges = [value_range(each.x) for each in splits]
    findings += check_arrays(splits, ranges)
    if all(each.y.dtype.kind in "iu" and each.y.ndim == 1 for each in splits):
        findings += check_labels(splits, classes)
        findings += check_classes({each.name: _counts(each, classes) for each in splits})
    table = survey_arrays(splits, ranges)
    findings += [*check_duplicates(table), *check_appearance(table)]

    @cache
    def places() -> dict[str, tuple[NDArray[Any], Range]]:
        """Image and range of its array by name."""
        images = [(each, values) for s, values in zip(splits, ranges, strict=True) for each in s.x]
        return dict(zip(table.names, images, strict=True))

    def thumbnail(name: str) -> Pixels | None:
        if name not in places():
            return None
        image, values = places()[name]
        small: Pixels = small_pixels(as_pixels(image[np.newaxis], values))[0]
        return small

    return Examination(by_severity(findings), thumbnail)


def _counts(split: ArraySplit, classes: Classes | None) -> dict[str, int]:
    """Number of images of the classes that a set has; `check_labels` finds the others."""
    labels, counts = np.unique(split.y, return_counts=True)
    found = dict(zip(labels.tolist(), counts.tolist(), strict=True))
    if not isinstance(classes, tuple):
        return {str(label): count for label, count in found.items() if label >= 0}
    return {name: found[label] for label, name in enumerate(classes) if label in found}
