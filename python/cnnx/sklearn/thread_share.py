"""Number of threads of an estimator's computations, within the share of its process."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

from cnnx._core import get_num_threads
from cnnx.arguments import at_least
from cnnx.runtime import set_num_threads

_lock = threading.Lock()
_running: list[int] = []  # numbers of threads of the calls in progress
_outside = 1  # number of threads before the first of them


@functools.cache
def _openmp() -> ThreadpoolController:
    """The OpenMP libraries of the process; scikit-learn has loaded its own."""
    return ThreadpoolController().select(user_api="openmp")


def share() -> int:
    """Number of threads that this thread may use, as scikit-learn's own loops do.

    It is that of cnnx, or less where `threadpoolctl.threadpool_limits` or the workers of joblib
    set a smaller limit for OpenMP.
    """
    limits: list[int] = [library["num_threads"] for library in _openmp().info()]
    return max(1, min([get_num_threads(), *limits]))


@contextmanager
def threads(n_threads: int | None, who: str) -> Iterator[None]:
    """Compute with so many threads in this context; None is `share`.

    The number belongs to the process. While several calls run at once, that of the latest applies.

    Raises:
        ValueError: if n_threads is no integer above 0.
    """
    global _outside
    number = share() if n_threads is None else at_least(1, n_threads, who, "n_threads")
    with _lock:
        if not _running:
            _outside = get_num_threads()
        _running.append(number)
        set_num_threads(number)
    try:
        yield
    finally:
        with _lock:
            _running.remove(number)
            set_num_threads(_running[-1] if _running else _outside)
