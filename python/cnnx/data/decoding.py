"""Decoding many image files: several at a time, in order, each failure named; kept on request."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from cnnx._core import FormatError
from cnnx.arguments import is_integer, shown
from cnnx.data.dataset import InputShape, Pixels
from cnnx.data.image import read_image
from cnnx.data.memory import usable_memory
from cnnx.data.pixel_file import PixelFile, default_folder

Result = TypeVar("Result")

# Decoded but not yet stored, and what Ctrl-C waits for.
_AT_ONCE = 256
_NAMES_SHOWN = 20


@dataclass(frozen=True)
class Decoding:
    """How the image files of a folder become one array of pixels.

    Args:
        skip_unreadable: leaves out files that cannot be read as images, which otherwise are an
            error; their names are in `Dataset.skipped`.
        cache: a folder in which the decoded pixels are kept, in a file that is mapped into memory:
            the next time nothing is decoded, and the set need not fit in memory. A changed, added
            or removed image means a new file in the place of the old one; another size or way
            to resize another one. None keeps pixels in memory up to `memory_limit`, and only
            above it does the same in a folder of the user's, `$XDG_CACHE_HOME/cnnx` or
            `~/.cache/cnnx`.
        memory_limit: bytes; a quarter of the memory that the process may use when None.
        progress: called with the number of files done and of all files, now and then.

    Raises:
        TypeError: if progress is no function or memory_limit no integer.

    Example:
        >>> Decoding(skip_unreadable=True).cache is None
        True
    """

    _: KW_ONLY
    skip_unreadable: bool = False
    cache: str | os.PathLike[str] | None = None
    memory_limit: int | None = None
    progress: Callable[[int, int], object] | None = None

    def __post_init__(self) -> None:
        if self.progress is not None and not callable(self.progress):
            raise TypeError(f"Decoding: progress is {shown(self.progress)}, expected a function")
        if self.memory_limit is not None and not is_integer(self.memory_limit):
            raise TypeError(
                f"Decoding: memory_limit is {shown(self.memory_limit)}, expected a number of bytes"
            )

    def folder(self, size: int) -> Path | None:
        """Where so many bytes of pixels are kept; None for in memory."""
        if self.cache is not None:
            return Path(self.cache)
        limit = usable_memory() // 4 if self.memory_limit is None else self.memory_limit
        return default_folder() if size > limit else None


def decode_files(
    files: Sequence[Path], root: Path, shape: InputShape, resize: str, decoding: Decoding
) -> tuple[Pixels, list[int]]:
    """The images as one array of `shape` each, in memory or in a mapped file.

    Returns:
        The pixels of the files that could be read, and the positions of the others.

    Raises:
        FormatError: files cannot be read as images, and are not to be skipped.
        OSError: the cache cannot be written.
    """
    size = len(files) * int(np.prod(shape))
    folder = decoding.folder(size)
    if folder is None:
        x = np.empty((len(files), *shape), dtype=np.uint8)
        unreadable: list[int] = []
        for index, pixels in _decoded(files, shape, resize, decoding):
            if pixels is None:
                unreadable.append(index)
            else:
                x[index - len(unreadable)] = pixels
        refuse_unreadable([files[index] for index in unreadable], root, decoding)
        return x[: len(files) - len(unreadable)], unreadable
    kept = PixelFile(folder, files, root, shape, resize)
    if not kept.exists():
        unreadable = []
        with kept.writing() as write:
            for index, pixels in _decoded(files, shape, resize, decoding):
                if pixels is None:
                    unreadable.append(index)
                else:
                    write(pixels)
            refuse_unreadable([files[index] for index in unreadable], root, decoding)
            kept.finish(unreadable)
    x, unreadable = kept.read()
    refuse_unreadable([files[index] for index in unreadable], root, decoding)
    return x, unreadable


def each_file(
    work: Callable[[Path], Result],
    files: Sequence[Path],
    progress: Callable[[int, int], object] | None = None,
) -> Iterator[Result | None]:
    """work(file) for every file, in order, by threads (Pillow decodes without the GIL).

    None stands for a file that cannot be read. A wrong file must not hide the next one: people mend
    a folder in one go.
    """

    def attempt(file: Path) -> Result | None:
        try:
            return work(file)
        except (FormatError, OSError):
            return None

    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for first in range(0, len(files), _AT_ONCE):
            part = files[first : first + _AT_ONCE]
            yield from pool.map(attempt, part)
            if progress is not None:
                progress(first + len(part), len(files))


def refuse_unreadable(files: Sequence[Path], root: Path, decoding: Decoding) -> None:
    """Name the files that cannot be read, unless they are to be skipped."""
    if not files or decoding.skip_unreadable:
        return
    names = ", ".join(str(file.relative_to(root)) for file in files[:_NAMES_SHOWN])
    more = f" and {len(files) - _NAMES_SHOWN} more" if len(files) > _NAMES_SHOWN else ""
    count = "1 file" if len(files) == 1 else f"{len(files)} files"
    raise FormatError(
        f"{root}: {count} cannot be read as an image: {names}{more}; replace or remove"
    )


def _decoded(
    files: Sequence[Path], shape: InputShape, resize: str, decoding: Decoding
) -> Iterator[tuple[int, Pixels | None]]:
    def read(file: Path) -> Pixels:
        return read_image(file, shape, resize=resize)

    return enumerate(each_file(read, files, decoding.progress))
