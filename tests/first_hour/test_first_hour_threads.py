"""What a newcomer meets with threads and processes: a result, or one sentence."""

from __future__ import annotations

import builtins
import os
import re
from collections.abc import Callable
from typing import Any

import cnnx
import numpy as np
import pytest
from first_hour import Case, check, error_of, every
from python_process import run_python

IN_NEW_PROCESS = """
import os, signal, threading, time
import numpy as np
import cnnx

try:
    exec({code!r})
except Exception as error:
    print(type(error).__name__, error, sep=": ")
"""


def in_new_process(code: str, **environment: str) -> Callable[[], None]:
    """A call of the code in a process of its own; raises its error here."""

    def run() -> None:
        script = IN_NEW_PROCESS.format(code=code)
        outcome = run_python("-W", "ignore::DeprecationWarning", "-c", script, **environment)
        if outcome:
            name, sentence = outcome.split(": ", 1)
            raise getattr(builtins, name)(sentence)

    return run


def wrong_number(text: str, code: str = "cnnx.get_num_threads()") -> Case:
    return Case(
        f"CNNX_NUM_THREADS={text}, {code}",
        in_new_process(code, CNNX_NUM_THREADS=text),
        ValueError,
        f'CNNX_NUM_THREADS is "{text}", expected a number from 1 to 1024',
    )


NUMBERS = [
    wrong_number("abc"),
    wrong_number("0"),
    wrong_number("-1"),
    wrong_number("2.5"),
    wrong_number("4,2"),
    wrong_number("5000"),
    wrong_number("two", "cnnx.data.xo(8)"),
    wrong_number("two", "cnnx.models.small()(np.zeros((1, 32, 32, 1)))"),
]


def trainer(**settings: Any) -> cnnx.Trainer:
    return cnnx.Trainer(cnnx.models.small(), **settings)


def step_on_nan() -> None:
    images = np.full((4, 32, 32, 1), np.nan, np.float32)
    trainer().step(images, [0, 1, 0, 1])


def steps_that_explode() -> None:
    x, y = cnnx.data.xo(8)
    exploding = trainer(optimizer=cnnx.SGD(1e30))
    for _ in range(5):
        exploding.step(x, y)


def fit_in_a_fit() -> None:
    x, y = cnnx.data.xo(8)
    one = trainer()
    one.fit(x, y, epochs=1, progress=lambda _: one.fit(x, y, epochs=1))


def two_fits_of_one_model() -> None:
    x, y = cnnx.data.xo(8)
    one = trainer()
    other, apart = cnnx.Trainer(one.model), cnnx.Trainer(one.model.clone())
    one.fit(x, y, epochs=1, progress=lambda _: apart.fit(x, y, epochs=1))
    other.fit(x, y, epochs=1)
    one.fit(x, y, epochs=1, progress=lambda _: other.fit(x, y, epochs=1))


TRAINERS = [
    Case(
        "a step on NaN",
        step_on_nan,
        FloatingPointError,
        "step: the loss is NaN, because the images are not finite; the model is as it was before "
        "this step, expected finite images",
    ),
    Case(
        "steps that explode",
        steps_that_explode,
        FloatingPointError,
        re.compile(
            r"step: the loss is (NaN|infinite), because the output of \w+ is not finite; the "
            "model is as it was before this step, expected a finite loss: try a smaller learning "
            "rate"
        ),
    ),
    Case(
        "a fit in a fit",
        fit_in_a_fit,
        ValueError,
        "fit: another fit of this model is running, expected one at a time: fit a cnnx.Trainer of "
        "model.clone()",
    ),
    Case(
        "two fits of one model",
        two_fits_of_one_model,
        ValueError,
        "fit: another fit of this model is running, expected one at a time: fit a cnnx.Trainer of "
        "model.clone()",
    ),
    Case("release", lambda: (trainer().release(), cnnx.models.small().release()), None),
]

TWO_THREADS = Case(
    "two threads on one trainer",
    in_new_process(
        """
x, y = cnnx.data.xo(200)
one = cnnx.Trainer(cnnx.models.small(), optimizer=cnnx.SGD(0.0))
batches = slice(0, 30), slice(30, 200)
expected = [one.step(x[batch], y[batch]) for batch in batches]

def train(batch, loss):
    for _ in range(100):
        if one.step(x[batch], y[batch]) != loss:
            print("AssertionError: a wrong loss", flush=True)
            break

threads = [threading.Thread(target=train, args=each) for each in zip(batches, expected)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
    ),
    None,
)

# A thread trains, nearly always in a step, while the process forks and the child makes the call.
FORK = """
x, y = cnnx.data.xo(2000)
x = (x / 255).astype(np.float32)  # needs no conversion before a step
model = cnnx.models.small()
trainer = cnnx.Trainer(model)
begun = threading.Event()

def train():
    while True:
        trainer.step(x, y)
        begun.set()

threading.Thread(target=train, daemon=True).start()
begun.wait(60)
time.sleep(0.01)
child = os.fork()
if child == 0:
    signal.alarm(60)
    try:
        {call}
    except ValueError as error:
        print("ValueError:", error, flush=True)
    os._exit(0)
if os.waitpid(child, 0)[1]:
    print("AssertionError: the child hangs or crashes")
"""


def forked(call: str, owner: str) -> Case:
    return Case(
        f"{call} in a child forked during a step",
        in_new_process(FORK.format(call=call), CNNX_NUM_THREADS="1"),
        ValueError,
        f"{owner}: another thread was changing it when this process was forked, so it is "
        "incomplete here, expected a fork between two calls: make it in this process, or start "
        "processes with spawn",
    )


CHILDREN = [
    forked("model(x[:1])", "model"),
    forked("model.save('model.cnnx')", "model"),
    forked("model.clone()", "model"),
    forked("model.parameters['dense_1.bias']", "model"),
    forked("trainer.step(x[:8], y[:8])", "trainer"),
    forked("trainer.learning_rate", "trainer"),
]


@every(TRAINERS)
def test_trainers(case: Case) -> None:
    check(case)


@every(NUMBERS, [TWO_THREADS])
@pytest.mark.beside
def test_new_processes(case: Case) -> None:
    check(case, error_of)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@every(CHILDREN)
@pytest.mark.beside
def test_forks(case: Case) -> None:
    check(case, error_of)
