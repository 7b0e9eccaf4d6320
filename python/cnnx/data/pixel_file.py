"""Cache file of decoded pixels: raw memory-mapped bytes, with a JSON file of metadata."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from cnnx.data.dataset import InputShape, Pixels
from cnnx.data.file_lock import hold, is_abandoned

_FORMAT = 1


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
    last; NAME.pixels is complete if it exists.
    """

    def __init__(
        self, folder: Path, files: Sequence[Path], root: Path, shape: InputShape, resize: str
    ) -> None:
        """Derive the name from the size and time of every file, without reading the files."""
        place = hashlib.sha256(repr((str(root.resolve()), shape, resize)).encode())
        digest = hashlib.sha256(str(_FORMAT).encode())
        for file in files:
            about = file.stat()
            name = str(file.relative_to(root))
            digest.update(repr((name, about.st_size, about.st_mtime_ns)).encode())
        self._folder = folder
        self._shape = shape
        self._set_name = place.hexdigest()[:16]
        self._pixels = folder / f"{self._set_name}-{digest.hexdigest()[:32]}.pixels"
        self._metadata = self._pixels.with_suffix(".json")
        self._count = len(files)
        # Other processes, also in other containers, may write the same file at the same time.
        self._part = self._pixels.with_suffix(f".part-{secrets.token_hex(8)}")

    def exists(self) -> bool:
        """Whether the file exists and is complete."""
        try:
            unreadable = self._unreadable()
            return self._pixels.stat().st_size == self._size(unreadable)
        except (OSError, ValueError, KeyError, TypeError):
            return False

    @contextmanager
    def writing(self) -> Iterator[Callable[[Pixels], object]]:
        """Write images one after the other, with the function that the context returns.

        An unfinished file is removed, and so are those that killed processes left.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._remove_abandoned()
        try:
            with self._part.open("wb") as file:
                self._file = file
                hold(file)
                yield lambda pixels: file.write(pixels.data)
        except OSError as error:  # the error of a full disk has no file name
            error.filename = error.filename or str(self._part)
            raise
        finally:
            self._part.unlink(missing_ok=True)

    def finish(self, unreadable: list[int]) -> None:
        """Complete the file; `unreadable` are the positions of the skipped files."""
        self._file.flush()
        self._part.replace(self._pixels)
        metadata = self._part.with_name(f"{self._part.name}.metadata")
        metadata.write_text(json.dumps({"unreadable": unreadable}))
        metadata.replace(self._metadata)
        self._remove_older()

    def read(self) -> tuple[Pixels, list[int]]:
        """Memory-map the pixels; return them and the positions of the unreadable files."""
        unreadable = self._unreadable()
        count = self._count - len(unreadable)
        if count == 0:
            return np.empty((0, *self._shape), np.uint8), unreadable
        return np.memmap(self._pixels, np.uint8, "r", shape=(count, *self._shape)), unreadable

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

    def _unreadable(self) -> list[int]:
        return [int(each) for each in json.loads(self._metadata.read_text())["unreadable"]]

    def _size(self, unreadable: list[int]) -> int:
        return (self._count - len(unreadable)) * int(np.prod(self._shape))
