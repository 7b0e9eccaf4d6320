"""Number of threads of the estimators: n_threads, threadpoolctl's limits, and what is restored."""

from __future__ import annotations

import threading

import cnnx
import pytest

pytest.importorskip("sklearn")
import threadpoolctl
from cnnx.sklearn.thread_share import threads

pytestmark = pytest.mark.usefixtures("restore_threads")


def test_a_given_number_applies_in_the_context_only() -> None:
    cnnx.set_num_threads(2)
    with threads(5, "f"):
        assert cnnx.get_num_threads() == 5
        with threads(3, "f"):
            assert cnnx.get_num_threads() == 3
        assert cnnx.get_num_threads() == 5
    assert cnnx.get_num_threads() == 2


def test_the_limit_of_threadpoolctl_is_obeyed() -> None:
    cnnx.set_num_threads(64)
    with threadpoolctl.threadpool_limits(3, user_api="openmp"), threads(None, "f"):
        assert cnnx.get_num_threads() == 3
    with threadpoolctl.threadpool_limits(1), threads(None, "f"):
        assert cnnx.get_num_threads() == 1
    assert cnnx.get_num_threads() == 64


def test_calls_that_end_in_another_order_restore_the_number() -> None:
    cnnx.set_num_threads(2)
    first, second = threads(3, "f"), threads(4, "f")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert cnnx.get_num_threads() == 4
    second.__exit__(None, None, None)
    assert cnnx.get_num_threads() == 2


def test_callers_in_several_threads_divide_the_threads() -> None:
    cnnx.set_num_threads(64)
    together = threading.Barrier(2, timeout=10)

    def other() -> None:
        with three(), threads(None, "f"):
            together.wait()
            together.wait()

    def three() -> threadpoolctl.threadpool_limits:  # of the calling thread
        return threadpoolctl.threadpool_limits(3, user_api="openmp")

    caller = threading.Thread(target=other)
    with three(), threads(None, "f"):
        with threads(None, "f"):  # a prediction in a callback of a fit
            assert cnnx.get_num_threads() == 3
        caller.start()
        together.wait()
        assert cnnx.get_num_threads() == 2
        together.wait()
        caller.join()
        assert cnnx.get_num_threads() == 3
    assert cnnx.get_num_threads() == 64


def test_more_callers_than_threads_compute_alone() -> None:
    cnnx.set_num_threads(2)
    together, numbers = threading.Barrier(4, timeout=10), []

    def other() -> None:
        with threads(None, "f"):
            together.wait()
            numbers.append(cnnx.get_num_threads())
            together.wait()

    callers = [threading.Thread(target=other) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert numbers == [1, 1, 1, 1]
    assert cnnx.get_num_threads() == 2


def test_an_error_restores_the_number() -> None:
    cnnx.set_num_threads(2)

    def failing() -> None:
        with pytest.raises(ZeroDivisionError), threads(3, "f"):
            raise ZeroDivisionError

    together = [threading.Thread(target=failing) for _ in range(8)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    assert cnnx.get_num_threads() == 2
