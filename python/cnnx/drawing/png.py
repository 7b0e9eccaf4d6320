"""Pixels as PNG files and as images in a page."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from cnnx.drawing.markup import Markup, element

_GREY, _RGB, _PALETTE, _RGBA = 0, 2, 3, 6
_COLOUR_TYPES = {1: _GREY, 3: _RGB, 4: _RGBA}
# Every row begins with the byte of its filter; 0 leaves the pixels as they are.
_NO_FILTER = 0


def png(pixels: NDArray[np.uint8], palette: NDArray[np.uint8] | None = None) -> bytes:
    """PNG file of uint8 pixels.

    Args:
        pixels: (height, width) or (height, width, 1) for grey, or 3 or 4 channels for RGB or RGBA.
        palette: up to 256 RGB colours, (colours, 3). Then the pixels, (height, width), are indices
            of them.

    Reference:
        Portable Network Graphics (PNG) Specification, second edition, ISO/IEC 15948:2003.
    """
    stacked = pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
    height, width, channels = stacked.shape
    rows = np.full((height, 1 + width * channels), _NO_FILTER, np.uint8)
    rows[:, 1:] = stacked.reshape(height, -1)
    colour_type = _COLOUR_TYPES[channels] if palette is None else _PALETTE
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    parts = (
        b"\x89PNG\r\n\x1a\n",
        _chunk(b"IHDR", header),
        b"" if palette is None else _chunk(b"PLTE", palette.tobytes()),
        _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
        _chunk(b"IEND", b""),
    )
    return b"".join(parts)


def data_uri(pixels: NDArray[np.uint8], palette: NDArray[np.uint8] | None = None) -> str:
    """The PNG file of pixels as an address that holds it. Arguments are those of `png`."""
    return f"data:image/png;base64,{base64.b64encode(png(pixels, palette)).decode('ascii')}"


def image(
    pixels: NDArray[np.uint8],
    text: str,
    *,
    width: int | None = None,
    palette: NDArray[np.uint8] | None = None,
) -> Markup:
    """An image in a page, with its pixels as sharp squares where it is enlarged.

    Args:
        pixels: as for `png`.
        text: description for readers that do not see it.
        width: width in the page in CSS pixels; None is one per pixel.
        palette: as for `png`.
    """
    height = None if width is None else round(width * pixels.shape[0] / pixels.shape[1])
    return element(
        "img",
        class_="pixels",
        src=data_uri(pixels, palette),
        alt=text,
        width=width,
        height=height,
    )


def reduced(pixels: NDArray[np.uint8], most: int) -> NDArray[np.uint8]:
    """Pixels with sides of at most about `most`, each the mean of a square of the given ones.

    Args:
        pixels: (height, width, channels).
        most: longest side. Rows and columns that fill no whole square are left out.
    """
    height, width, channels = pixels.shape
    side = -(-max(height, width) // most)
    if side == 1:
        return pixels
    rows, columns = max(1, height // side), max(1, width // side)
    squares = pixels[: rows * side, : columns * side].astype(np.float64)
    tall, wide = min(side, height), min(side, width)
    means = squares.reshape(rows, tall, columns, wide, channels).mean(axis=(1, 3))
    return np.asarray(np.rint(means), dtype=np.uint8)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
