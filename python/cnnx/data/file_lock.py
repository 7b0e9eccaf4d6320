"""Which files somebody is writing: those that are held, or were written to a moment ago."""

from __future__ import annotations

import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any

_MOMENT = 60.0  # seconds: beyond what lies between a file's making and its being held


def _fcntl() -> Any:
    """POSIX's locks; None where an open file cannot be removed anyway."""
    try:
        return import_module("fcntl")
    except ImportError:
        return None


def hold(file: IO[bytes]) -> None:
    """Hold a file until it is closed, be it by the end of the process."""
    locks = _fcntl()
    if locks is not None:
        with suppress(OSError):  # a file system without locks
            locks.flock(file, locks.LOCK_EX | locks.LOCK_NB)


def is_abandoned(path: Path) -> bool:
    """Whether nobody writes the file any more.

    Raises:
        OSError: if that cannot be found out.
    """
    if time.time() - path.stat().st_mtime < _MOMENT:
        return False
    locks = _fcntl()
    if locks is not None:
        with path.open("rb") as file:
            locks.flock(file, locks.LOCK_EX | locks.LOCK_NB)
    return True
