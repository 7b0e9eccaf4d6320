"""Interrupts that arrive in the middle of a change of state: they wait for its end."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

import pytest
from cnnx.training.interrupts import interrupts_wait

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def press(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


@pytest.fixture
def pressed() -> Iterator[None]:
    """Let every signal raise KeyboardInterrupt with its number."""
    before = [signal.signal(number, press) for number in NUMBERS]
    yield
    for number, handler in zip(NUMBERS, before, strict=True):
        signal.signal(number, handler)


def block(*numbers: signal.Signals) -> None:
    """A block in which signals arrive; fails if one of them ends it."""
    is_whole = False
    try:
        with interrupts_wait():
            for number in numbers:
                signal.raise_signal(number)
            is_whole = True
    finally:
        assert is_whole


@pytest.mark.usefixtures("pressed")
@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_waits_for_the_end_of_the_block(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        block(number)
    assert caught.value.args == (number,)
    assert [signal.getsignal(each) for each in NUMBERS] == [press] * len(NUMBERS)


@pytest.mark.usefixtures("pressed")
def test_the_first_of_several_signals_arrives() -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        block(signal.SIGTERM, signal.SIGINT)
    assert caught.value.args == (signal.SIGTERM,)


def test_signals_without_a_handler_are_untouched() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupts_wait():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_run_the_block() -> None:
    ran: list[bool] = []

    def block() -> None:
        with interrupts_wait():
            ran.append(True)

    thread = threading.Thread(target=block)
    thread.start()
    thread.join()
    assert ran == [True]
