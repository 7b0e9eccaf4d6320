"""Cache file of decoded pixels: raw memory-mapped bytes, with a JSON file of metadata."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np

from cnnx._core import FormatError
from cnnx.data.dataset import InputShape, Pixels
from cnnx.data.image_files import ImageFiles
from cnnx.files.atomic_file import rename
from cnnx.files.file_lock import hold, is_abandoned
from cnnx.files.regular_file import open_regular

_FORMAT = 2  # 1 had no checksums
_CHECKED_AT_ONCE = 1 << 20  # bytes that are read and checked at a time
_MOST_METADATA = 1 << 28

# Pixels, and the reasons of the unreadable files by their positions.
Contents: TypeAlias = "tuple[Pixels, dict[int, str]]"


def default_folder() -> Path:
    """Default cache folder of the user.

    Raises:
        OSError: if the user has no home folder.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "cnnx"
    except RuntimeError:
        raise OSError(
            "there is no home folder to cache the decoded pixels in, expected $XDG_CACHE_HOME or "
            "Decoding(cache=...)"
        ) from None


class PixelFile:
    """Cache of the pixels of image files at one size.

    The name of the file depends on the names, sizes and times of the images. NAME.json is written
    last, and has the checksum of NAME.pixels. Users who may not read the images may not read the
    cache either.
    """

    def __init__(self, folder: Path, files: ImageFiles, shape: InputShape, resize: str) -> None:
        """Derive the name from the size and time of every file, without reading the files."""
        place = hashlib.sha256(repr((str(files.root.resolve()), shape, resize)).encode())
        digest = hashlib.sha256(str(_FORMAT).encode())
        self._permissions = Permissions(files)
        for index, name in enumerate(files.names):
            about = files.status(index)
            time = None if about is None else (about.st_size, about.st_mtime_ns)
            digest.update(repr((name, time)).encode())
            if about is not None:
                self._permissions.add(about)
        self._folder = folder
        self._shape = shape
        self._set_name = place.hexdigest()[:16]
        self._pixels = folder / f"{self._set_name}-{digest.hexdigest()[:32]}.pixels"
        self._metadata = self._pixels.with_suffix(".json")
        self._count = len(files)
        # Other processes, also in other containers, may write the same file at the same time.
        self._part = self._pixels.with_suffix(f".part-{secrets.token_hex(8)}")

    @property
    def path(self) -> Path:
        """The file of the pixels."""
        return self._pixels

    @contextmanager
    def writing(self) -> Iterator[Callable[[Pixels], object]]:
        """Write images one after the other, with the function that the context returns.

        An unfinished file is removed, and so are those that killed processes left.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._remove_abandoned()
        self._checksum = 0

        def write(pixels: Pixels) -> None:
            self._checksum = zlib.crc32(pixels.data, self._checksum)
            file.write(pixels.data)

        try:
            with self._permissions.create(self._part) as file:
                self._file = file
                hold(file)
                yield write
        except OSError as error:  # the error of a full disk has no file name
            error.filename = error.filename or str(self._part)
            raise
        finally:
            self._part.unlink(missing_ok=True)

    def finish(self, unreadable: dict[int, str]) -> Contents:
        """Complete the file and map it; `unreadable` are the reasons of the skipped files."""
        self._file.close()  # Windows renames no open or mapped file
        rename(self._part, self._pixels)
        contents = self._map(self._pixels, unreadable)
        metadata = self._part.with_name(f"{self._part.name}.metadata")
        positions = [[index, reason] for index, reason in unreadable.items()]
        with self._permissions.create(metadata) as file:
            file.write(_sealed({"unreadable": positions, "checksum": self._checksum}))
        rename(metadata, self._metadata)
        self._remove_older()
        return contents

    def read(self) -> Contents | None:
        """Pixels, memory-mapped, and the reasons of the unreadable files by their positions.

        None if there is no such file, or it is damaged.
        """
        try:
            with open_regular(self._metadata) as file:
                # Not read(_MOST_METADATA), which allocates so many bytes.
                if os.fstat(file.fileno()).st_size > _MOST_METADATA:
                    return None
                metadata = _unsealed(file.read())
            unreadable = dict(metadata["unreadable"])
            with open_regular(self._pixels) as file:
                if _checksum(file) != metadata["checksum"]:
                    return None
            return self._map(self._pixels, unreadable)
        except (OSError, ValueError):
            return None

    def _map(self, path: Path, unreadable: dict[int, str]) -> Contents:
        """Map the pixels of a file.

        Raises:
            ValueError: if the file has another size.
        """
        return map_pixels(path, (self._count - len(unreadable), *self._shape)), unreadable

    def _remove_older(self) -> None:
        """Remove earlier versions of the same set; existing mappings stay valid."""
        for file in self._folder.glob(f"{self._set_name}-*"):
            if file.stem != self._pixels.stem and file.suffix in (".pixels", ".json"):
                with suppress(OSError):
                    file.unlink()

    def _remove_abandoned(self) -> None:
        for part in self._folder.glob("*.part-*"):
            with suppress(OSError):
                if is_abandoned(part):
                    part.unlink()


def map_pixels(path: Path, shape: tuple[int, ...]) -> Pixels:
    """Map the pixels of a file.

    Raises:
        FormatError: if the file has another size.
        OSError: if it cannot be read.
    """
    if shape[0] == 0:
        return np.empty(shape, np.uint8)
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size != int(np.prod(shape)):
            raise FormatError(f"{path}: was changed while it was in use; load the images again")
        return np.memmap(file, np.uint8, "r", shape=shape)


class Permissions:
    """Permissions of a file derived from others: who may read them all may read it."""

    def __init__(self, files: ImageFiles) -> None:
        """Begin with those who may enter the folders of the files."""
        self._common = 0o044
        self._groups: set[int] = set()
        root = files.root.resolve()
        inner = {root / name.rpartition(os.sep)[0] for name in files.names}
        for folder in {above for each in inner for above in (each, *each.parents)}:
            self._common &= folder.stat().st_mode << 2  # the right to enter as the right to read

    def add(self, about: os.stat_result) -> None:
        """Exclude those who may not read a file."""
        self._common &= about.st_mode
        self._groups.add(about.st_gid)

    def create(self, path: Path) -> IO[bytes]:
        """Create a file, readable by its owner, its group or everyone, and open it for writing."""
        mode = 0o644 if self._common & 0o004 else 0o600 | self._common
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        file = os.fdopen(os.open(path, flags, mode), "wb")
        if mode == 0o640 and self._groups != {os.fstat(file.fileno()).st_gid}:
            path.chmod(0o600)
        return file


def _checksum(file: IO[bytes]) -> int:
    """CRC-32 of the rest of a file."""
    checksum = 0
    while part := file.read(_CHECKED_AT_ONCE):
        checksum = zlib.crc32(part, checksum)
    return checksum


def _sealed(metadata: dict[str, Any]) -> bytes:
    """Metadata as JSON, with a digest of the other entries."""
    digest = hashlib.sha256(json.dumps(metadata).encode()).hexdigest()
    return json.dumps({"digest": digest, **metadata}).encode()


def _unsealed(content: bytes) -> dict[str, Any]:
    """Metadata of `_sealed`.

    Raises:
        ValueError: if the content is damaged.
    """
    try:
        metadata: dict[str, Any] = json.loads(content)
        del metadata["digest"]
        is_whole = content == _sealed(metadata)
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise ValueError("is no metadata of a cache") from error
    if not is_whole:
        raise ValueError("is damaged metadata of a cache")
    return metadata
