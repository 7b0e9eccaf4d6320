"""Decoding of one image file by Pillow; the core resizes and converts to grey or RGB."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from cnnx import _core
from cnnx._core import FormatError
from cnnx.arguments import path_of
from cnnx.data.dataset import InputShape, Pixels, checked_shape
from cnnx.data.memory import DecodingMemory, checked_limit
from cnnx.data.pillow import pillow
from cnnx.data.small_image import MOST_BYTES, SmallImage, small_image
from cnnx.files.regular_file import open_descriptor
from cnnx.spelling import checked_call

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
UNREADABLE = "cannot be read as an image"
_LARGEST_SIDE = 1 << 20  # largest side that the core resizes
_PIXELS_AT_ONCE = 1 << 20  # pixels that are converted at a time


@checked_call
def read_image(
    path: str | os.PathLike[str],
    input_shape: InputShape,
    *,
    resize: str = "stretch",
    memory_limit: int | None = None,
) -> Pixels:
    """Read one image file as uint8 pixels of shape `input_shape`.

    JPEG files of at least four times the size are decoded at a half, a quarter or an eighth of
    their size, but at least twice the size of the result, and then resized.

    Args:
        path: file in any format Pillow reads; the first frame of an animation is used.
        input_shape: (height, width, channels), usually a model's `input_shape`.
        resize: "stretch", "fit" or "crop", usually a model's `preprocessing.resize`.
        memory_limit: limit in bytes of the memory for the decoded image; None is a quarter of the
            memory that the process may use.

    Raises:
        FormatError: if the file is not an image, is damaged, or exceeds the limit.
        TypeError: if an argument has another type.
        ValueError: if a size, the way of resizing or the limit is impossible.
        OSError: if the file cannot be opened.
        ImportError: if Pillow is not installed.
    """
    shape = checked_shape(input_shape, resize, "read_image")
    limit = checked_limit(memory_limit, "read_image")
    return ImageReader(shape, resize, DecodingMemory(limit)).read(path_of(path, "read_image"))


class ImageReader:
    """Reader of image files as uint8 pixels of one shape; threads may share it."""

    def __init__(self, input_shape: InputShape, resize: str, memory: DecodingMemory) -> None:
        """Import Pillow.

        Args:
            input_shape: (height, width, channels) of the result.
            resize: "stretch", "fit" or "crop".
            memory: memory of the images that are being decoded.

        Raises:
            ImportError: if Pillow is not installed.
        """
        self._shape = input_shape
        self._resize = resize
        self._memory = memory
        pillow()

    def read(self, path: str | os.PathLike[str]) -> Pixels:
        """Pixels of a file, resized.

        Raises:
            FormatError: if the file is not an image, is damaged, or exceeds the limit.
            OSError: if the file cannot be opened.
        """
        pixels = self._read(path, resizes=True)[1]
        assert pixels is not None
        return pixels

    def convert(self, image: Image.Image) -> Pixels:
        """Pixels of an open image of Pillow, resized; the image is decoded if it is not yet.

        Raises:
            FormatError: if the image is damaged, or has pixels of no known range. The sentence
                lacks its subject.
        """
        try:
            pixels = _pixels(image)
        except FormatError:
            raise
        except Exception as error:  # decoders raise nearly anything on damaged bytes
            raise FormatError(UNREADABLE) from error
        return self._resized(pixels)

    def read_unless_resized(self, path: str | os.PathLike[str]) -> tuple[InputShape, Pixels | None]:
        """Shape of an image, and its pixels if it has the shape of the result.

        Raises:
            FormatError: as `read`.
            OSError: as `read`.
        """
        return self._read(path, resizes=False)

    def _read(
        self, path: str | os.PathLike[str], resizes: bool
    ) -> tuple[InputShape, Pixels | None]:
        descriptor, size = open_descriptor(path)
        try:
            small = small_image_of(descriptor, size)
            if small is not None:
                if small.shape != self._shape and not resizes:
                    return small.shape, None
                pixels = small.pixels(self._scale(small.shape))
                if pixels is not None:
                    return small.shape, self._resized(pixels)
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return self._read_any_format(file, path, resizes)
        finally:
            os.close(descriptor)

    def _read_any_format(
        self, file: IO[bytes], path: str | os.PathLike[str], resizes: bool
    ) -> tuple[InputShape, Pixels | None]:
        name = os.fspath(path)
        with opened_image(file, path) as image:
            shape = upright_shape(image)
            if shape != self._shape and not resizes:
                return shape, None
            height, width, _ = shape
            scale = self._scale(shape)
            if image.format == "JPEG" and image.mode in ("L", "RGB") and scale > 1:
                image.draft(image.mode, (image.width // scale, image.height // scale))
            with self._memory.admit(
                decoding_bytes(image), f"{name}: an image of {height} x {width}"
            ):
                try:
                    pixels = _pixels(image)
                except FormatError as error:
                    raise FormatError(f"{name}: {error}") from None
                except Exception as error:  # decoders raise nearly anything on damaged bytes
                    raise _unreadable(path) from error
                image.close()
                return shape, self._resized(pixels)

    def _scale(self, shape: InputShape) -> int:
        """Largest reduction of a JPEG file to at least twice the size of the result."""
        most = min(shape[0] // (2 * self._shape[0]), shape[1] // (2 * self._shape[1]))
        return 8 if most >= 8 else 4 if most >= 4 else 2 if most >= 2 else 1

    def _resized(self, pixels: Pixels) -> Pixels:
        if pixels.shape == self._shape:
            return pixels
        height, width, channels = self._shape
        return _core.resize_image(pixels, height, width, channels, self._resize)


def image_shape(path: str | os.PathLike[str]) -> InputShape:
    """(height, width, channels) from the header of a file, with 1 (grey) or 3 channels.

    Raises:
        FormatError: if the file is not an image, or is damaged.
        OSError: if the file cannot be opened.
    """
    descriptor, size = open_descriptor(path)
    try:
        small = small_image_of(descriptor, size)
        if small is not None:
            return small.shape
        with os.fdopen(descriptor, "rb", closefd=False) as file, opened_image(file, path) as image:
            return upright_shape(image)
    finally:
        os.close(descriptor)


def small_image_of(descriptor: int, size: int) -> SmallImage | None:
    """The small image in an open file of `size` bytes, or None."""
    return small_image(os.read(descriptor, MOST_BYTES)) if size <= MOST_BYTES else None


def upright_shape(image: Image.Image) -> InputShape:
    """(height, width, channels) of an open image after EXIF rotation."""
    height, width = image.height, image.width
    if image.format == "TIFF":  # some versions of Pillow return the rotated size
        tags: Any = image
        height, width = tags.tag_v2[_TIFF_HEIGHT], tags.tag_v2[_TIFF_WIDTH]
    if _orientation(image) >= 5:
        height, width = width, height
    return height, width, 1 if image.mode in _GREY_MODES else 3


def decoding_bytes(image: Image.Image) -> int:
    """Memory for decoding an image: Pillow's pixels, a rotated copy, and the array."""
    stored = 1 if image.mode in ("1", "L", "P") else 2 if image.mode.startswith("I;16") else 4
    copies = 1 if _orientation(image) == 1 else 2
    is_grey = image.mode in _GREY_MODES and "transparency" not in image.info
    return image.height * image.width * (copies * stored + (1 if is_grey else 4))


