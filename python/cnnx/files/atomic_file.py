"""Replacement of a file as a whole: at any time the path has the old file or the new one.

The library does the same for its own files, in `cpp/src/io/atomic_file.cpp`.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from cnnx.files.file_lock import hold, is_abandoned

_MOST_WAITED = 10.0  # seconds, as in the library


def replace_file(path: str, parts: Iterable[bytes | memoryview]) -> None:
    """Write parts, one after the other, to a new file that then becomes `path`.

    An error or an interruption leaves the old file in place. A symbolic link stays, and its target
    is replaced. The new file has the permissions of the old one.

    Raises:
        OSError: if the file cannot be written.
    """
    try:
        _replace(Path(os.path.realpath(path)), parts)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error


def _replace(target: Path, parts: Iterable[bytes | memoryview]) -> None:
    mode = _mode_of(target)
    # A checksum stands for the name, which may be as long as a name can be.
    prefix = f".cnnx-{zlib.crc32(os.fsencode(target.name)):08x}-"
    _remove_abandoned(target.parent, prefix)
    temporary = target.with_name(f"{prefix}{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            hold(file)
            if mode is not None:
                with suppress(OSError):
                    temporary.chmod(mode)
            file.writelines(parts)
            file.flush()
            _sync(file.fileno())
        rename(temporary, target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(target.parent)


def rename(file: Path, target: Path) -> None:
    """Rename a closed file, and replace the target.

    Windows replaces no file that a program has open: there, wait for a while until it is closed.
    """
    end = time.monotonic() + _MOST_WAITED
    while True:
        try:
            file.replace(target)
            return
        except PermissionError:
            if os.name != "nt" or time.monotonic() > end:
                raise
            time.sleep(0.001)


def _mode_of(target: Path) -> int | None:
    """Permissions of the old file, or None if there is none.

    Raises:
        OSError: if there is something else, or the file is write-protected.
    """
    try:
        status = target.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Not a regular file")
    with target.open("ab"):  # fails if the file is write-protected
        return stat.S_IMODE(status.st_mode)


def _remove_abandoned(folder: Path, prefix: str) -> None:
    """Remove the new files of killed processes."""
    for file in folder.glob(f"{prefix}*.tmp"):
        with suppress(OSError):
            if is_abandoned(file):
                file.unlink()


def _sync(descriptor: int) -> None:
    """Wait until a file or folder is on the disk. Some network file systems do not support it."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            raise


def _sync_folder(folder: Path) -> None:
    """Let the new name reach the disk."""
    if os.name == "nt":  # whose folders cannot be opened
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # may be written but not read
        return
    try:
        _sync(descriptor)
    except OSError as error:
        raise OSError(
            error.errno, f"{error.strerror}; it is written, but its folder cannot be synced"
        ) from error
    finally:
        os.close(descriptor)
