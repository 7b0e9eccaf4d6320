"""Labels of the pixels of one mask file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cnnx._core import FormatError
from cnnx.data.class_table import ClassTable
from cnnx.data.dataset import Masks
from cnnx.data.image import (
    UNREADABLE,
    decoding_bytes,
    grey_bits,
    opened_image,
    upright,
    upright_shape,
)
from cnnx.data.mask_labels import IGNORED
from cnnx.data.memory import DecodingMemory
from cnnx.files.regular_file import open_descriptor

if TYPE_CHECKING:
    from PIL import Image

_LOSSY = frozenset({"JPEG", "MPO"})
_GREY_MODES = frozenset({"1", "L", "LA", "I;16", "I;16L", "I;16B", "I;16N", "I"})
_COLOUR_MODES = frozenset({"P", "PA", "RGB", "RGBA"})


@dataclass(frozen=True)
class Values:
    """Values of a mask file.

    Attributes:
        labels: values, (height, width).
        is_white: whether the value 255 is white, as in a mask of black and white.
    """

    labels: Masks
    is_white: bool


def read_values(
    path: str | os.PathLike[str],
    size: tuple[int, int],
    table: ClassTable | None,
    memory: DecodingMemory,
) -> Values:
    """Labels of a mask by the colours of a table, else the indices that it holds.

    Args:
        path: file that Pillow reads.
        size: (height, width) of its image.
        table: table; without colours, the file holds indices.
        memory: memory of the files that are being decoded.

    Raises:
        FormatError: if the file cannot be read, is a JPEG file, has another size than its image, or
            holds other colours, or other values than 0 to 255.
        OSError: if it cannot be opened.
    """
    name = os.fspath(path)
    descriptor, _ = open_descriptor(path)
    with os.fdopen(descriptor, "rb") as file, opened_image(file, path) as image:
        if image.format in _LOSSY:
            raise FormatError(
                f"{name}: is a JPEG file, whose compression changes labels, expected PNG"
            )
        height, width, _ = upright_shape(image)
        if (height, width) != size:
            raise FormatError(
                f"{name}: has {height} x {width} pixels, but its image {size[0]} x {size[1]}"
            )
        with memory.admit(decoding_bytes(image), f"{name}: a mask of {height} x {width}"):
            try:
                return _values(*upright(image), table)
            except FormatError as error:
                raise FormatError(f"{name}: {error}") from None
            except Exception as error:  # decoders raise nearly anything on damaged bytes
                raise FormatError(f"{name}: {UNREADABLE}") from error


def _values(image: Image.Image, raw_mode: object, table: ClassTable | None) -> Values:
    if image.mode not in _GREY_MODES | _COLOUR_MODES:
        raise FormatError(f"has pixels of mode {image.mode}, expected grey, indexed or RGB colours")
    if table is not None and table.colours is not None:
        if image.mode in _GREY_MODES:
            levels = _levels(image, raw_mode, is_scaled=True)
            return Values(table.labels(np.stack([levels] * 3, axis=-1)), is_white=False)
        return Values(table.labels(_rgb(image)), is_white=False)
    if image.mode == "P":
        return Values(np.array(image, np.uint8), _last_colour(image) == (255, 255, 255))
    if image.mode in _GREY_MODES:
        return Values(_levels(image, raw_mode, is_scaled=False), is_white=True)
    colours = _rgb(image)
    grey = colours[..., 0]
    if not (colours == grey[..., np.newaxis]).all():
        raise FormatError(
            "has colours, but there is no table of them: write one, such as classes.json with "
            '{"road": [255, 0, 0]}, or pass classes={"road": (255, 0, 0)}'
        )
    return Values(grey.copy(), is_white=True)


def _rgb(image: Image.Image) -> NDArray[np.uint8]:
    """Colours, without transparency."""
    if image.mode == "P":
        image.info.pop("transparency", None)
    return np.asarray(image.convert("RGBA" if image.mode == "PA" else "RGB"))[..., :3]


def _levels(image: Image.Image, raw_mode: object, *, is_scaled: bool) -> Masks:
    """Levels of a grey image as they are in the file, or scaled to 0 to 255."""
    if image.mode == "1":
        return np.asarray(image).astype(np.uint8) * np.uint8(255 if is_scaled else 1)
    levels = np.asarray(image.getchannel("L") if image.mode == "LA" else image)
    wrong = np.argwhere((levels < 0) | (levels > IGNORED))
    if len(wrong):
        row, column = wrong[0]
        raise FormatError(
            f"has label {levels[row, column]} at row {row}, column {column}, expected 0 to "
            f"{IGNORED}"
        )
    steps = 1 if is_scaled else IGNORED // (2 ** grey_bits(raw_mode) - 1)
    return (levels // steps).astype(np.uint8)


def _last_colour(image: Image.Image) -> tuple[int, ...]:
    """Colour of the value 255, which a short palette lacks."""
    return tuple((image.getpalette() or [])[3 * IGNORED :])
