"""How much memory the process may use: the machine's, its cgroup's or its own limit."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

_UNKNOWN = 4 * 10**9  # where the system does not tell


def usable_memory(root: Path = Path("/")) -> int:
    """Bytes; the least of all limits, so that a container is not taken for its machine.

    Args:
        root: where the system's files are looked for.

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
    """Version 2: of the process's group and all above it; version 1: of its memory group."""
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
