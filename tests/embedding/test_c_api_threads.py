"""Threads from C: the process's number, and the number or the pool of one thread."""

from __future__ import annotations

import threading
from collections.abc import Callable

import cnnx
import numpy as np
import pytest
from c_functions import CALLBACKS, INVALID_ARGUMENT, CApi

if not cnnx.has_threads():
    pytest.skip("built serial: always one thread", allow_module_level=True)


def test_threads_are_those_of_python(c: CApi, restore_threads: None) -> None:
    c.ok(c.set_num_threads(3))
    assert c.integer(c.get_num_threads) == cnnx.get_num_threads()
    cnnx.set_num_threads(1)
    assert c.integer(c.get_num_threads) == 1
    c.refused(c.set_num_threads(0), INVALID_ARGUMENT, "count is 0, expected 1 to 1024")


def test_a_thread_uses_its_own_number(c: CApi, restore_threads: None) -> None:
    cnnx.set_num_threads(2)
    c.ok(c.use_threads(5))
    elsewhere = []
    other = threading.Thread(target=lambda: elsewhere.append(cnnx.get_num_threads()))
    other.start()
    other.join()
    assert (cnnx.get_num_threads(), elsewhere) == (5, [2])
    c.refused(c.use_threads(-1), INVALID_ARGUMENT, "count is -1, expected 0 to 1024")
    assert cnnx.get_num_threads() == 5
    c.ok(c.use_threads(0))
    assert cnnx.get_num_threads() == 2


def test_a_pool_of_the_program_runs_the_tasks(c: CApi) -> None:
    calls: list[tuple[int, int]] = []

    @CALLBACKS["cnnx_run_tasks"]  # type: ignore[untyped-decorator]
    def run_tasks(pool: int, count: int, task: Callable[[int, int], None], context: int) -> None:
        calls.append((pool, count))
        for index in reversed(range(count)):
            task(context, index)

    model = cnnx.Model([cnnx.Conv2d(64, 3), cnnx.Flatten(), cnnx.Dense(2)], input_shape=(48, 48, 3))
    images = np.random.default_rng(0).random((1, 48, 48, 3), np.float32)
    expected = model(images)
    try:
        c.ok(c.use_thread_pool(3, run_tasks, 17))
        assert cnnx.get_num_threads() == 3
        np.testing.assert_array_equal(model(images), expected)
        assert calls
        assert {pool for pool, _ in calls} == {17}
        assert max(count for _, count in calls) <= 3
    finally:
        c.ok(c.use_threads(0))
    status = c.use_thread_pool(3, CALLBACKS["cnnx_run_tasks"](), None)
    c.refused(status, INVALID_ARGUMENT, "run is a null pointer")
    c.refused(c.use_thread_pool(0, run_tasks, None), INVALID_ARGUMENT, "threads is 0, expected 1")
