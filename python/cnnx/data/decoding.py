"""Parallel decoding of image files, with an optional cache on disk."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from cnnx._core import FormatError, get_num_threads
from cnnx.arguments import listed, shown
from cnnx.data.dataset import InputShape, Pixels
from cnnx.data.image import UNREADABLE, ImageReader, image_shape
from cnnx.data.image_files import ImageFiles
from cnnx.data.memory import DecodingMemory, checked_limit, memory_limit
from cnnx.data.pixel_file import PixelFile, default_folder
from cnnx.data.progress import DecodingProgress
from cnnx.distributed.communicator import Communicator
from cnnx.spelling import checked_call

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[int, int], object]

# Number of files, and bytes of their pixels, that a thread decodes at a time.
_FILES_AT_ONCE = 64
_BYTES_AT_ONCE = 4 << 20
MOST_THREADS = 8
# Bytes of a file, of which some are looked at, below which Python takes longer than the decoder.
_SMALL_FILE = 4096
_FILES_SAMPLED = 16
NAMES_SHOWN = 20


@checked_call
@dataclass(frozen=True)
class Decoding:
    """Settings of decoding a folder of image files.

    Args:
        skip_unreadable: whether to skip files that cannot be read as images, instead of raising an
            error; `Dataset.skipped` has their names.
        cache: folder of a memory-mapped cache file with the decoded pixels. Further loads decode
            nothing, and the set may exceed the memory. A changed, added or removed image replaces
            the cache file, and so does damage to it, or a file that was above a limit and is
            within it now. Every size and way of resizing has its own file. None uses memory up to
            `memory_limit`, and above it a cache in `$XDG_CACHE_HOME/cnnx` or `~/.cache/cnnx`.
        memory_limit: limit in bytes of the pixels in memory, and of decoding a single image or
            compressed array; None is a quarter of the memory that the process may use.
        progress: called from time to time with the number of finished files and of all files; None
            shows a bar if stderr is a terminal and tqdm is installed, and
            `lambda done, total: None` shows nothing.
        communicator: `cnnx.distributed.world()` if all its processes load these images at the same
            time. One process of each machine decodes them into a file, which the others map: a
            cache file, or without a cache a file in the folder for temporary files, which is
            removed as soon as all have mapped it.

    Raises:
        TypeError: if an argument has another type.
        ValueError: if memory_limit is negative.

    Example:
        >>> Decoding(skip_unreadable=True).cache is None
        True
    """

    _: KW_ONLY
    skip_unreadable: bool = False
    cache: str | os.PathLike[str] | None = None
    memory_limit: int | None = None
    progress: Progress | None = None
    communicator: Communicator | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.skip_unreadable, bool):
            raise TypeError(
                f"Decoding: skip_unreadable is {shown(self.skip_unreadable)}, "
                "expected True or False"
            )
        if self.cache is not None and not isinstance(self.cache, (str, os.PathLike)):
            raise TypeError(
                f"Decoding: cache is {shown(self.cache)}, expected the path of a folder"
            )
        if self.progress is not None and not callable(self.progress):
            raise TypeError(f"Decoding: progress is {shown(self.progress)}, expected a function")
        checked_limit(self.memory_limit, "Decoding")
        if self.communicator is not None and not isinstance(self.communicator, Communicator):
            raise TypeError(
                f"Decoding: communicator is {shown(self.communicator)}, expected None or "
                "cnnx.distributed.world()"
            )

    def folder(self, size: int) -> Path | None:
        """Cache folder for `size` bytes of pixels, or None to use memory."""
        if self.cache is not None:
            return Path(self.cache)
        return default_folder() if size > memory_limit(self.memory_limit) else None

    @property
    def machine(self) -> Communicator | None:
        """Processes of this machine that load the images at the same time, or None for one."""
        machine = None if self.communicator is None else self.communicator.machine
        return None if machine is None or machine.processes == 1 else machine


@dataclass(frozen=True)
class Decoded:
    """Result of decoding image files.

    Attributes:
        x: pixels of the readable files, (count, height, width, channels).
        unreadable: reasons by the positions of the other files.
    """

    x: Pixels
    unreadable: dict[int, str]


@dataclass(frozen=True)
class Survey:
    """Shapes of image files, and their pixels if they were decoded.

    Attributes:
        shapes: shapes of the readable files.
        unreadable: reasons by the positions of the other files.
        x: pixels of the readable files, or None.
    """

    shapes: frozenset[InputShape]
    unreadable: dict[int, str]
    x: Pixels | None


def decode_files(files: ImageFiles, shape: InputShape, resize: str, decoding: Decoding) -> Decoded:
    """Decode image files to one array, in memory or in a memory-mapped file.

    Raises:
        FormatError: if a file cannot be read as an image and `skip_unreadable` is False.
        OSError: if the cache cannot be written.
    """
    folder = decoding.folder(len(files) * int(np.prod(shape)))
    if folder is None:
        x = np.empty((len(files), *shape), dtype=np.uint8)
        count = 0
        unreadable: dict[int, str] = {}
        for images, reasons in _decoded(files, shape, resize, decoding):
            unreadable |= reasons
            for image in images:
                x[count] = image
                count += 1
        refuse_unreadable(files, unreadable, decoding)
        return Decoded(x[:count], unreadable)
    return decode_into(PixelFile(folder, files, shape, resize), files, shape, resize, decoding)


def decode_into(
    cached: PixelFile, files: ImageFiles, shape: InputShape, resize: str, decoding: Decoding
) -> Decoded:
    """Decode image files into their cache file, unless it has them already.

    A limit or a permission may have changed since, so files that were unreadable for such a reason
    are tried again; if one is readable now, the cache file is written anew.

    Raises:
        FormatError: if a file cannot be read as an image and `skip_unreadable` is False.
        OSError: if the cache cannot be written.
    """
    decoded = cached.read()
    reader = ImageReader(shape, resize, DecodingMemory(decoding.memory_limit))
    if decoded is None or any(_is_readable(reader, files.path(i)) for i in _undamaged(decoded[1])):
        with cached.writing() as write:
            unreadable: dict[int, str] = {}
            for images, reasons in _decoded(files, shape, resize, decoding):
                unreadable |= reasons
                for image in images:
                    write(image)
            refuse_unreadable(files, unreadable, decoding)
            decoded = cached.finish(unreadable)
    refuse_unreadable(files, decoded[1], decoding)
    return Decoded(*decoded)


def _undamaged(unreadable: dict[int, str]) -> list[int]:
    """Positions of files that are unreadable for a reason other than damage."""
    return [index for index, reason in unreadable.items() if reason]


def _is_readable(reader: ImageReader, path: str) -> bool:
    try:
        reader.read(path)
    except (FormatError, OSError):
        return False
    return True


def survey_files(files: ImageFiles, largest_side: int, decoding: Decoding) -> Survey:
    """Read the shapes of image files; decode them at the same time if they are small and alike.

    Args:
        files: the files, at least one.
        largest_side: longest side of a small image.
        decoding: settings; images that belong in a cache file are not decoded.

    Raises:
        FormatError: if a file cannot be read as an image and `skip_unreadable` is False.
    """
    shapes: set[InputShape] = set()
    x, reader = _first_reader(files, largest_side, decoding)

    def read(path: str) -> tuple[InputShape, Pixels | None]:
        if reader is None or len(shapes) > 1:
            return image_shape(path), None
        return reader.read_unless_resized(path)

    count = 0
    unreadable: dict[int, str] = {}
    with shown_progress(decoding, "reading") as progress:

        def advance(done: int, total: int) -> None:
            is_decoding = reader is not None and len(shapes) == 1  # else only headers are read
            if is_decoding or decoding.progress is None:
                progress(done, total)

        for found, reasons in read_files(read, files, advance):
            unreadable |= reasons
            for shape, image in found:
                shapes.add(shape)
                if image is not None and len(shapes) == 1:
                    x[count] = image
                    count += 1
    refuse_unreadable(files, unreadable, decoding)
    is_decoded = reader is not None and len(shapes) == 1
    return Survey(frozenset(shapes), unreadable, x[:count] if is_decoded else None)


def _first_reader(
    files: ImageFiles, largest_side: int, decoding: Decoding
) -> tuple[Pixels, ImageReader | None]:
    """Array and reader of all images if they have the first one's shape and belong in memory."""
    nothing = np.empty((0, 0, 0, 0), np.uint8)
    try:
        shape = image_shape(files.path(0))
    except (FormatError, OSError):
        return nothing, None
    is_in_file = decoding.machine or decoding.folder(len(files) * int(np.prod(shape)))
    if max(shape) > largest_side or is_in_file:
        return nothing, None
    reader = ImageReader(shape, "stretch", DecodingMemory(decoding.memory_limit))
    return np.empty((len(files), *shape), np.uint8), reader


