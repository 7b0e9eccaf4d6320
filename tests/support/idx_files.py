"""IDX files for tests, written without cnnx: valid ones, and ones with a wrong header."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array: np.ndarray, shape: Sequence[int] | None = None) -> bytes:
    """The file of an array; `shape` is written to the header, correct or not."""
    shape = array.shape if shape is None else shape
    header = bytes([0, 0, CODES[array.dtype.str[1:]], len(shape)])
    return (
        header
        + struct.pack(f">{len(shape)}I", *shape)
        + array.astype(">" + array.dtype.str[1:]).tobytes()
    )


def write_set(
    folder: Path, name: str, x: np.ndarray, y: np.ndarray, spelling: str = "-", gz: bool = False
) -> None:
    folder.mkdir(exist_ok=True)
    for kind, rank, array in (("images", 3, x), ("labels", 1, y)):
        file = f"{name}-{kind}{spelling}idx{rank}-ubyte"
        if gz:
            (folder / f"{file}.gz").write_bytes(gzip.compress(idx_bytes(array)))
        else:
            (folder / file).write_bytes(idx_bytes(array))