@contextmanager
def opened_image(file: IO[bytes], path: str | os.PathLike[str]) -> Iterator[Image.Image]:
    """The image in an open file, not yet decoded.

    Pillow gets an open file instead of the path. Given a path it maps uncompressed TIFF files into
    memory, and mixes up the rows of rotated ones.
    """
    module = pillow()
    try:
        image: Image.Image = module.open(file)
    except module.DecompressionBombError as error:
        raise _too_large(path, str(error)) from error
    except OSError as error:
        if error.errno is not None:  # an error of the system, such as a failing disk
            raise
        raise _unreadable(path) from error
    except Exception as error:
        raise _unreadable(path) from error
    with image:
        if max(image.size) > _LARGEST_SIDE:
            size = f"{image.height} x {image.width}"
            raise FormatError(f"{os.fspath(path)}: is {size}, expected sides up to {_LARGEST_SIDE}")
        yield image


def _too_large(path: str | os.PathLike[str], message: str) -> FormatError:
    """Error of an image above Pillow's limit, half of which is its setting."""
    found = re.search(r"(\d+) pixels\)", message)
    pixels = int(found[1]) if found else 0
    most = 2 * (pillow().MAX_IMAGE_PIXELS or 0)
    return FormatError(
        f"{os.fspath(path)}: has {pixels} pixels, expected at most {most}; "
        f"shrink it, or set PIL.Image.MAX_IMAGE_PIXELS = {-(-pixels // 2)}"
    )


