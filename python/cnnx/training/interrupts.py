"""Deferral of interrupting signals during operations that must not be interrupted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_INTERRUPTING = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


@contextmanager
def interrupts_recorded() -> Iterator[list[tuple[int, FrameType | None]]]:
    """Record the interrupts that arrive in the block, and handle none of them.

    These are Ctrl-C and, where the program handles them, SIGTERM and SIGHUP. Threads other than
    the main one receive no signals; there the block runs unchanged.
    """
    arrived: list[tuple[int, FrameType | None]] = []
    if threading.current_thread() is not threading.main_thread():
        yield arrived
        return
    numbers = [getattr(signal, name) for name in _INTERRUPTING if hasattr(signal, name)]
    current = [(number, signal.getsignal(number)) for number in numbers]
    handlers = {int(number): handler for number, handler in current if callable(handler)}
    for number in handlers:
        signal.signal(number, lambda number, frame: arrived.append((number, frame)))
    try:
        yield arrived
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Defer an interrupt that arrives in the block to its end."""
    with interrupts_recorded() as arrived:
        yield
    for number, frame in arrived[:1]:
        handler = signal.getsignal(number)
        if callable(handler):
            handler(number, frame)
