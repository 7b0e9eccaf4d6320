"""Read and set the CPU's floating-point mode, for which Python has no function.

Not part of the package. Works on Linux on x86-64 through the C library; elsewhere the mode is
unknown.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager

FLUSH_TO_ZERO = 0x8000
DENORMALS_ARE_ZERO = 0x0040
# The low bits only record past exceptions.
MODE_BITS = 0xFFC0
KNOWN = sys.platform == "linux" and platform.machine() == "x86_64"


class _Environment(ctypes.Structure):
    """fenv_t: the x87 unit's 28 bytes, then MXCSR, which governs all float arithmetic here."""

    _fields_ = (("x87", ctypes.c_uint8 * 28), ("mxcsr", ctypes.c_uint32))


def _call(function: str, environment: _Environment) -> None:
    if getattr(ctypes.CDLL("libm.so.6"), function)(ctypes.byref(environment)) != 0:
        raise OSError(f"{function} failed")


def get_mode() -> int | None:
    """The mode bits of the calling thread, or None where they are unknown."""
    if not KNOWN:
        return None
    environment = _Environment()
    _call("fegetenv", environment)
    return int(environment.mxcsr) & MODE_BITS


@contextmanager
def denormals_flushed() -> Iterator[int]:
    """Set the mode that a library built with -ffast-math sets in a process; yields the mode."""
    before, changed = _Environment(), _Environment()
    _call("fegetenv", before)
    _call("fegetenv", changed)
    changed.mxcsr = int(changed.mxcsr) | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO
    _call("fesetenv", changed)
    try:
        yield int(changed.mxcsr) & MODE_BITS
    finally:
        _call("fesetenv", before)
