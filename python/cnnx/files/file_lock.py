"""Locks of files that are being written, and detection of abandoned ones."""

from __future__ import annotations

import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any

_GRACE_PERIOD = 60.0  # seconds, longer than the time between a file's creation and its lock


def _fcntl() -> Any:
    """Module of POSIX locks, or None on systems where an open file cannot be removed."""
    try:
        return import_module("fcntl")
    except ImportError:
        return None


def hold(file: IO[bytes]) -> None:
    """Lock a file until it is closed or the process ends."""
    locks = _fcntl()
    if locks is not None:
        with suppress(OSError):  # a file system without locks
            locks.flock(file, locks.LOCK_EX | locks.LOCK_NB)


def is_abandoned(path: Path) -> bool:
    """Whether the file is old and not locked.

    Raises:
        OSError: if the file is locked, or its state cannot be determined.
    """
    if time.time() - path.stat().st_mtime < _GRACE_PERIOD:
        return False
    locks = _fcntl()
    if locks is not None:
        with path.open("rb") as file:
            locks.flock(file, locks.LOCK_EX | locks.LOCK_NB)
    return True
