"""Many threads on one model, errors in them, and threads at the end of the program."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import cnnx
import numpy as np
import pytest
from cnnx import _core
from comparison import assert_same_bits
from python_process import run_python
from sanitizer import not_under_address_sanitizer

THREADS = 8


def in_threads(work: Callable[[int], None], count: int = THREADS) -> None:
    """Call work(number) in `count` threads that start together; re-raises one exception."""
    errors: list[BaseException] = []
    together = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            together.wait(timeout=60)
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads), "a deadlock"
    if errors:
        raise errors[0]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_eight_threads_on_one_model(threads: int, restore_threads: None) -> None:
    cnnx.set_num_threads(threads)
    x, _ = cnnx.data.xo(130)
    model = cnnx.models.small()
    expected = model(x)
    fresh = cnnx.models.small()  # its first prediction runs in eight threads at once

    def predict(number: int) -> None:
        for rows in (slice(number, number + 1), slice(0, 130), slice(3, 20 + number)):
            assert_same_bits(fresh(x[rows]), expected[rows])

    in_threads(predict)


@pytest.mark.parametrize("threads", [1, 2])
def test_eight_threads_beside_one_that_trains(threads: int, restore_threads: None) -> None:
    """Each prediction is that of the model after some whole step; the training is unaffected."""
    cnnx.set_num_threads(threads)
    x, y = cnnx.data.xo(64)
    alone = cnnx.models.small()
    trainer = cnnx.Trainer(alone)
    predictions, losses = [alone(x[:9]).tobytes()], []
    for _ in range(6):
        losses.append(trainer.step(x, y))
        predictions.append(alone(x[:9]).tobytes())
    assert len(set(predictions)) == 7

    model = cnnx.models.small()
    trained = threading.Event()

    def work(number: int) -> None:
        if number == 0:
            beside = cnnx.Trainer(model)
            try:
                assert [beside.step(x, y) for _ in range(6)] == losses
            finally:
                trained.set()
            return
        while not trained.is_set():
            assert model(x[:9]).tobytes() in predictions
        assert model(x[:9]).tobytes() == predictions[-1]

    in_threads(work, 1 + THREADS)
    assert_same_bits(model(x), alone(x))


def test_eight_threads_train_a_model_each() -> None:
    x, y = cnnx.data.xo(64)
    alone = cnnx.models.small()
    losses = cnnx.Trainer(alone).fit(x, y, epochs=2, batch_size=20).loss

    def train(number: int) -> None:
        model = cnnx.models.small()
        assert cnnx.Trainer(model).fit(x, y, epochs=2, batch_size=20).loss == losses
        assert_same_bits(model(x), alone(x))

    in_threads(train)


def test_constant_predictions_do_not_starve_a_trainer() -> None:
    """A lock that prefers readers would block the trainer: one of the four always reads."""
    x, y = cnnx.data.xo(64)
    model = cnnx.models.small()
    trainer = cnnx.Trainer(model)
    stop = threading.Event()

    def predict() -> None:
        while not stop.is_set():
            model(x)

    predicting = [threading.Thread(target=predict) for _ in range(4)]
    training = threading.Thread(target=lambda: [trainer.step(x, y) for _ in range(3)])
    for thread in predicting:
        thread.start()
    try:
        training.start()
        training.join(timeout=20)
        waited_in_vain = training.is_alive()
    finally:
        stop.set()
        for thread in [*predicting, training]:
            thread.join(timeout=60)
    assert not waited_in_vain


def test_constant_training_does_not_starve_predictions() -> None:
    """The trainer leaves the model's lock only between two steps."""
    x, y = cnnx.data.xo(64)
    model = cnnx.models.small()
    trainer = cnnx.Trainer(model)
    stop = threading.Event()

    def train() -> None:
        while not stop.is_set():
            trainer.step(x, y)

    def predict(number: int) -> None:
        for _ in range(5):
            model(x)

    training = threading.Thread(target=train)
    training.start()
    try:
        in_threads(predict, 4)
    finally:
        stop.set()
        training.join(timeout=60)


