"""Interrupts that arrive in the middle of a change of state: they wait for its end."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.callbacks import Callback
from cnnx.training.interrupts import InterruptedSteps, interrupts_between_steps, interrupts_wait

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


@pytest.mark.usefixtures("pressed")
def test_a_second_signal_ends_a_step() -> None:
    passed: list[int] = []

    def step(steps: InterruptedSteps, *numbers: signal.Signals) -> None:
        with steps:
            for number in numbers:
                signal.raise_signal(number)
                passed.append(number)

    def loop() -> None:
        with interrupts_between_steps() as steps:
            with pytest.raises(KeyboardInterrupt) as caught:
                step(steps, signal.SIGHUP)
            assert caught.value.args == (signal.SIGHUP,)
            step(steps)
            step(steps, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    with pytest.raises(KeyboardInterrupt) as caught:
        loop()
    assert passed == [signal.SIGHUP, signal.SIGTERM]
    assert caught.value.args == (signal.SIGINT,)
    assert [signal.getsignal(each) for each in NUMBERS] == [press] * len(NUMBERS)


class Press(Callback):
    """Sends an interrupt after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, trainer: cnnx.Trainer, progress: cnnx.Progress) -> None:
        if progress.step == self.step:
            signal.raise_signal(signal.SIGINT)


class Decay(Callback):
    """Sets the learning rate after each step, by a count in its state."""

    steps = 0

    def on_step_end(self, trainer: cnnx.Trainer, progress: cnnx.Progress) -> None:
        self.steps += 1
        trainer.learning_rate = 0.1 / (1 + self.steps)

    def state(self) -> dict[str, Any]:
        return {"steps": self.steps}

    def restore(self, state: dict[str, Any]) -> None:
        self.steps = state["steps"]


@pytest.mark.parametrize("in_batches", [False, True])
def test_a_step_and_its_callbacks_are_interrupted_as_one(in_batches: bool) -> None:
    x, y = cnnx.data.xo(24, size=16, seed=1)
    parts = [(x[first : first + 4], y[first : first + 4]) for first in range(0, 24, 4)]
    data: tuple[Any, ...] = (parts,) if in_batches else (x, y)
    settings: dict[str, Any] = {"epochs": 1} if in_batches else {"epochs": 1, "batch_size": 4}

    def trainer_of() -> cnnx.Trainer:
        return cnnx.Trainer(cnnx.models.small((16, 16, 1), 2, seed=1), optimizer=cnnx.SGD(0.1))

    whole, trainer = trainer_of(), trainer_of()
    whole.fit(*data, callbacks=[Decay()], **settings)
    with pytest.raises(KeyboardInterrupt, match="after step 3 of epoch 1 of 1"):
        trainer.fit(*data, callbacks=[Press(3), Decay()], **settings)
    trainer.fit(*data, callbacks=[Decay()])
    for name, values in whole.model.parameters.items():
        assert np.array_equal(values, trainer.model.parameters[name]), name


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
