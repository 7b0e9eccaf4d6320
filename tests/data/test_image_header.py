"""Headers of image files: format, bits, transparency, rotation and frames."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from cnnx import FormatError
from cnnx.data.image_header import ImageHeader, image_header

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")


def saved(path: Path, mode: str = "RGB", **options: Any) -> ImageHeader:
    Image.new(mode, (6, 4)).save(path, **options)
    return image_header(path)


def test_plain_files(tmp_path: Path) -> None:
    assert saved(tmp_path / "a.png") == ImageHeader("PNG", "RGB", (4, 6, 3))
    assert saved(tmp_path / "a.jpg", "L") == ImageHeader("JPEG", "L", (4, 6, 1))
    assert saved(tmp_path / "a.bmp") == ImageHeader("BMP", "RGB", (4, 6, 3))
    assert saved(tmp_path / "a.tif", compression="tiff_lzw").is_plain("a.TIF")


def test_transparency(tmp_path: Path) -> None:
    for mode in ("RGBA", "LA"):
        assert saved(tmp_path / "a.png", mode).has_alpha
    header = saved(tmp_path / "a.png", "P", transparency=0)
    assert header.has_alpha
    assert not header.is_plain("a.png")


def test_more_than_8_bits(tmp_path: Path) -> None:
    assert saved(tmp_path / "a.png", "I;16").is_wide
    assert saved(tmp_path / "a.tif", "F").is_wide
    # Pillow reads 16 bits per channel of RGB, but writes only 8.
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", 6, 4, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(4 * (1 + 6 * 3 * 2)))),
        (b"IEND", b""),
    )
    file = tmp_path / "b.png"
    file.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in parts
        )
    )
    assert image_header(file) == ImageHeader("PNG", "RGB", (4, 6, 3), is_wide=True)


def test_rotation_and_frames(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert saved(tmp_path / "a.jpg", exif=exif) == ImageHeader(
        "JPEG", "RGB", (6, 4, 3), is_rotated=True
    )
    frames = [Image.new("L", (6, 4), color) for color in (10, 200)]
    assert saved(tmp_path / "a.gif", save_all=True, append_images=frames).is_animated
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    assert image_header(tmp_path / "a.tif").is_animated


def test_extensions_of_formats(tmp_path: Path) -> None:
    header = saved(tmp_path / "a.jpg", "CMYK")
    assert header.has_format_of("b.JPEG")
    assert not header.has_format_of("b.png")
    assert not header.is_plain("b.jpg")


def test_a_file_that_is_no_image(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"<html>")
    with pytest.raises(FormatError, match=r"a\.png: cannot be read as an image"):
        image_header(file)