def test_each_thread_gets_its_own_errors(tmp_path: Path) -> None:
    model = cnnx.models.small()
    x, _ = cnnx.data.xo(8)
    expected = model(x)
    damaged = tmp_path / "damaged.cnnx"
    damaged.write_bytes(b"not a model")

    def work(number: int) -> None:
        for _ in range(20):
            with pytest.raises(ValueError, match=f"count is {-number}, expected 1 to 1024"):
                cnnx.set_num_threads(-number)
            with pytest.raises(ValueError, match=rf"\(8, 32, {40 + number}, 1\)"):
                model(np.zeros((8, 32, 40 + number, 1), np.float32))
            with pytest.raises(cnnx.FormatError, match=r"damaged\.cnnx"):
                cnnx.load(damaged)
            with pytest.raises(FileNotFoundError, match=f"missing-{number}"):
                cnnx.load(tmp_path / f"missing-{number}.cnnx")
            assert_same_bits(model(x), expected)

    in_threads(work)


def test_an_error_in_a_train_step_leaves_the_model_to_others() -> None:
    """The lock is released."""
    model = cnnx.models.small()
    x, y = cnnx.data.xo(8)
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(1.0))
    before = model(x)
    with pytest.raises(FloatingPointError, match="not finite"):
        trainer.fit(np.full((8, 32, 32, 1), np.nan, np.float32), y, epochs=1)
    in_threads(lambda number: assert_same_bits(model(x), before))


# Fewer threads than requested.

STARVED = """
import resource
import numpy as np
import cnnx

x = np.linspace(-1, 1, 1 << 24, dtype=np.float32)
expected = np.maximum(x, 0)
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
limit = used + (512 << 20)  # room for the stacks of some 60 threads
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
cnnx.set_num_threads(256)
for _ in range(3):
    print(np.array_equal(cnnx.ops.relu(x), expected))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's /proc")
def test_it_works_without_threads_that_cannot_be_started() -> None:
    not_under_address_sanitizer("address space has no limit")
    assert run_python("-c", STARVED).split() == ["True"] * 3


# The end of the program.

COMPUTE = """
import sys, threading
import cnnx

cnnx.set_num_threads(2)
x, y = cnnx.data.xo(300)
model = cnnx.models.small()
begun = [threading.Event() for _ in range(8)]

def predict(number):
    while True:
        model(x)
        begun[number].set()

def train(number):
    trainer = cnnx.Trainer(cnnx.models.small())
    while True:
        trainer.fit(x, y, epochs=1, augmentation=cnnx.data.Augmentation(flip="random"))
        begun[number].set()

for number, event in enumerate(begun):
    work = train if number % 4 == 0 else predict
    threading.Thread(target=work, args=(number,), daemon=True).start()
for event in begun:
    assert event.wait(100)
"""


@pytest.mark.parametrize("attempt", range(4))
@pytest.mark.parametrize("end", ["pass", "sys.exit(0)"])
@pytest.mark.beside
def test_the_interpreter_ends_while_threads_compute(end: str, attempt: int) -> None:
    """Daemon threads end without a crash when they return to the interpreter."""
    assert run_python("-c", f"{COMPUTE}\nprint('over', flush=True)\n{end}") == "over"


def test_a_program_may_still_compute_when_it_ends() -> None:
    code = f"""{COMPUTE}
import atexit
atexit.register(lambda: print(model(x).shape))
"""
    assert run_python("-c", code) == "(300, 2)"


def test_the_library_stays_loaded_as_long_as_its_threads() -> None:
    """After dlclose they would run in unmapped memory."""
    libraries = list((Path(_core.__file__).parent / "lib").glob("libcnnx.so*"))
    readelf = shutil.which("readelf")
    if not libraries or readelf is None:
        pytest.skip("there is no libcnnx.so beside the package, or no readelf to look at it with")
    flags = subprocess.run(
        [readelf, "--dynamic", libraries[0]], capture_output=True, text=True, check=True
    ).stdout
    assert re.search(r"FLAGS_1.*\bNODELETE\b", flags), flags
