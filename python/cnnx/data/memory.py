"""Memory limit of the process: the machine's, its cgroup's or its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

_UNKNOWN = 4 * 10**9  # default if the system does not report its memory


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
