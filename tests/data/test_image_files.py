"""Unusual image files: turned TIFF, EXIF data after the pixels, grey PNG with transparency."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from cnnx.data.image import image_shape, read_image
from numpy.typing import NDArray
from PIL import Image

GREY = np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 6)
TURNED = {
    1: GREY,
    2: GREY[:, ::-1],
    3: GREY[::-1, ::-1],
    4: GREY[::-1],
    5: GREY.T,
    6: np.rot90(GREY, -1),
    7: GREY[::-1, ::-1].T,
    8: np.rot90(GREY),
}
IMAGES = {
    "grey": GREY,
    "wide": GREY.astype(np.uint16) * 257,
    "rgb": np.stack([GREY] * 3, axis=2),
    "rgba": np.stack([GREY] * 3 + [np.full_like(GREY, 255)], axis=2),
}


def png(rows: list[bytes], width: int, bits: int, *late: bytes, level: int | None = None) -> bytes:
    """A grey PNG file from packed rows, with a transparent level, and chunks after its pixels."""

    def chunk(content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(content))
        return struct.pack(">I", len(content) - 4) + content + checksum

    header = b"IHDR" + struct.pack(">IIBBBBB", width, len(rows), bits, 0, 0, 0, 0)
    transparent = [] if level is None else [b"tRNS" + struct.pack(">H", level)]
    pixels = b"IDAT" + zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = [header, *transparent, pixels, *late, b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(chunk, chunks))


def packed(row: NDArray[np.int64], bits: int) -> bytes:
    text = "".join(f"{value:0{bits}b}" for value in row)
    text = text.ljust(-(-len(text) // 8) * 8, "0")
    return int(text, 2).to_bytes(len(text) // 8, "big")


@pytest.mark.parametrize("compression", ["raw", "packbits", "tiff_lzw"])
@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
def test_a_tiff_file_is_turned(
    tmp_path: Path, image: NDArray[np.generic], orientation: int, compression: str
) -> None:
    path = tmp_path / "image.tif"
    Image.fromarray(image).save(path, compression=compression, tiffinfo={0x0112: orientation})
    height, width, _ = image_shape(path)
    expected = TURNED[orientation]
    assert (height, width) == expected.shape
    assert np.array_equal(read_image(path, (height, width, 1))[..., 0], expected)


def test_exif_data_after_the_pixels_turn_neither_the_size_nor_the_image(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    rows = [row.tobytes() for row in GREY]
    path.write_bytes(png(rows, 6, 8, b"eXIf" + exif.tobytes()[6:]))
    assert image_shape(path) == (4, 6, 1)
    assert np.array_equal(read_image(path, (4, 6, 1))[..., 0], GREY)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_grey_png_has_a_transparent_level(tmp_path: Path, bits: int) -> None:
    """Its pixels are read as those of any image with opacity."""
    levels = np.array([[1, 0, 1, 0]] if bits == 1 else [[0, 1, 2, 3]]) * (2**bits // 4 or 1)
    transparent = int(levels[0, 1])
    path, other = tmp_path / "level.png", tmp_path / "opacity.png"
    path.write_bytes(png([packed(row, bits) for row in levels], 4, bits, level=transparent))
    grey = np.round(levels * (255 / (2**bits - 1))).astype(np.uint8)
    opacity = np.where(levels == transparent, 0, 255).astype(np.uint8)
    Image.fromarray(np.stack([grey] * 3 + [opacity], axis=2)).save(other)
    assert image_shape(path) == (1, 4, 1)
    for channels in (1, 3):
        shape = (1, 4, channels)
        assert np.array_equal(read_image(path, shape), read_image(other, shape))


def test_a_transparent_level_beside_which_another_rounds_to_the_same_8_bits(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(png([packed(np.array([20000, 20001]), 16)], 2, 16, level=20000))
    transparent, opaque = read_image(path, (1, 2, 1))[0, :, 0]
    assert opaque == (20001 + 128) // 257
    assert transparent != opaque
