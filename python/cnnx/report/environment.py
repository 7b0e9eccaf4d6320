"""The machine and the versions that a result was computed with."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import numpy as np

from cnnx import _core


def environment() -> dict[str, str | int]:
    """Versions of cnnx, Python and NumPy, and the machine by its system, processor and threads."""
    return {
        "cnnx": _core.__version__,
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "system": platform.platform(),
        "processor": _processor(),
        "CPUs": os.cpu_count() or 1,
        "instruction set": _core.isa(),
        "threads": _core.get_num_threads(),
    }


def _processor() -> str:
    """Name of the processor, which Python knows on some systems only."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
