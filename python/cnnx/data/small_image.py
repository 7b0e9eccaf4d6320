"""Fast reading of small JPEG and PNG files: shape from the header, pixels by Pillow's decoder.

`PIL.Image.open` takes several times as long as decoding 32 x 32 pixels.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from cnnx.data.dataset import InputShape, Pixels
from cnnx.data.pillow import pillow

# Larger files and images are left to `PIL.Image.open`.
MOST_BYTES = 1 << 16
_MOST_PIXELS = 1 << 20

_JPEG = b"\xff\xd8\xff"
_SCAN = 0xDA
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive
# Tables, comments and application data that change neither shape nor rotation. APP1 is not among
# them: it holds the EXIF or XMP data with the orientation.
_OTHER_MARKERS = frozenset({0xC4, 0xDB, 0xDD, 0xE0, *range(0xE2, 0xF0), 0xFE})

_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_PIXELS_OF_PNG = 8 + 25  # after the signature and the header
_PNG_MODES = {0: "L", 2: "RGB", 6: "RGBA"}
# 8 bits; the only methods of compression and filtering; not interlaced. The colour is omitted.
_PNG_SETTINGS = (8, 0, 0, 0)
# Chunks that change neither shape, rotation nor transparency. Texts are not among them: they may
# hold the EXIF or XMP data with the orientation.
_OTHER_CHUNKS = frozenset({b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"pHYs", b"tIME", b"bKGD", b"sBIT"})


@dataclass(frozen=True)
class SmallImage:
    """Small image in the memory of its file, stored upright and not yet decoded.

    Attributes:
        shape: (height, width, channels) with 1 (grey) or 3 channels.
        mode: Pillow's mode of the decoded pixels.
        decoder: name of Pillow's decoder.
        data: input of the decoder.
    """

    shape: InputShape
    mode: str
    decoder: str
    data: bytes

    def pixels(self, scale: int) -> Pixels | None:
        """Pixels (height, width, 1 | 3 | 4), or None if they cannot be decoded.

        Args:
            scale: 1, 2, 4 or 8: the image of a JPEG file has sides that many times shorter.
        """
        height, width, _ = self.shape
        settings: tuple[object, ...] = (self.mode,)
        if self.decoder == "jpeg":
            height, width = -(-height // scale), -(-width // scale)
            settings = (self.mode, "", scale, 0)
        try:
            image = pillow().frombytes(
                self.mode, (width, height), self.data, self.decoder, *settings
            )
        except Exception:  # decoders raise nearly anything on damaged bytes
            return None
        writable = bytearray(image.tobytes())
        return np.frombuffer(writable, np.uint8).reshape(height, width, -1)


def small_image(data: bytes) -> SmallImage | None:
    """The image in a whole JPEG or PNG file.

    None means that `PIL.Image.open` has to read the file: it has another format, a rare setting,
    EXIF data or several images, or it is large or damaged.
    """
    if data.startswith(_JPEG):
        return _jpeg(data)
    return _png(data) if data.startswith(_PNG) else None


def _jpeg(data: bytes) -> SmallImage | None:
    shape = None
    at = 2
    end = len(data) - 10
    while at < end and data[at] == 0xFF:
        marker = data[at + 1]
        length = data[at + 2] << 8 | data[at + 3]
        if marker in _FRAMES and shape is None:
            height = data[at + 5] << 8 | data[at + 6]
            width = data[at + 7] << 8 | data[at + 8]
            shape = height, width, data[at + 9]
            is_small = 0 < height * width <= _MOST_PIXELS
            if data[at + 4] != 8 or shape[2] not in (1, 3) or not is_small:
                return None
        elif marker == _SCAN and shape is not None:
            return SmallImage(shape, "L" if shape[2] == 1 else "RGB", "jpeg", data)
        elif marker not in _OTHER_MARKERS or data[at + 4 : at + 8] == b"MPF\0":
            return None
        at += 2 + length
    return None


def _png(data: bytes) -> SmallImage | None:
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    bits, colour, *methods = data[24:29].ljust(5, b"\xff")
    mode = _PNG_MODES.get(colour)
    is_intact = zlib.crc32(data[12:29]) == int.from_bytes(data[29:33], "big")
    is_small = 0 < height * width <= _MOST_PIXELS
    if mode is None or (bits, *methods) != _PNG_SETTINGS or not is_small or not is_intact:
        return None
    parts: list[bytes] = []
    at = _PIXELS_OF_PNG
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        name = data[at + 4 : at + 8]
        if name == b"IDAT":
            parts.append(data[at + 8 : at + 8 + length])
        elif parts:  # what follows the pixels does not change them
            shape = height, width, 1 if mode == "L" else 3
            return SmallImage(shape, mode, "zip", b"".join(parts))
        elif name not in _OTHER_CHUNKS:
            return None
        at += 12 + length
    return None
