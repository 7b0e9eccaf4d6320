"""Opening of regular files only: reading a named pipe would wait for a writer."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import IO

from cnnx._core import FormatError

# A pipe is opened without waiting, and then refused. Windows has only the binary flag.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_descriptor(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Open a regular file for reading; return its descriptor and its size in bytes.

    Raises:
        FormatError: if it is a named pipe, a socket or a device.
        OSError: if it cannot be opened.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except PermissionError:
        if Path(path).is_dir():  # Windows opens no folders
            raise _is_a_folder(path) from None
        raise
    about = os.fstat(descriptor)
    if stat.S_ISREG(about.st_mode):
        return descriptor, about.st_size
    os.close(descriptor)
    if stat.S_ISDIR(about.st_mode):
        raise _is_a_folder(path)
    raise FormatError(f"{os.fspath(path)}: is {kind_of(about)}, expected a regular file")


def _is_a_folder(path: str | os.PathLike[str]) -> IsADirectoryError:
    return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))


def open_regular(path: str | os.PathLike[str]) -> IO[bytes]:
    """Open a regular file for reading.

    Raises:
        FormatError: if it is a named pipe, a socket or a device.
        OSError: if it cannot be opened.
    """
    return os.fdopen(open_descriptor(path)[0], "rb")


def kind_of(about: os.stat_result) -> str:
    """Kind of a file that is neither regular nor a folder, with its article."""
    return _KINDS.get(stat.S_IFMT(about.st_mode), "a special file")