def _decoded(
    files: ImageFiles, shape: InputShape, resize: str, decoding: Decoding
) -> Iterator[tuple[list[Pixels], dict[int, str]]]:
    reader = ImageReader(shape, resize, DecodingMemory(decoding.memory_limit))
    at_once = _BYTES_AT_ONCE // int(np.prod(shape))
    with shown_progress(decoding, "decoding") as progress:
        yield from read_files(reader.read, files, progress, at_once)


@contextmanager
def shown_progress(decoding: Decoding, task: str) -> Iterator[Progress]:
    """Progress of the settings, or a bar that ends with the context."""
    if decoding.progress is not None:
        yield decoding.progress
        return
    bar = DecodingProgress(task=task)
    try:
        yield bar
    finally:
        bar.close()


def read_files(
    read: Callable[[str], Result],
    files: ImageFiles,
    progress: Progress,
    most_at_once: int = _FILES_AT_ONCE,
) -> Iterator[tuple[list[Result], dict[int, str]]]:
    """Read image files in threads, and yield the results of some files at a time, in order.

    Pillow decodes without the GIL.

    Args:
        read: reads the file of a path.
        files: the files.
        progress: called with the number of finished files and of all files.
        most_at_once: number of files whose results fit in memory several times.

    Returns:
        Results of the readable files, and reasons by the positions of the others.
    """
    at_once = min(_FILES_AT_ONCE, max(1, most_at_once))
    parts = [range(each, min(each + at_once, len(files))) for each in range(0, len(files), at_once)]

    def read_part(part: range) -> tuple[list[Result], dict[int, str]]:
        results: list[Result] = []
        reasons: dict[int, str] = {}
        for index in part:
            path = files.path(index)
            try:
                results.append(read(path))
            except (FormatError, OSError) as error:
                reasons[index] = _reason(error, path)
        return results, reasons

    for part, result in zip(parts, in_threads(read_part, parts, _threads(files)), strict=True):
        yield result
        progress(part.stop, len(files))