def _unreadable(path: str | os.PathLike[str]) -> FormatError:
    return FormatError(f"{os.fspath(path)}: {UNREADABLE}")


def is_upright(image: Image.Image) -> bool:
    """Whether an open image is stored without rotation and mirroring."""
    return _orientation(image) == 1


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

    EXIF data after the pixels, which PNG allows, are ignored, as `image_shape` ignores them. Rows
    are converted a few at a time, because copies of a large image would take as much memory as it.
    """
    image, raw_mode = upright(image)
    if image.mode == "I" and image.format in (None, "TIFF"):
        _refuse_levels_of_bytes(image)
    rows = max(1, _PIXELS_AT_ONCE // image.width)
    if rows >= image.height:
        return _converted(image, raw_mode)
    parts = (
        _converted(image.crop((0, row, image.width, min(row + rows, image.height))), raw_mode)
        for row in range(0, image.height, rows)
    )
    first = next(parts)
    pixels = np.empty((image.height, *first.shape[1:]), np.uint8)
    pixels[:rows] = first
    for row, part in zip(range(rows, image.height, rows), parts, strict=True):
        pixels[row : row + rows] = part
    return pixels


def _refuse_levels_of_bytes(image: Image.Image) -> None:
    """Refuse an image of 32 bits with levels up to 255, which would be dark on the scale to 65535.

    Older versions of Pillow open other files of 16 bits in this mode, whose scale is known.

    Raises:
        FormatError: if no level is above 255, and one is above 0.
    """
    extrema: Any = image.getextrema()
    least, most = extrema
    if least >= 0 and 0 < most <= 255:
        raise FormatError(
            f"holds 32 bits per pixel with levels up to {most}, expected levels up to 65535, or 8 "
            'bits per pixel: image.convert("L")'
        )


def upright(image: Image.Image) -> tuple[Image.Image, object]:
    """An image decoded and turned by its EXIF data, and Pillow's mode of the file's pixels."""
    tiles = getattr(image, "tile", None)  # of a file that is not yet decoded
    raw_mode = tiles[0][3] if tiles else None
    orientation = _orientation(image)
    image.load()
    if image.format == "TIFF":  # some versions of Pillow have rotated it
        orientation = _orientation(image)
    if orientation != 1:
        image = image.transpose(getattr(pillow().Transpose, _TURNS[orientation]))
    return image, raw_mode


def grey_bits(raw_mode: object) -> int:
    """Bits of a level of a grey file of at most 8, whose pixels have Pillow's mode `raw_mode`."""
    return {"1": 1, "L;2": 2, "L;4": 4}.get(str(raw_mode), 8)


def _converted(image: Image.Image, raw_mode: object) -> Pixels:
    """Pixels of a decoded image in any mode as uint8 (height, width, 1 | 3 | 4).

    Args:
        image: decoded image.
        raw_mode: Pillow's mode of the file's pixels.
    """
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
        bits = grey_bits(raw_mode)
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
