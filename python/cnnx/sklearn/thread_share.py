"""Number of threads of an estimator's computations, within the share of its process."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from threadpoolctl import ThreadpoolController

from cnnx._core import get_num_threads
from cnnx.arguments import at_least
from cnnx.runtime import set_num_threads


@dataclass(frozen=True, eq=False)
class _Call:
    """A call in progress."""

    n_threads: int | None
    limit: int  # of OpenMP
    caller: int  # identifier of its thread


_lock = threading.Lock()
_running: list[_Call] = []
_outside = 1  # number of threads before the first of them


@functools.cache
def _openmp() -> ThreadpoolController:
    """The OpenMP libraries of the process; scikit-learn has loaded its own."""
    return ThreadpoolController().select(user_api="openmp")


def _openmp_limit() -> int:
    """Number of threads that this thread may use, as scikit-learn's own loops do.

    `threadpoolctl.threadpool_limits` and the workers of joblib and dask limit it.
    """
    limits: list[int] = [library["num_threads"] for library in _openmp().info()]
    return min(limits, default=sys.maxsize)


@contextmanager
def threads(n_threads: int | None, who: str) -> Iterator[None]:
    """Compute with so many threads in this context.

    None is the number of cnnx within the limits of OpenMP. While several threads of the process
    call at once, they divide it. The number belongs to the process, so that of the latest call
    applies to all.

    Raises:
        ValueError: if n_threads is no integer above 0.
    """
    global _outside
    number = None if n_threads is None else at_least(1, n_threads, who, "n_threads")
    call = _Call(number, _openmp_limit(), threading.get_ident())
    with _lock:
        if not _running:
            _outside = get_num_threads()
        _running.append(call)
        set_num_threads(_number())
    try:
        yield
    finally:
        with _lock:
            _running.remove(call)
            set_num_threads(_number() if _running else _outside)


def _number() -> int:
    """Number of threads of the latest call in progress."""
    latest = _running[-1]
    if latest.n_threads is not None:
        return latest.n_threads
    # All callers compute, and one of them at a time with the team of cnnx.
    others = len({call.caller for call in _running}) - 1
    return max(1, min(_outside, latest.limit) - others)
