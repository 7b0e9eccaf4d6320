"""Reader of IDX files, the format of MNIST."""

from __future__ import annotations

import gzip
import math
import os
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cnnx._core import FormatError
from cnnx.arguments import one_of, path_of
from cnnx.data.arrays import ArraySet
from cnnx.data.dataset import Classes, Dataset, Labels, Pixels
from cnnx.data.memory import check_size, checked_limit
from cnnx.files.regular_file import open_regular
from cnnx.spelling import checked_call

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_DIMENSIONS = 8
_GZIP_MAGIC = b"\x1f\x8b"
# Maximum compression ratio of Deflate; a file that declares more data is damaged.
_MOST_GZIP_RATIO = 1032
# Names of the sets, and both spellings of the file names in use.
_SET_NAMES = ("train", "t10k")
_SPELLINGS = ("{set}-{kind}-idx{rank}-ubyte", "{set}-{kind}.idx{rank}-ubyte")


@checked_call
def read_idx(path: str | os.PathLike[str], *, memory_limit: int | None = None) -> NDArray[Any]:
    """Read one IDX file, plain or compressed with gzip, as an array of its type and shape.

    Args:
        path: IDX file; its first bytes tell whether it is compressed.
        memory_limit: limit in bytes of the array in a compressed file; None is a quarter of the
            memory that the process may use.

    Raises:
        FormatError: if it is not an IDX file, has fewer or more bytes than its header declares, or
            declares more than the limit.
        TypeError: if the limit is not an integer.
        ValueError: if the limit is negative.
        OSError: if it cannot be opened.
    """
    path = Path(path_of(path, "read_idx"))
    limit = checked_limit(memory_limit, "read_idx")
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        compressed = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        file.seek(0)
        if not compressed:
            return _read(file, path, most_bytes=size, memory_limit=size)
        try:
            with gzip.GzipFile(fileobj=file) as stream:
                return _read(stream, path, size * _MOST_GZIP_RATIO, limit)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FormatError(
                f"{path}: the compressed data is damaged or cut short; fetch the file again"
            ) from error


