"""Decoding of one image file by Pillow; the core resizes and converts to grey or RGB."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnx import _core
from cnnx._core import FormatError
from cnnx.data.dataset import InputShape, Pixels

if TYPE_CHECKING:
    from PIL import Image

# Pillow's modes of grey images, with or without alpha.
_GREY_MODES = frozenset({"1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N", "I", "F"})
_ORIENTATION = 0x0112  # the EXIF tag
# The transpositions that turn an image of each orientation upright.
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_LARGEST_SIDE = 1 << 20  # largest side that the core resizes


def pillow() -> Any:
    """Module PIL.Image, imported on first use, so that only image files need Pillow.

    Raises:
        ImportError: if Pillow is not installed.
    """
    try:
        import PIL.Image
    except ImportError as error:
        raise ImportError(
            "reading image files needs Pillow: "
            f"run {shlex.quote(sys.executable)} -m pip install pillow"
        ) from error
    return PIL.Image


def image_shape(path: str | os.PathLike[str]) -> InputShape:
    """(height, width, channels) from the header of a file, with 1 (grey) or 3 channels.

    Raises:
        FormatError: if the file is not an image, or is damaged.
        OSError: if the file cannot be opened.
    """
    with _opened(path) as image:
        height, width = image.height, image.width
        if image.format == "TIFF":  # some versions of Pillow return the rotated size
            tags: Any = image
            height, width = tags.tag_v2[_TIFF_HEIGHT], tags.tag_v2[_TIFF_WIDTH]
        if _orientation(image) >= 5:
            height, width = width, height
        return height, width, 1 if image.mode in _GREY_MODES else 3


def read_image(
    path: str | os.PathLike[str], input_shape: InputShape, *, resize: str = "stretch"
) -> Pixels:
    """Read one image file as uint8 pixels of shape `input_shape`.

    Args:
        path: file in any format Pillow reads; the first frame of an animation is used.
        input_shape: (height, width, channels), usually a model's `input_shape`.
        resize: "stretch", "fit" or "crop", usually a model's `preprocessing.resize`.

    Raises:
        FormatError: if the file is not an image, or is damaged.
        OSError: if the file cannot be opened.
        ImportError: if Pillow is not installed.
    """
    with _opened(path) as image:
        try:
            pixels = _pixels(image)
        except FormatError as error:
            raise FormatError(f"{os.fspath(path)}: {error}") from None
        except Exception as error:  # decoders raise nearly anything on damaged bytes
            raise _unreadable(path) from error
    if max(pixels.shape) > _LARGEST_SIDE:
        size = f"{image.height} x {image.width}"
        raise FormatError(f"{os.fspath(path)}: is {size}, expected sides up to {_LARGEST_SIDE}")
    height, width, channels = input_shape
    return _core.resize_image(pixels, height, width, channels, resize)


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Image.Image]:
    """The image in a file, not yet decoded.

    Pillow gets an open file instead of the path. Given a path it maps uncompressed TIFF files into
    memory, and mixes up the rows of rotated ones.
    """
    module = pillow()
    with Path(path).open("rb") as file:
        try:
            image: Image.Image = module.open(file)
        except OSError as error:
            if error.errno is not None:  # an error of the system, such as a failing disk
                raise
            raise _unreadable(path) from error
        except Exception as error:  # such as Pillow's limit on the number of pixels
            raise _unreadable(path) from error
        with image:
            yield image


def _unreadable(path: str | os.PathLike[str]) -> FormatError:
    return FormatError(f"{os.fspath(path)}: cannot be read as an image")


def _orientation(image: Image.Image) -> int:
    """Orientation by the EXIF data read so far, 1 to 8; from 5 on height and width are exchanged.

    Damaged EXIF data count as 1, no rotation.
    """
    try:
        # The method of the base class, because that of PNG files decodes the image.
        value = pillow().Image.getexif(image).get(_ORIENTATION)
    except Exception:
        return 1
    return value if value in range(1, 9) else 1


def _pixels(image: Image.Image) -> Pixels:
    """Pixels of an image in any mode as uint8 (height, width, 1 | 3 | 4), rotated by EXIF.

    EXIF data after the pixels, which PNG allows, are ignored, as `image_shape` ignores them.
    """
    undecoded: Any = image
    raw_mode = undecoded.tile[0][3] if undecoded.tile else None
    orientation = _orientation(image)
    image.load()
    if image.format == "TIFF":  # some versions of Pillow have rotated it
        orientation = _orientation(image)
    if orientation != 1:
        image = image.transpose(getattr(pillow().Transpose, _TURNS[orientation]))
    level = image.info.get("transparency")
    if image.mode in _GREY_MODES and isinstance(level, int):
        return _with_transparent_level(image, level, raw_mode)
    if image.mode.startswith("I"):
        return _narrow(np.asarray(image))
    if image.mode == "F":
        raise FormatError("holds real numbers of no known range; save it with 8 bits per channel")
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode in ("LA", "La", "PA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode not in ("L", "RGB", "RGBA"):
        image = image.convert("RGB")
    pixels = np.array(image, dtype=np.uint8)
    return pixels.reshape(image.height, image.width, -1)


def _with_transparent_level(image: Image.Image, level: int, raw_mode: object) -> Pixels:
    """Pixels of a grey image with one transparent level, as uint8 (height, width, 4).

    Args:
        image: decoded image.
        level: transparent level, in the bits of the file's pixels.
        raw_mode: Pillow's mode of the file's pixels.
    """
    values = np.asarray(image)
    if image.mode.startswith("I"):
        grey = _narrow(values)
    else:
        bits = {"1": 1, "L;2": 2, "L;4": 4}.get(str(raw_mode), 8)
        values = grey = np.array(image.convert("L"))[..., np.newaxis]
        level = level * 255 // (2**bits - 1)
    alpha = np.where(values.reshape(grey.shape) == level, 0, 255).astype(np.uint8)
    return np.concatenate([grey, grey, grey, alpha], axis=2)


def _narrow(wide: np.ndarray[Any, Any]) -> Pixels:
    """16-bit brightness as 8 bits, rounded: 65535 becomes 255. Pillow's own conversion clips."""
    values = wide.astype(np.int64)
    if values.min(initial=0) < 0 or values.max(initial=0) > 65535:
        raise FormatError("holds brightness outside 0 to 65535; save it with 8 bits per channel")
    return ((values + 128) // 257).astype(np.uint8)[..., np.newaxis]
