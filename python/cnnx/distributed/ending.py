"""The end of distributed programs: an error in one process ends all, with one sentence."""

from __future__ import annotations

import atexit
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from cnnx.launcher import started_process

# Seconds in which an error that all processes have reaches all of them.
_TOGETHER = 2.0
# Communicator of mpi4py with all processes, if there are several.
_everyone: Any = None
_LOST = (
    b"cnnx: one of the processes was killed, so all of them were ended, expected all to stay: "
    b"resume from the checkpoint, with any number of processes that divides the shards\n"
)


def watch_processes() -> None:
    """Fork a watcher from process 0 that says why all have ended, if one was killed.

    The launcher ends the others at once, so they can say nothing. To be called before MPI is
    loaded, which does not survive a fork.
    """
    if started_process() != 0 or not hasattr(os, "fork"):
        return
    said = _said_file()
    reading, writing = os.pipe()
    if os.fork() != 0:
        os.close(reading)
        atexit.register(_dismiss, writing)
        return
    try:
        os.setsid()  # the launcher's signals do not reach it
        os.close(writing)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if not os.read(reading, 1) and not said.exists():
            os.write(2, _LOST)
        said.unlink(missing_ok=True)
    finally:
        os._exit(0)


def _dismiss(pipe: int) -> None:
    """Tell the watcher that the end of this process is no loss."""
    os.write(pipe, b".")
    os.close(pipe)


def _said_file() -> Path:
    """File that tells the watcher that a process of this machine has said why all will end.

    The processes that a launcher starts on a machine have one parent.
    """
    return Path(tempfile.gettempdir()) / f"cnnx-{os.getppid()}.ended"


def end_all_together(mpi: Any) -> None:
    """From now on an exception that ends this process ends all, and one process says why.

    Args:
        mpi: communicator of mpi4py with all processes.
    """
    global _everyone
    _everyone = mpi.Dup()
    print_traceback = sys.excepthook

    def end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        end_with_all(lambda: print_traceback(kind, error, trace))

    sys.excepthook = end


def end_with_all(say: Callable[[], object]) -> None:
    """End this process with all others: process 0 says why, or this one if others do not end.

    Before MPI is loaded, all end for the same reason.

    Args:
        say: writes the reason to stderr.
    """
    everyone = _everyone
    if everyone is None or _all_end(everyone):
        if started_process() in (None, 0):
            say()
        return
    process, processes = everyone.Get_rank(), everyone.Get_size()
    sys.stderr.write(f"process {process} of {processes} on {platform.node()} ended all:\n")
    say()
    end_now(everyone)


def _all_end(everyone: Any) -> bool:
    """Whether all processes end for the same reason, and so at the same time."""
    reached = everyone.Ibarrier()
    deadline = time.monotonic() + _TOGETHER
    while time.monotonic() < deadline:
        if reached.Test():
            return True
        time.sleep(0.01)
    return False


def end_now(everyone: Any) -> None:
    """End all processes, after this one has said why."""
    sys.stdout.flush()
    sys.stderr.flush()
    _said_file().touch()
    everyone.Abort(1)
