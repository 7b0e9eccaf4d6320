"""Checks of single images: dark, bright, blurred, without information, of odd size or colour."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cnnx.data.folder import DEFAULT_SIDE
from cnnx.data.image_file_set import LARGEST_COMMON_SIDE
from cnnx.doctor.finding import Finding, Severity, number_of
from cnnx.doctor.image_table import ImageTable

Mask = NDArray[np.bool_]

_CONSTANT = 4  # largest difference of the pixels of an image without content
_DARK = 0.32 * 255  # of the 99th percentile of brightness
_BRIGHT = 0.95 * 255  # of the 5th percentile
_LEAST_ENTROPY = 2.0  # bits per pixel
_LEAST_SHARPNESS = 0.7
# A property of more of the images than this belongs to the data, as the black border of digits.
_MOST_UNUSUAL = 0.05
_QUARTILE_RANGES = 3.0  # from the quartiles to an odd size
_ODD_RATIO = 2.0  # of the side of an odd image to the median
_MOST_STRETCHED = 2.0


def check_appearance(table: ImageTable) -> Iterator[Finding]:
    """Findings on single images.

    Reference:
        The measures of brightness and information are those of cleanvision.
    """
    measured = table.measurements
    constant = measured.spread <= _CONSTANT
    yield from _finding(
        table,
        constant,
        ("warning", "constant-images"),
        ("image has a single colour", "images have a single colour"),
        "remove them",
    )
    entropy = measured.entropy
    few_bits = _unusual(entropy < _LEAST_ENTROPY) & (entropy < np.median(entropy) / 2)
    for mask, check, adjective, advice in (
        (_unusual(measured.high < _DARK), "dark", "nearly black", "brighten or remove them"),
        (_unusual(measured.low > _BRIGHT), "bright", "nearly white", "darken or remove them"),
        (few_bits, "low-information", "nearly empty", "remove them"),
        (_unusual(measured.sharpness < _LEAST_SHARPNESS), "blurry", "blurred", "look at them"),
    ):
        yield from _finding(
            table,
            mask & ~constant,
            ("warning", check),
            (f"image is {adjective}", f"images are {adjective}"),
            advice,
        )
    yield from _sizes(table)
    yield from _colours(table)


def _unusual(mask: Mask) -> Mask:
    """The images of a mask, or none of them if a property of so many belongs to the data."""
    is_unusual = int(mask.sum()) <= max(1, _MOST_UNUSUAL * len(mask))
    return mask if is_unusual else np.zeros_like(mask)


def _sizes(table: ImageTable) -> Iterator[Finding]:
    sides = np.sqrt(table.sizes.prod(axis=1))
    low, high = np.quantile(sides, (0.25, 0.75))
    reach = _QUARTILE_RANGES * (high - low)
    ratios = sides / np.median(sides)
    yield from _finding(
        table,
        ((sides < low - reach) | (sides > high + reach))
        & ((ratios > _ODD_RATIO) | (ratios < 1 / _ODD_RATIO)),
        ("note", "odd-sizes"),
        ("image is much smaller or larger than", "images are much smaller or larger than"),
        "look at them",
        "the others",
    )
    is_common = bool((table.sizes == table.sizes[0]).all())
    if is_common and table.sizes.max() <= LARGEST_COMMON_SIDE:
        return
    aspects = table.sizes.max(axis=1) / table.sizes.min(axis=1)
    yield from _finding(
        table,
        aspects > _MOST_STRETCHED,
        ("warning", "odd-aspect"),
        ("image is", "images are"),
        "cut them, or train in another shape with --size HEIGHTxWIDTH",
        f"distorted by more than {_MOST_STRETCHED:.0f} when resized to "
        f"{DEFAULT_SIDE} x {DEFAULT_SIDE}",
    )


def _colours(table: ImageTable) -> Iterator[Finding]:
    is_colour = table.measurements.is_colour
    if is_colour.mean() >= 0.5:
        yield from _finding(
            table,
            ~is_colour & (table.measurements.spread > _CONSTANT),
            ("note", "grey-among-colour"),
            ("image is grey", "images are grey"),
            "check that colour does not tell the classes apart by their source",
            "among colour images",
        )
    else:
        yield from _finding(
            table,
            is_colour,
            ("note", "colour-among-grey"),
            ("image has colour", "images have colour"),
            "convert them to grey, or all images are read as RGB",
            "among grey images",
        )


def _finding(
    table: ImageTable,
    mask: Mask,
    kind: tuple[Severity, str],
    words: tuple[str, str],
    advice: str,
    end: str = "",
) -> Iterator[Finding]:
    """A finding on the images of a mask, if there are any.

    Args:
        table: all images.
        mask: the images that it concerns.
        kind: severity and name of the check.
        words: what follows the count of one image, and of several.
        advice: what to do.
        end: end of the message after these words.
    """
    count = int(mask.sum())
    if count:
        message = f"{number_of(count, *words)} {end}".rstrip()
        yield Finding(*kind, message, count, table.listed(mask), advice)
