"""A limit on the size of files, which stands for a full disk.

For programs of their own: every process that a limited process starts inherits the limit.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def half_the_size_of(path: Path) -> Iterator[None]:
    """No file can become larger than half of this one."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size // 2, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