def _threads(files: ImageFiles) -> int:
    """Number of threads for decoding: one for small files, where they would wait for the GIL."""
    sample = range(0, len(files), max(1, len(files) // _FILES_SAMPLED))
    sizes = [about.st_size for index in sample if (about := files.status(index)) is not None]
    if sum(sizes) < len(sizes) * _SMALL_FILE:
        return 1
    return min(MOST_THREADS, get_num_threads())


def in_threads(
    work: Callable[[Item], Result], items: Sequence[Item], threads: int
) -> Iterator[Result]:
    """Results of all items in order; a few more items than threads are in progress."""
    if min(threads, len(items)) <= 1:
        yield from map(work, items)
        return
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) > threads + 1:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for each in pending:
                each.cancel()


def _reason(error: Exception, path: str) -> str:
    """Reason for an error message that names the file otherwise; empty for plain damage."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    reason = str(error).removeprefix(f"{path}: ")
    return "" if reason == UNREADABLE else reason


def refuse_unreadable(files: ImageFiles, unreadable: dict[int, str], decoding: Decoding) -> None:
    """Raise an error that names the unreadable files, unless they are to be skipped.

    Raises:
        FormatError: if there are unreadable files and `skip_unreadable` is False.
    """
    if not unreadable or decoding.skip_unreadable:
        return
    names = [
        f"{files.names[index]} ({reason})" if reason else files.names[index]
        for index, reason in unreadable.items()
    ]
    count = "1 file" if len(unreadable) == 1 else f"{len(unreadable)} files"
    raise FormatError(
        f"{files.root}: {count} cannot be read as an image: {listed(names, NAMES_SHOWN)}; replace "
        "or remove"
    )
