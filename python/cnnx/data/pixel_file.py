"""Decoded pixels kept in a file: raw bytes that are mapped into memory, and a note beside them."""

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
    """Where the user's caches are.

    Raises:
        OSError: if there is no such place.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "cnnx"
    except RuntimeError:
        raise OSError(
            "there is no home folder to keep the decoded pixels in, expected $XDG_CACHE_HOME or "
            "Decoding(cache=...)"
        ) from None


class PixelFile:
    """The pixels of some image files at one size, under a name that changes when they do.

    NAME.pixels is complete when NAME.json is there, which is written last.
    """

    def __init__(
        self, folder: Path, files: Sequence[Path], root: Path, shape: InputShape, resize: str
    ) -> None:
        """Look at every file's size and time, not into it."""
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
        self._note = self._pixels.with_suffix(".json")
        self._count = len(files)
        # Others may write the same at the same time, in other containers even.
        self._part = self._pixels.with_suffix(f".part-{secrets.token_hex(8)}")

    def exists(self) -> bool:
        """Whether it is there, complete."""
        try:
            unreadable = self._unreadable()
            return self._pixels.stat().st_size == self._size(unreadable)
        except (OSError, ValueError, KeyError, TypeError):
            return False

    @contextmanager
    def writing(self) -> Iterator[Callable[[Pixels], object]]:
        """What writes one image after the other; what is not finished leaves nothing behind, and
        what killed processes did not finish is removed.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._remove_abandoned()
        try:
            with self._part.open("wb") as file:
                self._file = file
                hold(file)
                yield lambda pixels: file.write(pixels.data)
        except OSError as error:  # such as of a full disk, which does not say where
            error.filename = error.filename or str(self._part)
            raise
        finally:
            self._part.unlink(missing_ok=True)

    def finish(self, unreadable: list[int]) -> None:
        """Give what was written its name; `unreadable` are the positions that are left out."""
        self._file.flush()
        self._part.replace(self._pixels)
        note = self._part.with_name(f"{self._part.name}.note")
        note.write_text(json.dumps({"unreadable": unreadable}))
        note.replace(self._note)
        self._remove_older()

    def read(self) -> tuple[Pixels, list[int]]:
        """The pixels, mapped, and the positions of the files that could not be read."""
        unreadable = self._unreadable()
        count = self._count - len(unreadable)
        if count == 0:
            return np.empty((0, *self._shape), np.uint8), unreadable
        return np.memmap(self._pixels, np.uint8, "r", shape=(count, *self._shape)), unreadable

    def _remove_older(self) -> None:
        """What the same set was before an image changed; who has it mapped keeps it."""
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
        return [int(each) for each in json.loads(self._note.read_text())["unreadable"]]

    def _size(self, unreadable: list[int]) -> int:
        return (self._count - len(unreadable)) * int(np.prod(self._shape))
