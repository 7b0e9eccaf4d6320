"""Check of memory-mapped arrays: reading beyond the end of a file would end the process."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np

from cnnx._core import FormatError


def check_mapping(x: Any, name: str) -> None:
    """Refuse an array whose mapped file has been cut short since.

    Args:
        x: array, or anything else, which is ignored.
        name: the array, for the message.

    Raises:
        FormatError: if the file is shorter than the mapping.
    """
    owner = x
    while isinstance(owner, (np.ndarray, memoryview)):
        owner = owner.base if isinstance(owner, np.ndarray) else owner.obj
    if not isinstance(owner, mmap.mmap):
        return
    try:
        size = owner.size()
    except OSError:  # of anonymous memory, which has no file
        return
    if size < len(owner):
        raise FormatError(
            f"{name} is mapped from a file of {len(owner)} bytes that was cut short to {size}; "
            "load the data again"
        )
