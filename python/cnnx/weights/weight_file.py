"""Opened file of weights, whose bytes are mapped and read only within its bounds."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from cnnx._core import FormatError
from cnnx.files.regular_file import open_regular


@dataclass(frozen=True)
class WeightFile:
    """Opened file.

    Attributes:
        path: where it was opened, for messages.
        handle: the file.
        content: its bytes, mapped.
    """

    path: str
    handle: IO[bytes]
    content: memoryview

    def begins_with(self, signature: bytes) -> bool:
        """Whether these are the first bytes."""
        return bytes(self.content[: len(signature)]) == signature

    def part(self, begin: int, size: int, which: str) -> memoryview:
        """Bytes from `begin` on.

        Raises:
            FormatError: if they are not all in the file; `which` begins the message.
        """
        if begin < 0 or size < 0 or begin + size > len(self.content):
            raise FormatError(
                f"{which} should be {size} bytes at byte {begin}, but the file has "
                f"{len(self.content)}"
            )
        return self.content[begin : begin + size]


@contextmanager
def opened(path: str) -> Iterator[WeightFile]:
    """Open and map a file. Arrays that were read from it may be views of the mapping.

    Raises:
        FormatError: if the file is empty, a named pipe, a socket or a device.
        OSError: if it cannot be opened.
    """
    with open_regular(path) as handle:
        if os.fstat(handle.fileno()).st_size == 0:
            raise FormatError(f"{path}: is empty, expected weights")
        mapped = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
        yield WeightFile(path, handle, memoryview(mapped))
