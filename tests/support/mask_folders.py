"""Folders of images and masks for tests, drawn from labels in each form."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")

Masks = NDArray[np.uint8]
NAMES = ("background", "cat", "dog", "tree")
COLOURS = ((0, 0, 0), (255, 0, 0), (0, 128, 0), (9, 8, 200))
TABLE = dict(zip(NAMES, COLOURS, strict=True))
SIZE = (12, 17)


def random_masks(count: int, size: tuple[int, int] = SIZE, classes: int = 4) -> Masks:
    masks = np.random.default_rng(count).integers(0, classes, (count, *size), np.uint8)
    masks[:, 0, :classes] = np.arange(classes)
    return masks


def write_images(folder: Path, masks: Masks, ending: str = "png") -> None:
    folder.mkdir(parents=True)
    random = np.random.default_rng(1)
    for index, mask in enumerate(masks):
        pixels = random.integers(0, 256, (*mask.shape, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.{ending}")


def indexed(mask: Masks) -> Any:
    image = Image.fromarray(mask)
    image.putpalette([*np.random.default_rng(0).integers(0, 255, 768).tolist()])
    return image


def coloured(mask: Masks) -> Any:
    return Image.fromarray(np.array(COLOURS, np.uint8)[mask])


def write_masks(root: Path, masks: Masks, draw: Callable[[Masks], Any] = Image.fromarray) -> Path:
    """A folder of images and masks, each drawn from its labels."""
    write_images(root / "images", masks)
    (root / "masks").mkdir()
    for index, mask in enumerate(masks):
        draw(mask).save(root / "masks" / f"{index}.png")
    return root


def write_class_files(root: Path, masks: Masks, names: tuple[str, ...] = NAMES) -> Path:
    write_images(root / "images", masks)
    for label, name in enumerate(names):
        folder = root / "masks" / name
        if label > 0:
            folder.mkdir(parents=True)
            for index, mask in enumerate(masks):
                if (mask == label).any():
                    is_class = np.where(mask == label, 200, 0).astype(np.uint8)
                    Image.fromarray(is_class).save(folder / f"{index}.png")
    return root


def change(path: Path, pixels: NDArray[Any], **settings: Any) -> None:
    Image.fromarray(pixels).save(path, **settings)


def png_of_bits(mask: Masks, bits: int) -> bytes:
    """Grey PNG file of so many bits per pixel."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(content, zlib.crc32(kind))
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    rows = b""
    for row in mask.tolist():
        text = "".join(f"{value:0{bits}b}" for value in row)
        text = text.ljust(-(-len(text) // 8) * 8, "0")
        rows += b"\0" + int(text, 2).to_bytes(len(text) // 8, "big")
    header = struct.pack(">IIBBBBB", mask.shape[1], mask.shape[0], bits, 0, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"IDAT", zlib.compress(rows)),
            chunk(b"IEND", b""),
        ]
    )
