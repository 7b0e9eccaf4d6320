"""Threads, forked children, the floating-point mode: what cnnx does to the process it lives in."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import cnnx
import floating_point
import numpy as np
import pytest
from comparison import assert_same_bits
from floating_point import denormals_flushed, get_mode


def run_python(code: str, **environment: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if "NUM_THREADS" not in name}
    finished = subprocess.run(
        [sys.executable, "-c", code],
        env={**inherited, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


# The number of threads.


def test_the_number_of_threads_can_be_set(restore_threads: None) -> None:
    for count in (1, 2, 7, 1024):
        cnnx.set_num_threads(count)
        assert cnnx.get_num_threads() == (count if cnnx.has_openmp() else 1)


@pytest.mark.parametrize("count", [0, -1, 1025])
def test_a_wrong_number_of_threads_is_refused(count: int) -> None:
    before = cnnx.get_num_threads()
    with pytest.raises(ValueError, match=f"count is {count}, expected 1 to 1024"):
        cnnx.set_num_threads(count)
    assert cnnx.get_num_threads() == before


@pytest.mark.skipif(not cnnx.has_openmp(), reason="built without OpenMP: always one thread")
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"CNNX_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, 3),
        ({"OMP_NUM_THREADS": "5"}, 5),
        ({"OMP_NUM_THREADS": "4,2"}, 4),
        ({"CNNX_NUM_THREADS": "many", "OMP_NUM_THREADS": "5"}, 5),
        ({"CNNX_NUM_THREADS": "0", "OMP_NUM_THREADS": "5"}, 5),
    ],
)
def test_the_environment_says_how_many_threads(environment: dict[str, str], expected: int) -> None:
    ask = "import cnnx; print(cnnx.get_num_threads())"
    assert run_python(ask, **environment) == str(expected)
    set_too = "import cnnx; cnnx.set_num_threads(6); print(cnnx.get_num_threads())"
    assert run_python(set_too, **environment) == "6"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs CPU affinity")
def test_without_being_told_it_uses_the_cpus_it_may_run_on() -> None:
    code = """
import os
allowed = sorted(os.sched_getaffinity(0))
os.sched_setaffinity(0, allowed[:1])
import cnnx
print(cnnx.get_num_threads())
"""
    assert run_python(code) == "1"
    ask = "import cnnx; print(cnnx.get_num_threads())"
    assert 1 <= int(run_python(ask)) <= len(os.sched_getaffinity(0))


def test_the_instruction_set_has_a_name() -> None:
    assert cnnx.isa() in ("baseline", "avx2", "avx512", "neon")


def test_training_and_predicting_in_two_threads() -> None:
    x, y = cnnx.data.xo(64)
    alone = cnnx.models.small()
    trainer = cnnx.Trainer(alone)
    losses = [trainer.step(x, y) for _ in range(6)]

    model = cnnx.models.small()
    stop = threading.Event()
    answers: list[bool] = []

    def predict() -> None:
        while not stop.is_set():
            answers.append(bool(np.isfinite(model(x[:9])).all()))

    thread = threading.Thread(target=predict)
    thread.start()
    try:
        trainer = cnnx.Trainer(model)
        assert [trainer.step(x, y) for _ in range(6)] == losses
    finally:
        stop.set()
        thread.join(timeout=120)
    assert not thread.is_alive()
    assert answers
    assert all(answers)
    assert_same_bits(model(x), alone(x))


def test_threads_that_predict_all_the_time_do_not_keep_a_trainer_waiting() -> None:
    """A lock that prefers its readers would: there is always one of the four."""
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


# A forked child.

FORK = """
import os, signal, sys
import numpy as np
import cnnx

cnnx.set_num_threads(2)
x, y = cnnx.data.xo(256)
model = cnnx.models.small()
trainer = cnnx.Trainer(model)
if "used" in sys.argv[1:]:
    trainer.fit(x, y, epochs=1)  # the parent's threads exist before the fork

def work():
    trainer.fit(x, y, epochs=1, batch_size=100)
    return model(x).tobytes(), trainer.history.loss[-1]

receiving, sending = os.pipe()
child = os.fork()
if child == 0:
    signal.alarm(60)
    outputs, loss = work()
    os.write(sending, repr((hash(outputs), loss)).encode())
    os._exit(0)
