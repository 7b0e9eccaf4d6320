"""The state of a process that all its code shares, and that a library must not change."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import random
import signal
import sys
import warnings
from pathlib import Path

import numpy as np
from floating_point import get_mode

LC_ALL = 6  # in glibc and musl


def _environment() -> dict[bytes, bytes]:
    """The environment as C sees it; os.environ is a copy."""
    entries = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
    found = {}
    number = 0
    while entry := entries[number]:
        name, _, value = entry.partition(b"=")
        found[name] = value
        number += 1
    return found


def _locale() -> bytes | None:
    setlocale = ctypes.CDLL(None).setlocale
    setlocale.restype = ctypes.c_char_p
    name: bytes | None = setlocale(LC_ALL, None)
    return name


def _open_files() -> dict[str, str]:
    found = {}
    for file in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(FileNotFoundError):  # the file descriptor of the listing itself
            found[file.name] = str(file.readlink())
    return found


def _linux() -> dict[str, object]:
    """The state that the system reports: signals, umask, files, CPUs."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    state: dict[str, object] = {
        name: status[name] for name in ("SigBlk", "SigIgn", "SigCgt", "Umask", "Cpus_allowed")
    }
    state["environment in C"] = _environment()
    state["locale in C"] = _locale()
    state["open files"] = _open_files()
    return state


def thread_count() -> int:
    """The process's threads, including those of C and C++; Linux."""
    return len(list(Path("/proc/self/task").iterdir()))


def process_state() -> dict[str, object]:
    """The whole state by name; equal before and after code without side effects."""
    state: dict[str, object] = {
        "floating-point mode": get_mode(),
        "signal handlers": {str(n): str(signal.getsignal(n)) for n in signal.valid_signals()},
        "environment": dict(os.environ),
        "working folder": Path.cwd(),
        "warnings": list(warnings.filters),
        "NumPy's errors": np.geterr(),
        "NumPy's random numbers": str(np.random.get_state()),  # noqa: NPY002
        "random numbers": random.getstate(),
        "hooks": (sys.excepthook, sys.displayhook, sys.unraisablehook, sys.gettrace()),
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "logging": (logging.root.level, list(logging.root.handlers)),
        "limits": (sys.getswitchinterval(), sys.getrecursionlimit()),
    }
    return {**state, **_linux()} if sys.platform == "linux" else state
