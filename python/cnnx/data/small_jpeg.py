"""Fast reading of small JPEG files: the shape from the markers, the pixels by Pillow's decoder.

`PIL.Image.open` takes several times as long as decoding 32 x 32 pixels.
"""

from __future__ import annotations

import numpy as np

from cnnx.data.dataset import InputShape, Pixels
from cnnx.data.pillow import pillow

# Larger files and images are left to `PIL.Image.open`.
MOST_BYTES = 1 << 16
_MOST_PIXELS = 1 << 20
_START = b"\xff\xd8\xff"
_SCAN = 0xDA
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive
_COLOUR_PROFILE = 0xE2
# Tables, comments and application data that change neither shape nor rotation. APP1 is not among
# them: it holds the EXIF or XMP data with the orientation.
_OTHERS = frozenset({0xC4, 0xDB, 0xDD, 0xE0, _COLOUR_PROFILE, *range(0xE3, 0xF0), 0xFE})


def jpeg_shape(data: bytes) -> InputShape | None:
    """(height, width, channels) of a small grey or colour JPEG file that is stored upright.

    None means that `PIL.Image.open` has to read the file: it has another format, EXIF data, several
    images or four components, or it is large or damaged.
    """
    if not data.startswith(_START):
        return None
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
        elif marker == _SCAN:
            return shape
        elif marker not in _OTHERS or data[at + 4 : at + 8] == b"MPF\0":
            return None
        at += 2 + length
    return None


def decode_jpeg(data: bytes, shape: InputShape, scale: int = 1) -> Pixels | None:
    """Pixels of a file whose `jpeg_shape` is `shape`, or None if they cannot be decoded.

    Args:
        data: whole file.
        shape: shape of the image.
        scale: 1, 2, 4 or 8; the decoder returns an image whose sides are that many times shorter.
    """
    height, width, channels = shape
    mode = "RGB" if channels == 3 else "L"
    size = (-(-width // scale), -(-height // scale))
    try:
        image = pillow().frombytes(mode, size, data, "jpeg", mode, "", scale, 0)
    except Exception:  # decoders raise nearly anything on damaged bytes
        return None
    writable = bytearray(image.tobytes())
    return np.frombuffer(writable, np.uint8).reshape(size[1], size[0], channels)