outputs, loss = work()
_, status = os.waitpid(child, 0)
assert status == 0, f"the child ended with status {status}"
assert os.read(receiving, 1000) == repr((hash(outputs), loss)).encode(), "other bits in the child"
print("both")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("before", ["used", "unused"])
def test_a_forked_child_predicts_and_trains(before: str) -> None:
    """A child of a parent that has used it would wait for libgomp's threads for ever."""
    code = f"import sys; sys.argv.append({before!r})\n{FORK}"
    assert run_python(code) == "both"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_pool_of_forked_workers_predicts() -> None:
    code = """
import multiprocessing
import cnnx
import numpy as np

cnnx.set_num_threads(2)
x, _ = cnnx.data.xo(300)
model = cnnx.models.small()
expected = model(x)

def predict(part):
    return model(x[part])

if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as pool:
        parts = pool.map(predict, [slice(first, first + 100) for first in (0, 100, 200)])
    assert np.concatenate(parts).tobytes() == expected.tobytes()
    print("all")
"""
    assert run_python(code) == "all"


# The floating-point mode.

known_mode = pytest.mark.skipif(
    not floating_point.KNOWN, reason="the mode can be set on Linux on x86-64 only"
)


def denormal_network() -> tuple[cnnx.Model, cnnx.Trainer]:
    """Outputs, gradients and updates below the normal floats, from numbers that are not."""
    model = cnnx.Model(
        [cnnx.Conv2d(2, 3), cnnx.LeakyReLU(0.5), cnnx.AvgPool2d(2), cnnx.Flatten(), cnnx.Dense(2)],
        input_shape=(8, 8, 1),
        preprocessing=cnnx.Preprocessing(std=0.5),
    )
    for name, array in model.parameters.items():
        model.parameters[name] = array * np.float32(1e-5)
    return model, cnnx.Trainer(model, optimizer=cnnx.SGD(1e-36), loss=cnnx.MSE())


def denormal_results() -> list[bytes]:
    model, trainer = denormal_network()
    x = np.random.default_rng(0).integers(1, 256, (40, 8, 8, 1)).astype(np.float32)
    x, y = x * np.float32(1e-36), np.ones((40, 2), dtype=np.float32)
    outputs = model(x)
    losses = [trainer.step(x, y) for _ in range(2)]
    layers = [array.tobytes() for array in model.layer_outputs(x).values()]
    parameters = [array.tobytes() for array in model.parameters.values()]
    gradients = trainer.gradients.tobytes()
    return [outputs.tobytes(), repr(losses).encode(), gradients, *layers, *parameters]


def test_the_network_of_these_tests_is_denormal() -> None:
    model, trainer = denormal_network()
    x = np.full((1, 8, 8, 1), 1e-34, dtype=np.float32)
    tiny = np.finfo(np.float32).tiny
    assert 0 < np.abs(model(x)).max() < tiny
    trainer.step(x, [[1.0, 1.0]])
    assert 0 < np.abs(trainer.gradients[:18]).max() < tiny  # conv2d_1.weight
    assert 0 < np.abs(model.parameters["conv2d_1.bias"]).max() < tiny


@known_mode
@pytest.mark.parametrize("threads", [1, 2])
def test_a_caller_that_flushes_denormals_gets_the_same_bits(
    threads: int, restore_threads: None
) -> None:
    cnnx.set_num_threads(threads)
    expected = denormal_results()
    with denormals_flushed() as mode:
        assert get_mode() == mode
        results = denormal_results()
        assert get_mode() == mode, "the caller's mode was not restored"
    assert get_mode() != mode
    assert [a == b for a, b in zip(results, expected, strict=True)] == [True] * len(results)


@known_mode
def test_every_function_restores_the_mode() -> None:
    x, y = cnnx.data.xo(8)
    model = cnnx.models.small()
    trainer = cnnx.Trainer(model)
    with denormals_flushed() as mode:
        for call in (
            lambda: cnnx.data.xo(8),
            lambda: cnnx.models.small(),
            lambda: model(x),
            lambda: model.predict_proba(x),
            lambda: model.layer_outputs(x),
            lambda: trainer.step(x, y),
            lambda: trainer.fit(x, y, epochs=1, validation=0.5),
            lambda: trainer.evaluate(x, y),
            lambda: cnnx.ops.tanh(np.ones(100_000)),
        ):
            call()
            assert get_mode() == mode
