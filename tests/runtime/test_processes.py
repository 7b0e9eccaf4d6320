"""Children of a process that has used threads, other interpreters in it, and the GIL."""

from __future__ import annotations

import os
import sys
import sysconfig

import pytest
from beside import Beside
from python_process import run_python

# Python 3.12 and later warn about forking with threads, which these tests do.
WITHOUT_WARNING = ("-W", "ignore:This process:DeprecationWarning")

# A script: work() predicts and trains, and prints the results to the bit.
WORK = """
import hashlib, multiprocessing, os, signal, sys
import cnnx

def work():
    cnnx.set_num_threads(2)
    x, y = cnnx.data.xo(256)
    model = cnnx.models.small()
    digest = hashlib.sha256(model(x))
    trainer = cnnx.Trainer(model)
    history = trainer.fit(x, y, epochs=1, batch_size=100)
    digest.update(repr(history.loss).encode())
    digest.update(model(x))
    return digest.hexdigest()

def has_threads():
    return sys.platform != "linux" or len(os.listdir("/proc/self/task")) > 1
"""

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def run_script(beside: Beside, code: str, *arguments: str) -> str:
    """As a file, because spawned processes import it again."""
    script = beside.make_folder("script") / "script.py"
    script.write_text(WORK + code, encoding="utf-8")
    return run_python(*WITHOUT_WARNING, str(script), *arguments)


IN_A_FORKED_CHILD = """
def result_of_forked_child(function):
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(100)
        os.write(sending, function().encode())
        os._exit(0)
    os.close(sending)
    _, status = os.waitpid(child, 0)
    assert status == 0, f"the child ended with status {status}"
    with os.fdopen(receiving) as file:
        return file.read()
"""


@needs_fork
@pytest.mark.parametrize("before", ["used", "unused"])
@pytest.mark.beside
def test_a_forked_child_predicts_and_trains(before: str, beside: Beside) -> None:
    """A child of a parent that has used it would wait for its parent's threads for ever."""
    code = f"""{IN_A_FORKED_CHILD}
if sys.argv[1] == "used":
    expected = work()
    assert has_threads() or not cnnx.has_threads()
    results = [result_of_forked_child(work)]
else:
    results = [result_of_forked_child(work)]
    expected = work()
results.append(result_of_forked_child(lambda: result_of_forked_child(work)))
assert results == [expected] * 2, "other bits in a child"
assert work() == expected
print("same")
"""
    assert run_script(beside, code, before) == "same"


@needs_fork
@pytest.mark.beside
def test_a_forked_child_continues_with_its_parents_model_and_trainer(beside: Beside) -> None:
    code = f"""{IN_A_FORKED_CHILD}
cnnx.set_num_threads(2)
x, y = cnnx.data.xo(256)
model = cnnx.models.small()
trainer = cnnx.Trainer(model)
trainer.fit(x, y, epochs=1, batch_size=100)

def resume():
    trainer.fit(x, y, epochs=1, batch_size=100)
    return hashlib.sha256(model(x)).hexdigest() + repr(trainer.history.loss[-1])

child = result_of_forked_child(resume)
assert child == resume(), "other bits in the child"
print("same")
"""
    assert run_script(beside, code) == "same"


@needs_fork
@pytest.mark.beside
def test_a_fork_in_the_middle_of_an_epoch(beside: Beside) -> None:
    """The thread that gathers the next batch is lost: both sides finish the epoch and exit."""
    code = """
x, y = cnnx.data.xo(256)
model = cnnx.models.small()
children = []

class Fork(cnnx.callbacks.Callback):
    def on_step_end(self, trainer, progress):
        if progress.step == 2:
            child = os.fork()
            if child == 0:
                signal.alarm(100)
            else:
                children.append(child)

trainer = cnnx.Trainer(model)
augmentation = cnnx.data.Augmentation(flip="random")
trainer.fit(x, y, epochs=1, batch_size=32, augmentation=augmentation, callbacks=[Fork()])
# In one piece, so that the two lines do not mix.
os.write(1, f"{hashlib.sha256(model(x)).hexdigest()}\\n".encode())
if children:
    assert os.waitpid(children[0], 0)[1] == 0
"""
    digests = run_script(beside, code).splitlines()
    assert len(digests) == 2
    assert digests[0] == digests[1]


