"""Memory that the process may use, and the part of it that decoding images takes."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cnnx._core import FormatError
from cnnx.arguments import is_integer, shown

_UNKNOWN = 4 * 10**9  # default if the system does not report its memory
# Images that threads decode at the same time take no more than this, unless one alone does.
_MOST_AT_ONCE = 128 << 20
# Images below this many bytes are not counted.
_SMALL = 1 << 20


def memory_limit(chosen: int | None) -> int:
    """Limit of the memory for pixels, in bytes: `chosen`, or a quarter of the usable memory."""
    return usable_memory() // 4 if chosen is None else chosen


def checked_limit(limit: int | None, function: str) -> int | None:
    """A memory limit as given, in bytes.

    Raises:
        TypeError: if it is neither an integer nor None.
        ValueError: if it is negative.
    """
    if limit is None:
        return None
    if not is_integer(limit):
        raise TypeError(f"{function}: memory_limit is {shown(limit)}, expected a number of bytes")
    if limit < 0:
        raise ValueError(f"{function}: memory_limit is {limit}, expected a number of bytes >= 0")
    return limit


def check_size(name: str, size: int, limit: int | None) -> None:
    """Refuse data of `size` bytes above the limit; None is a quarter of the usable memory.

    Raises:
        FormatError: if the data are larger; the message begins with `name`.
    """
    most = memory_limit(limit)
    if size > most:
        raise FormatError(
            f"{name} takes {size} bytes of memory, expected at most {most}; "
            f"raise the limit with memory_limit={size}"
        )


class DecodingMemory:
    """Memory of the images that threads are decoding; a thread waits while others use too much."""

    def __init__(self, limit: int | None = None) -> None:
        """Store the limit for a single image in bytes; None is a quarter of the usable memory."""
        self._limit = limit
        self._used = 0
        self._released = threading.Condition()

    @contextmanager
    def admit(self, size: int, name: str) -> Iterator[None]:
        """Wait until `size` bytes are free, or no other image is being decoded.

        Raises:
            FormatError: if the image alone exceeds the limit; the message begins with `name`.
        """
        if size < _SMALL:
            yield
            return
        check_size(name, size, self._limit)
        with self._released:
            self._released.wait_for(lambda: self._used == 0 or self._used + size <= _MOST_AT_ONCE)
            self._used += size
        try:
            yield
        finally:
            with self._released:
                self._used -= size
                self._released.notify_all()


def usable_memory(root: Path = Path("/")) -> int:
    """Memory that the process may use, in bytes: the smallest of all limits.

    Args:
        root: root of the system's files.

    Example:
        >>> usable_memory() > 0
        True
    """
    return min([_of_the_machine(), *_limits_of_the_process(), *_limits_of_cgroups(root)])


def _of_the_machine() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return _UNKNOWN


def _limits_of_the_process() -> Iterator[int]:
    if sys.platform == "win32":
        return
    import resource

    for limit in (resource.RLIMIT_DATA, resource.RLIMIT_AS):
        value = resource.getrlimit(limit)[0]
        if value != resource.RLIM_INFINITY:
            yield value


def _limits_of_cgroups(root: Path) -> Iterator[int]:
    """Limits of the process's cgroup and its parents (version 2), or of its memory group (1)."""
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            base, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        own = Path(path.lstrip("/"))
        for group in (own, *own.parents):
            try:
                yield int((base / group / name).read_text())
            except (OSError, ValueError):
                continue  # no such group in this namespace, or "max"
