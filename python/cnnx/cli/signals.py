"""Signals that end a command: Ctrl-C, SIGTERM and SIGHUP, all handled as KeyboardInterrupt."""

from __future__ import annotations

import signal
import threading
from types import FrameType

_ENDING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


class Interruptions:
    """Context in which SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does.

    A signal that the process ignores, such as SIGHUP under nohup, stays ignored. Threads other
    than the main one cannot handle signals; there nothing changes.

    Attributes:
        status: exit status of a command that was interrupted, 128 plus the signal's number.
    """

    def __init__(self) -> None:
        self.status = 128 + signal.SIGINT
        self._handled: list[signal.Signals] = []

    def __enter__(self) -> Interruptions:
        if threading.current_thread() is threading.main_thread():
            for number in _ENDING:
                if signal.getsignal(number) is signal.SIG_DFL:
                    signal.signal(number, self._interrupt)
                    self._handled.append(number)
        return self

    def __exit__(self, *exception: object) -> None:
        for number in self._handled:
            signal.signal(number, signal.SIG_DFL)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.status = 128 + number
        raise KeyboardInterrupt