def _read(
    stream: IO[bytes] | gzip.GzipFile, path: Path, most_bytes: int, memory_limit: int | None
) -> NDArray[Any]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES:
        raise FormatError(
            f"{path}: is not an IDX file: it begins with 0x{magic.hex()}, "
            "expected 0x0000, a type and a number of dimensions"
        )
    rank = magic[3]
    if not 1 <= rank <= _MOST_DIMENSIONS:
        raise FormatError(f"{path}: declares {rank} dimensions, expected 1 to {_MOST_DIMENSIONS}")
    sizes = stream.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise FormatError(f"{path}: is cut short inside its header; fetch the file again")
    shape = tuple(int.from_bytes(sizes[at : at + 4], "big") for at in range(0, 4 * rank, 4))
    dtype = np.dtype(_TYPES[magic[2]])
    declared = dtype.itemsize * math.prod(shape)  # Python's integers do not overflow
    if declared > most_bytes:
        raise FormatError(
            f"{path}: declares {declared} bytes of data, more than the whole file can hold; "
            "it is cut short or damaged, fetch it again"
        )
    check_size(f"{path}: its array", declared, memory_limit)
    # Shapes that NumPy refuses, even for an empty array.
    if dtype.itemsize * math.prod(filter(None, shape)) > sys.maxsize:
        raise FormatError(f"{path}: declares the shape {shape}, which is too large for an array")
    data = np.empty(declared, dtype=np.uint8)
    present = _fill(stream, data.data)
    if present < declared:
        raise FormatError(
            f"{path}: declares {declared} bytes of data but holds {present}; "
            "it is cut short, fetch it again"
        )
    if stream.read(1):  # one byte is enough to detect trailing data of any length
        raise FormatError(f"{path}: continues after the {declared} bytes of data it declares")
    return data.view(dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _fill(stream: IO[bytes] | gzip.GzipFile, target: memoryview) -> int:
    """Read until `target` is full or the stream ends; return the number of bytes read."""
    filled = 0
    while filled < len(target):
        chunk = stream.read(min(len(target) - filled, 1 << 20))
        if not chunk:
            break
        target[filled : filled + len(chunk)] = chunk
        filled += len(chunk)
    return filled


class IdxSet(ArraySet):
    """Images and labels of one set, "train" or "t10k", of a folder of IDX files."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        set_name: str,
        classes: Classes | None = None,
        memory_limit: int | None = None,
    ) -> None:
        """Read both files and check that they match.

        Args:
            folder: folder of the files.
            set_name: "train" or "t10k".
            classes: class names, or the number of classes; None infers it from the largest label.
            memory_limit: as for `read_idx`.

        Raises:
            FormatError: if a file is missing or damaged, or images and labels do not match.
        """
        folder = Path(path_of(folder, "IdxSet", "folder"))
        one_of(set_name, _SET_NAMES, "IdxSet", "set_name")
        images = _find(folder, set_name, "images")
        labels = _find(folder, set_name, "labels")
        if images is None or labels is None:
            missing = "labels" if labels is None else "images"
            rank = 1 if labels is None else 3
            raise FormatError(
                f"{folder}: lacks {set_name}-{missing}-idx{rank}-ubyte (or .gz), "
                f"which belongs to {(images or labels or folder).name}"
            )
        x, y = _images(images, memory_limit), _labels(labels, memory_limit)
        super().__init__(str(folder / f"{set_name}-*"), x, y, classes)


def idx_sets(
    folder: str | os.PathLike[str],
    classes: Classes | None = None,
    memory_limit: int | None = None,
) -> list[IdxSet]:
    """IDX sets in a folder, the training set first; empty if it has no IDX files."""
    sets: list[IdxSet] = []
    for set_name in _SET_NAMES:
        kinds = ("images", "labels")
        if any(_find(Path(folder), set_name, kind) is not None for kind in kinds):
            known = sets[0].classes if sets else classes
            sets.append(IdxSet(folder, set_name, known, memory_limit))
    return sets


@checked_call
def load_idx(folder: str | os.PathLike[str], *, memory_limit: int | None = None) -> Dataset:
    """Read a folder of IDX files, such as MNIST or Fashion-MNIST.

    Args:
        folder: folder of `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, and optionally
            the same files of `t10k` for the test set; plain or compressed (`.gz`). The spelling
            `train-images.idx3-ubyte` is also accepted.
        memory_limit: as for `read_idx`.

    Returns:
        uint8 images of shape (count, height, width, channels) and int64 labels.

    Raises:
        FormatError: if there are no such files, or one is damaged or does not match the others.
    """
    sets = idx_sets(path_of(folder, "load_idx", "folder"), memory_limit=memory_limit)
    if not sets:
        raise FormatError(
            f"{os.fspath(folder)}: holds no IDX files (train-images-idx3-ubyte and its labels)"
        )
    shape = sets[0].input_shape
    test = sets[1].load(shape) if len(sets) > 1 else None
    return replace(sets[0].load(), test=test)


def _find(folder: Path, set_name: str, kind: str) -> Path | None:
    """File of one set and kind in any spelling, or None."""
    rank = 3 if kind == "images" else 1
    for spelling in _SPELLINGS:
        for ending in ("", ".gz"):
            file = folder / (spelling.format(set=set_name, kind=kind, rank=rank) + ending)
            if file.is_file():
                return file
    return None


def _images(path: Path, memory_limit: int | None) -> Pixels:
    pixels = read_idx(path, memory_limit=memory_limit)
    if pixels.dtype != np.uint8 or pixels.ndim not in (3, 4) or 0 in pixels.shape:
        raise FormatError(
            f"{path}: holds {pixels.dtype} of shape {pixels.shape}, "
            "expected images: uint8 of shape (count, height, width)"
        )
    return pixels if pixels.ndim == 4 else pixels[..., np.newaxis]


def _labels(path: Path, memory_limit: int | None) -> Labels:
    labels = read_idx(path, memory_limit=memory_limit)
    if labels.dtype.kind not in "iu" or labels.ndim != 1 or labels.size == 0 or labels.min() < 0:
        raise FormatError(
            f"{path}: holds {labels.dtype} of shape {labels.shape}, "
            "expected labels: integers from 0 of shape (count,)"
        )
    return labels.astype(np.int64)
