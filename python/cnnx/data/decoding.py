"""Parallel decoding of image files, with an optional cache on disk."""

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

# Number of files decoded before their pixels are stored; Ctrl-C takes effect between groups.
_AT_ONCE = 256
_NAMES_SHOWN = 20


@dataclass(frozen=True)
class Decoding:
    """Settings of decoding a folder of image files.

    Args:
        skip_unreadable: whether to skip files that cannot be read as images, instead of raising an
            error; `Dataset.skipped` has their names.
        cache: folder of a memory-mapped cache file with the decoded pixels. Further loads decode
            nothing, and the set may exceed the memory. A changed, added or removed image replaces
            the cache file. Every size and way of resizing has its own file. None uses memory up to
            `memory_limit`, and above it a cache in `$XDG_CACHE_HOME/cnnx` or `~/.cache/cnnx`.
        memory_limit: limit in bytes; None is a quarter of the memory that the process may use.
        progress: called from time to time with the number of finished files and of all files.

    Raises:
        TypeError: if progress is not a function, or memory_limit is not an integer.

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
        """Cache folder for `size` bytes of pixels, or None to use memory."""
        if self.cache is not None:
            return Path(self.cache)
        limit = usable_memory() // 4 if self.memory_limit is None else self.memory_limit
        return default_folder() if size > limit else None


def decode_files(
    files: Sequence[Path], root: Path, shape: InputShape, resize: str, decoding: Decoding
) -> tuple[Pixels, list[int]]:
    """Decode image files to one array, in memory or in a memory-mapped file.

    Returns:
        The pixels of the readable files, (count, *shape), and the positions of the others.

    Raises:
        FormatError: if a file cannot be read as an image and `skip_unreadable` is False.
        OSError: if the cache cannot be written.
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
    cached = PixelFile(folder, files, root, shape, resize)
    if not cached.exists():
        unreadable = []
        with cached.writing() as write:
            for index, pixels in _decoded(files, shape, resize, decoding):
                if pixels is None:
                    unreadable.append(index)
                else:
                    write(pixels)
            refuse_unreadable([files[index] for index in unreadable], root, decoding)
            cached.finish(unreadable)
    x, unreadable = cached.read()
    refuse_unreadable([files[index] for index in unreadable], root, decoding)
    return x, unreadable


def each_file(
    work: Callable[[Path], Result],
    files: Sequence[Path],
    progress: Callable[[int, int], object] | None = None,
) -> Iterator[Result | None]:
    """Apply `work` to every file in threads, and yield the results in order.

    Pillow decodes without the GIL. The result of an unreadable file is None, so that an error can
    name all unreadable files at once.
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
    """Raise an error that names the unreadable files, unless they are to be skipped.

    Raises:
        FormatError: if there are unreadable files and `skip_unreadable` is False.
    """
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
