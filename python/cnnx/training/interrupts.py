"""Deferral of interrupting signals during operations that must not be interrupted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_INTERRUPTING = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Defer an interrupt that arrives in the block to its end.

    These are Ctrl-C and, where the program handles them, SIGTERM and SIGHUP. Threads other than
    the main one receive no signals; there the block runs unchanged.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in _INTERRUPTING if hasattr(signal, name)]
    current = [(number, signal.getsignal(number)) for number in numbers]
    handlers = {int(number): handler for number, handler in current if callable(handler)}
    arrived: list[tuple[int, FrameType | None]] = []
    for number in handlers:
        signal.signal(number, lambda number, frame: arrived.append((number, frame)))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for number, frame in arrived[:1]:
        handlers[number](number, frame)