@needs_fork
@pytest.mark.beside
def test_children_forked_beside_threads_that_predict(beside: Beside) -> None:
    """They predict and train with the model, whatever the threads were doing."""
    code = f"""{IN_A_FORKED_CHILD}
import threading
cnnx.set_num_threads(2)
x, y = cnnx.data.xo(40)
model = cnnx.models.small()
trainer = cnnx.Trainer(model)
expected = hashlib.sha256(model(x)).hexdigest()
begun = [threading.Event() for _ in range(4)]

def predict(number):
    while True:
        model(x[: 10 * number + 1])
        begun[number].set()

def use():
    digest = hashlib.sha256(model(x)).hexdigest()
    trainer.step(x, y)
    return digest

for number in range(4):
    threading.Thread(target=predict, args=(number,), daemon=True).start()
for event in begun:
    assert event.wait(60)
assert [result_of_forked_child(use) for _ in range(20)] == [expected] * 20
print("same")
"""
    assert run_script(beside, code) == "same"


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
@pytest.mark.beside
def test_a_pool_of_workers_predicts_and_trains(method: str, beside: Beside) -> None:
    code = """
def task(number):
    return work()

if __name__ == "__main__":
    method = sys.argv[1]
    if method not in multiprocessing.get_all_start_methods():
        print("absent")
        sys.exit()
    expected = work()
    assert has_threads() or not cnnx.has_threads()
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(task, range(4), chunksize=1) == [expected] * 4, "other bits in a worker"
    assert work() == expected
    print("same")
"""
    outcome = run_script(beside, code, method)
    if outcome == "absent":
        pytest.skip(f"this system has no {method}")
    assert outcome == "same"


@needs_fork
@pytest.mark.beside
def test_forked_workers_predict_with_their_parents_model(beside: Beside) -> None:
    code = """
cnnx.set_num_threads(2)
x, _ = cnnx.data.xo(300)
model = cnnx.models.small()
expected = model(x)

def predict(first):
    return model(x[first : first + 100])

if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as pool:
        parts = pool.map(predict, [0, 100, 200])
    assert b"".join(part.tobytes() for part in parts) == expected.tobytes()
    print("all")
"""
    assert run_script(beside, code) == "all"


# A second interpreter in the same process, which has a module name of its own in every Python.
SECOND_INTERPRETER = """
import importlib

def run_in_second_interpreter(code):
    try:
        interpreters = importlib.import_module("_interpreters")  # Python >= 3.13
    except ImportError:
        interpreters = importlib.import_module("_xxsubinterpreters")
    number = interpreters.create()
    problem = interpreters.run_string(number, code)
    interpreters.destroy(number)
    assert problem is None, problem
"""

USE = """import cnnx
x, y = cnnx.data.xo(8)
print(cnnx.models.small()(x).shape, flush=True)
"""
TRY = """import cnnx
try:
    cnnx.isa()
except ImportError as error:
    print(error, flush=True)
"""


@pytest.mark.parametrize("first", ["main", "second"])
@pytest.mark.beside
def test_a_second_interpreter_is_refused(first: str, beside: Beside) -> None:
    """The first interpreter works as before."""
    code = f"""{SECOND_INTERPRETER}
if sys.argv[1] == "main":
    exec({USE!r})
for _ in range(2):
    run_in_second_interpreter({TRY!r})
    exec({USE!r})
"""
    outcome = run_script(beside, code, first).splitlines()
    works = "(8, 2)"
    if first == "main":
        assert outcome.pop(0) == works
    refused = "cnnx: imported by a second interpreter of the process, expected the main one"
    if sys.version_info >= (3, 13):  # which refuses before the module is asked
        refused = "module cnnx._core does not support loading in subinterpreters"
    assert outcome == [refused, works] * 2


def test_free_threaded_python_enables_the_gil() -> None:
    """The code is untested without the GIL, so importing cnnx switches it on."""
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        pytest.skip(
            "this Python always has its lock; architecture_rules.py checks what the module declares"
        )
    code = "import sys, cnnx; cnnx.isa(); print(sys._is_gil_enabled())"
    assert run_python("-W", "ignore::RuntimeWarning", "-c", code) == "True"
