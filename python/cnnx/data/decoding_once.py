"""Decoding of image files by one process of each machine, whose pixels the others map."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from cnnx._core import get_num_threads
from cnnx.data.dataset import InputShape
from cnnx.data.decoding import (
    Decoded,
    Decoding,
    Survey,
    decode_files,
    decode_into,
    survey_files,
)
from cnnx.data.image_files import ImageFiles
from cnnx.data.pixel_file import PixelFile, map_pixels
from cnnx.runtime import set_num_threads


def decode_once(files: ImageFiles, shape: InputShape, resize: str, decoding: Decoding) -> Decoded:
    """Decode image files, in several processes of a machine once.

    Raises:
        FormatError: in all these processes, if a file cannot be read as an image and
            `skip_unreadable` is False.
        OSError: in all these processes, if the pixels cannot be written.
    """
    machine = decoding.machine
    if machine is None:
        return decode_files(files, shape, resize, decoding)

    def decode() -> tuple[Path, dict[int, str]]:
        folder = decoding.folder(len(files) * int(np.prod(shape))) or Path(temporary)
        cached = PixelFile(folder, files, shape, resize)
        with _threads_of(machine.processes):
            return cached.path, decode_into(cached, files, shape, resize, decoding).unreadable

    with tempfile.TemporaryDirectory(prefix="cnnx-", ignore_cleanup_errors=True) as temporary:
        path, unreadable = machine.in_first(decode)
        x = map_pixels(path, (len(files) - len(unreadable), *shape))
        machine.wait()  # until all have mapped a temporary file
    return Decoded(x, unreadable)


def survey_once(files: ImageFiles, largest_side: int, decoding: Decoding) -> Survey:
    """Read the shapes of image files, in several processes of a machine once.

    Raises:
        FormatError: as `decode_once`.
    """
    machine = decoding.machine
    if machine is None:
        return survey_files(files, largest_side, decoding)
    with _threads_of(machine.processes):
        return machine.in_first(lambda: survey_files(files, largest_side, decoding))


@contextmanager
def _threads_of(processes: int) -> Iterator[None]:
    """Context in which this process has the threads of several, which wait for it."""
    threads = get_num_threads()
    set_num_threads(threads * processes)
    try:
        yield
    finally:
        set_num_threads(threads)
