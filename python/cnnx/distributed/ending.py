"""The end of distributed programs: all end together, and one process says why."""

from __future__ import annotations

import atexit
import platform
import sys
import time
import traceback
import zlib
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np

from cnnx.distributed.lost import dismiss_watcher, resume_advice
from cnnx.distributed.watch import ENDED, Watch
from cnnx.launcher import started_process

# Seconds in which an error that all processes have reaches all of them.
_TOGETHER = 2.0
_NORMAL = 0  # in place of the checksum of a reason

_endings: list[Ending] = []  # of this process: none or one


class Ending:
    """The end of this process, agreed with all others.

    An exception that ends all processes is printed by the first of those that have it, and all
    exit. If the others go on, its process says so and ends them. A process that ends normally
    waits for the others before it leaves MPI.

    Args:
        mpi: communicator of mpi4py with all processes.
    """

    def __init__(self, mpi: Any) -> None:
        self._everyone = mpi.Dup()
        self._watch: Watch | None = None
        self._has_left = False
        self._print = sys.excepthook
        sys.excepthook = self._end_by_error
        atexit.register(self._leave)
        _endings.append(self)

    def watch(self) -> Watch:
        """Begin to notice that processes wait for each other for ever, which ends all."""
        self._watch = Watch(self._everyone.Dup(), self._end_all_for)
        return self._watch

    def end(self, say: Callable[[], object], reason: str, patience: float = _TOGETHER) -> None:
        """Agree on the end of this process, which has a reason, and say it if no other does.

        Args:
            say: writes the reason to stderr.
            reason: text that is the same in processes that end for the same reason.
            patience: seconds in which the others may end, too.
        """
        found = self._others_end(zlib.crc32(reason.encode(errors="replace")) or 1, patience)
        process, processes = self._everyone.Get_rank(), self._everyone.Get_size()
        place = f"process {process} of {processes} on {platform.node()}"
        if found is None:
            self._write(f"{place} ended all:\n")
            say()
            if advice := resume_advice():
                self._write(f"cnnx{advice}\n")
            self._abort()
        elif found.index(found[process]) == process:  # no process before has the same reason
            if len(set(found)) > 1:
                self._write(f"{place}:\n")
            say()

    def _end_by_error(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        reason = "".join(traceback.format_exception_only(kind, error))
        self.end(lambda: self._print(kind, error, trace), reason)

    def _leave(self) -> None:
        """Wait for the others at the end of the program."""
        if self._has_left:
            return
        if self._watch is None:
            self._others_end(_NORMAL, None)
        else:
            with self._watch.waiting(ENDED):
                self._others_end(_NORMAL, None)

    def _others_end(self, reason: int, seconds: float | None) -> list[int] | None:
        """The reasons of all processes if they all end, and None after so many seconds."""
        own, found = np.array([reason]), np.zeros(self._everyone.Get_size(), np.int64)
        reached = self._everyone.Iallgather(own, found)
        deadline = None if seconds is None else time.monotonic() + seconds
        while not reached.Test():
            if deadline is not None and time.monotonic() > deadline:
                return None
            time.sleep(0.01)
        self._has_left = True
        if self._watch is not None:
            self._watch.stop()
        return [int(each) for each in found]

    def _end_all_for(self, reason: str) -> None:
        """Say the reason and end all processes."""
        self._write(f"cnnx: {reason}{resume_advice()}\n")
        self._abort()

    def _abort(self) -> None:
        """End all processes, after the reason is said."""
        if self._watch is None:
            dismiss_watcher()
        else:
            self._watch.tell_first()
        self._everyone.Abort(1)

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.flush()
        sys.stderr.write(text)
        sys.stderr.flush()


def end_with_all(say: Callable[[], object], reason: str, patience: float = _TOGETHER) -> None:
    """End this process with all others: one says why, or this one if others do not end.

    Before MPI is loaded, all end for the same reason, and process 0 says it.

    Args:
        say: writes the reason to stderr.
        reason: text that is the same in processes that end for the same reason.
        patience: seconds in which the others may end, too.
    """
    if _endings:
        _endings[0].end(say, reason, patience)
    elif started_process() in (None, 0):
        say()
