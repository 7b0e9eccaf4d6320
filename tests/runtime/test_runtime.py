"""The number of threads, the instruction set, the floating-point mode."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

import cnnx
import floating_point
import numpy as np
import pytest
from cnnx import _core
from floating_point import denormals_flushed, get_mode
from python_process import run_python
from sanitizer import not_under_address_sanitizer

# The number of threads.


def test_the_number_of_threads_can_be_set(restore_threads: None) -> None:
    for count in (1, 2, 7, 1024):
        cnnx.set_num_threads(count)
        assert cnnx.get_num_threads() == (count if cnnx.has_threads() else 1)


@pytest.mark.parametrize("count", [0, -1, 1025])
def test_a_wrong_number_of_threads_is_refused(count: int) -> None:
    before = cnnx.get_num_threads()
    with pytest.raises(ValueError, match=f"count is {count}, expected 1 to 1024"):
        cnnx.set_num_threads(count)
    assert cnnx.get_num_threads() == before


@pytest.mark.skipif(not cnnx.has_threads(), reason="built serial: always one thread")
def test_a_thread_can_use_its_own_number(restore_threads: None) -> None:
    cnnx.set_num_threads(2)
    elsewhere = []

    def note() -> None:
        elsewhere.append(cnnx.get_num_threads())

    with cnnx.use_threads(5):
        with cnnx.use_threads(1):
            assert cnnx.get_num_threads() == 1
        assert cnnx.get_num_threads() == 5
        other = threading.Thread(target=note)
        other.start()
        other.join()
        with pytest.raises(ValueError, match="use_threads: count is 0, expected 1 to 1024"):
            cnnx.use_threads(0).__enter__()
        assert cnnx.get_num_threads() == 5
    assert (cnnx.get_num_threads(), elsewhere) == (2, [2])


def test_its_own_number_ends_with_an_exception() -> None:
    before = cnnx.get_num_threads()
    with pytest.raises(KeyError), cnnx.use_threads(3):
        raise KeyError
    assert cnnx.get_num_threads() == before


@pytest.mark.skipif(not cnnx.has_threads(), reason="built serial: always one thread")
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"CNNX_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, 3),
        ({"OMP_NUM_THREADS": "5"}, 5),
        ({"OMP_NUM_THREADS": "4,2"}, 4),
        ({"CNNX_NUM_THREADS": "", "OMP_NUM_THREADS": "5"}, 5),
    ],
)
@pytest.mark.beside
def test_the_environment_sets_the_threads(environment: dict[str, str], expected: int) -> None:
    ask = "import cnnx; print(cnnx.get_num_threads())"
    assert run_python("-c", ask, **environment) == str(expected)
    set_too = "import cnnx; cnnx.set_num_threads(6); print(cnnx.get_num_threads())"
    assert run_python("-c", set_too, **environment) == "6"


@pytest.mark.beside
def test_a_wrong_variable_is_refused_until_the_number_is_set() -> None:
    code = """
import cnnx
for _ in range(2):
    try:
        cnnx.get_num_threads()
    except ValueError as error:
        print(error)
cnnx.set_num_threads(2)
print(cnnx.get_num_threads() == (2 if cnnx.has_threads() else 1))
"""
    outcome = run_python("-c", code, CNNX_NUM_THREADS="many").splitlines()
    sentence = 'CNNX_NUM_THREADS is "many", expected a number from 1 to 1024'
    assert outcome == ([sentence] * 2 if cnnx.has_threads() else []) + ["True"]


@pytest.mark.skipif(not cnnx.has_openmp(), reason="built without OpenMP")
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs CPU affinity")
@pytest.mark.parametrize("policy", ["false", "close", "spread", "master"])
@pytest.mark.beside
def test_openmp_places_the_threads(policy: str) -> None:
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        pytest.skip("needs two CPUs")
    code = """
import os, time
import cnnx, numpy as np
cnnx.set_num_threads(4)
before = set(os.listdir("/proc/self/task"))
cnnx.ops.relu(np.ones(1 << 22))
time.sleep(0.3)  # the threads move when they start
for thread in sorted(set(os.listdir("/proc/self/task")) - before, key=int):
    print(*sorted(os.sched_getaffinity(int(thread))))
"""
    first, second = cpus[:2]
    places = f"{{{first}}},{{{second}}}"
    outcome = run_python("-c", code, OMP_PROC_BIND=policy, OMP_PLACES=places).splitlines()
    by_policy = {
        "false": [" ".join(map(str, cpus))] * 3,
        "close": [str(first), str(second), str(second)],
        "spread": [str(first), str(second), str(second)],
        "master": [str(first)] * 3,
    }
    assert outcome == by_policy[policy]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs CPU affinity")
def test_the_default_is_the_cpus_the_process_may_run_on() -> None:
    code = """
import os
import sys
allowed = sorted(os.sched_getaffinity(0))
os.sched_setaffinity(0, allowed[:1])
import cnnx
print(cnnx.get_num_threads())
"""
    assert run_python("-c", code) == "1"
    ask = "import cnnx; print(cnnx.get_num_threads())"
    assert 1 <= int(run_python("-c", ask)) <= len(os.sched_getaffinity(0))


def test_the_instruction_set_has_a_name() -> None:
    assert cnnx.isa() in ("baseline", "avx2", "avx512", "neon")


# The floating-point mode.

known_mode = pytest.mark.skipif(
    not floating_point.KNOWN, reason="the mode can be set on Linux on x86-64 only"
)


def denormal_network() -> tuple[cnnx.Model, cnnx.Trainer]:
    """Outputs, gradients and updates below the normal floats, from inputs that are normal."""
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


@pytest.mark.skipif(sys.platform != "linux", reason="limits a process's memory as Linux does")
def test_exhausted_memory_is_an_error_of_one_sentence() -> None:
    not_under_address_sanitizer("memory is not limited")
    code = """
import resource
import cnnx
trainer = cnnx.Trainer(cnnx.models.small((8, 8, 1)))
model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(4096)], input_shape=(64, 64, 1))
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**25, resource.RLIM_INFINITY))
try:
    cnnx.Trainer(model)
except MemoryError as error:
    print(error)
"""
    sentence = "cnnx: the memory is exhausted, expected a smaller model, batch or image"
    assert run_python("-c", code) == sentence


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


# For the benchmarks.


def test_a_cache_line_takes_nanoseconds_between_cores() -> None:
    """Infinitely long if the system runs both threads on one CPU."""
    assert _core.core_to_core_seconds() > 1e-9


@pytest.mark.parametrize("run", [_core.run_fma_peak, _core.run_integer_peak])
def test_a_peak_counts_the_operations_of_all_its_rounds(run: Callable[[int], int]) -> None:
    assert run(1) > 0
    assert run(7) == 7 * run(1)
