"""Checks of arrays: order of the axes, scale, constant channels, NaN, labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnx.arguments import shown
from cnnx.batch_arguments import DARKEST
from cnnx.data.dataset import Classes, count_classes
from cnnx.doctor.finding import Finding, images_of, number_of
from cnnx.doctor.image_table import array_name
from cnnx.mapping import check_mapping

_LARGEST_FLOAT = 1.5  # of pixels from 0 to 1, with some overshoot
_LARGEST_BYTE = 255
_LARGEST_STANDARDISED = 20.0  # absolute value, in standard deviations
_LARGEST_SCALE_RATIO = 20.0  # of the largest absolute values of two sets
_FEWEST_PIXELS = 8  # of a side; a shorter axis holds channels
_CHANNELS = (1, 3, 4)
_ROWS_AT_ONCE = 1024
UNUSED_LISTED = 1000


@dataclass(frozen=True)
class ArraySplit:
    """Images and labels of one set as arrays.

    Attributes:
        name: "train", "validation" or "test".
        x: images, (count, height, width, channels).
        y: labels.
        begin: begin of the names of images before their entry, empty for a single set.
        files: names of the image files, or empty if there are none.
    """

    name: str
    x: NDArray[Any]
    y: NDArray[Any]
    begin: str = ""
    files: Sequence[str] = ()

    @property
    def entries(self) -> Sequence[object]:
        """File names or indices of the images."""
        return self.files or range(len(self.x))

    def names(self, rows: NDArray[Any]) -> tuple[str, ...]:
        """Names of images by their indices."""
        entries = self.entries
        return tuple(array_name(self.begin, entries[row]) for row in rows.tolist())


@dataclass(frozen=True)
class Range:
    """Values of an array of images.

    Attributes:
        least: smallest finite value of every channel.
        most: largest finite value of every channel.
        broken: indices of the images with NaN or infinite values.
        is_whole: whether all finite values are integers.
    """

    least: NDArray[np.float64]
    most: NDArray[np.float64]
    broken: NDArray[np.int64]
    is_whole: bool


def channels_last(splits: Sequence[ArraySplit], function: str) -> tuple[list[ArraySplit], bool]:
    """Sets with channels in the last axis, and whether any had them in the first.

    Raises:
        ValueError: if an array is none of images, or has not one label per image.
        FormatError: if a file that an array is mapped from was cut short since.
    """
    result: list[ArraySplit] = []
    is_first = False
    for split in splits:
        x, count = split.x, len(split.y) if split.y.ndim else 0
        check_mapping(x, f"{function}: x")
        if x.dtype.kind not in "biuf" or x.ndim not in (3, 4) or 0 in x.shape:
            raise ValueError(
                f"{function}: x is {x.dtype} of shape {x.shape}, expected numbers of shape (count, "
                "height, width) or (count, height, width, channels)"
            )
        if len(x) != count:
            raise ValueError(
                f"{function}: y is {shown(split.y)}, expected {len(x)} labels, one for each image"
            )
        if x.ndim == 3:
            x = x[..., np.newaxis]
        elif x.shape[1] in _CHANNELS and min(x.shape[2:]) >= _FEWEST_PIXELS:
            x = x.transpose(0, 2, 3, 1)
            is_first = True
        result.append(replace(split, x=x))
    return result, is_first


def value_range(x: NDArray[Any]) -> Range:
    """Smallest and largest values of images, (count, height, width, channels)."""
    if x.dtype.kind != "f":
        axes = (0, 1, 2)
        least, most = x.min(axis=axes).astype(np.float64), x.max(axis=axes).astype(np.float64)
        return Range(least, most, np.empty(0, np.int64), is_whole=True)
    least = np.full(x.shape[-1], np.inf)
    most = np.full(x.shape[-1], -np.inf)
    broken: list[int] = []
    is_whole = True
    for first in range(0, len(x), _ROWS_AT_ONCE):
        part = x[first : first + _ROWS_AT_ONCE].reshape(-1, *x.shape[1:])
        finite = np.isfinite(part)
        whole = bool(finite.all())
        if not whole:
            broken += (first + np.flatnonzero(~finite.all(axis=(1, 2, 3)))).tolist()
        least = np.minimum(least, part.min(axis=(0, 1, 2), where=finite, initial=np.inf))
        most = np.maximum(most, part.max(axis=(0, 1, 2), where=finite, initial=-np.inf))
        is_whole = is_whole and bool((np.rint(part) == part)[finite].all())
    return Range(least, most, np.array(broken, np.int64), is_whole)


def check_arrays(splits: Sequence[ArraySplit], ranges: Sequence[Range]) -> Iterator[Finding]:
    """Findings on the values of arrays.

    Args:
        splits: the sets, with channels last.
        ranges: their values.
    """
    broken = [name for s, r in zip(splits, ranges, strict=True) for name in s.names(r.broken)]
    if broken:
        yield Finding(
            "error",
            "not-finite",
            number_of(len(broken), "image has", "images have") + " NaN or infinite values",
            len(broken),
            tuple(broken),
            "remove them, or find the operation that made them",
        )
    yield from _scale(splits[0].x.dtype, ranges[0])
    yield from _different_scales(splits, ranges)
    train = ranges[0]
    constant = np.flatnonzero(train.least == train.most)
    if len(constant) and len(splits[0].x) > 1:
        yield Finding(
            "warning",
            "constant-channels",
            number_of(len(constant), "channel has", "channels have") + " one value in all images",
            len(constant),
            tuple(f"channel {k}" for k in constant.tolist()),
            "remove it, or find out why it is empty",
        )


def _scale(dtype: np.dtype[Any], values: Range) -> Iterator[Finding]:
    least, most = float(values.least.min()), float(values.most.max())
    text = f"x holds {dtype} from {least:.4g} to {most:.4g}, expected "
    message, advice = "", ""
    if dtype.kind == "f" and least >= 0 and most > _LARGEST_FLOAT:
        kind = "pixels as whole numbers" if values.is_whole else "floats"
        message = f"{text}0 to 1: {kind} on a larger scale"
        is_byte = _LARGEST_BYTE / 2 < most <= _LARGEST_BYTE
        advice = "pass x.astype(np.uint8), or x / 255" if is_byte else f"pass x / {most:.4g}"
    elif dtype.kind == "f" and max(-least, most) > _LARGEST_STANDARDISED:
        message = f"{text}0 to 1, or standardised values"
        advice = "scale them, or set the mean and std of the model's preprocessing"
    elif dtype.kind in "iu" and 0 < most <= DARKEST:
        message = f"{text}0 to 255: integers are divided by 255, so these images are nearly black"
        advice = f"pass x.astype(np.float32) / {most:.0f}"
    elif dtype.kind in "iu" and (least < 0 or most > _LARGEST_BYTE):
        message = f"{text}0 to 255"
        advice = "pass floats from 0 to 1"
    if message and np.isfinite(most):
        yield Finding("error", "scale", message, 1, (), advice)


def _different_scales(splits: Sequence[ArraySplit], ranges: Sequence[Range]) -> Iterator[Finding]:
    largest = [float(np.maximum(-each.least, each.most).max()) for each in ranges]
    for split, most in zip(splits[1:], largest[1:], strict=True):
        same_kind = (split.x.dtype.kind == "f") == (splits[0].x.dtype.kind == "f")
        low, high = sorted((most, largest[0]))
        if same_kind and high > _LARGEST_SCALE_RATIO * max(low, 0.0):
            yield Finding(
                "error",
                "different-scales",
                f"the {split.name} set has values up to {most:.4g}, the training set up to "
                f"{largest[0]:.4g}",
                1,
                (),
                "scale both in the same way",
            )


def check_labels(splits: Sequence[ArraySplit], classes: Classes | None) -> Iterator[Finding]:
    """Findings on labels that are integers: negative ones, too large ones, unused ones.

    Args:
        splits: the sets.
        classes: class names or their number; None is the largest label of the first set and one.
    """
    train = splits[0].y
    known = max(int(train.max()) + 1, 1) if classes is None else count_classes(classes)
    outside = [
        name
        for split in splits
        for name in split.names(np.flatnonzero((split.y < 0) | (split.y >= known)))
    ]
    if outside:
        yield Finding(
            "error",
            "labels-out-of-range",
            number_of(len(outside), "image has a label", "images have labels")
            + f" outside 0 to {known - 1}",
            len(outside),
            tuple(outside),
            "number the classes from 0",
        )
    used = np.unique(train[(train >= 0) & (train < known)])
    if len(used) < known:
        # Of labels such as years, the unused ones are too many to be listed.
        first = np.arange(min(known, len(used) + UNUSED_LISTED))
        unused = np.setdiff1d(first, used)[:UNUSED_LISTED]
        names = None if classes is None or isinstance(classes, int) else classes
        listed = [str(label if names is None else names[label]) for label in unused.tolist()]
        yield unused_labels(known - len(used), listed, names is not None, len(splits))


def unused_labels(count: int, listed: Sequence[str], are_named: bool, sets: int) -> Finding:
    """The finding that so many labels, some of which are listed, have no images."""
    words = ("class has", "classes have") if are_named else ("label has", "labels have")
    return Finding(
        "warning",
        "unused-labels",
        f"{number_of(count, *words)} no {images_of(sets)}",
        count,
        tuple(listed),
        "add images" if are_named else "number the classes from 0 without gaps",
    )
