"""Deferral of interrupting signals during operations that must not be interrupted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeAlias

_Handler: TypeAlias = "Callable[[int, FrameType | None], object]"

_INTERRUPTING = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


@contextmanager
def _handled_by(handle: Callable[[int, FrameType | None, _Handler], None]) -> Iterator[None]:
    """Let a function handle interrupts in the block; its last argument is the program's handler.

    These are Ctrl-C and, where the program handles them, SIGTERM and SIGHUP. Threads other than
    the main one receive no signals; there the block runs unchanged.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in _INTERRUPTING if hasattr(signal, name)]
    current = [(number, signal.getsignal(number)) for number in numbers]
    handlers = {int(number): handler for number, handler in current if callable(handler)}
    for number in handlers:
        signal.signal(number, lambda number, frame: handle(number, frame, handlers[number]))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def interrupts_recorded() -> Iterator[list[tuple[int, FrameType | None]]]:
    """Record the interrupts that arrive in the block, and handle none of them."""
    arrived: list[tuple[int, FrameType | None]] = []
    with _handled_by(lambda number, frame, _: arrived.append((number, frame))):
        yield arrived


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Defer an interrupt that arrives in the block to its end."""
    with interrupts_recorded() as arrived:
        yield
    for number, frame in arrived[:1]:
        handler = signal.getsignal(number)
        if callable(handler):
            handler(number, frame)


class InterruptedSteps:
    """Context of each step of a loop, at whose end an interrupt of the step is handled.

    A second interrupt in one step, of an impatient user, is handled at once.
    """

    def __init__(self) -> None:
        self._is_within = False
        self._arrived: Callable[[], object] | None = None

    def __enter__(self) -> None:
        self._is_within, self._arrived = True, None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._is_within = False
        if kind is None and self._arrived is not None:
            self._arrived()

    def handle(self, number: int, frame: FrameType | None, handler: _Handler) -> None:
        """Handle an interrupt now, or at the end of the step."""
        if self._is_within and self._arrived is None:
            self._arrived = lambda: handler(number, frame)
        else:
            handler(number, frame)


@contextmanager
def interrupts_between_steps() -> Iterator[InterruptedSteps]:
    """Let the interrupts of a loop wait for the end of its step, without a cost for each step."""
    steps = InterruptedSteps()
    with _handled_by(steps.handle):
        yield steps
