"""Programs that run beside the tests, which leave one of two cores idle most of the time.

For a test with the mark `beside(call=f)`, a thread calls `f(beside, **parameters)` with the
parameters of its case, from the first test on. The test gets the result by the same call of
`beside.result`. The function may only start programs: threads of this process would disturb tests.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from cpp_build import CppBuild

Result = TypeVar("Result")


class Beside:
    """Calls that a thread makes one after another."""

    def __init__(self, make_folder: Callable[[str], Path]) -> None:
        """`make_folder` returns a new folder for a name."""
        self.make_folder = make_folder
        self.cpp_build: Future[CppBuild] | None = None
        self._pool = ThreadPoolExecutor(1)
        self._futures: dict[Any, Future[Any]] = {}

    def start(self, function: Callable[..., Any], **parameters: Any) -> Future[Any]:
        """The call, waiting or running or done."""
        key = function, tuple(sorted(parameters.items()))
        if key not in self._futures:
            self._futures[key] = self._pool.submit(function, self, **parameters)
        return self._futures[key]

    def result(self, function: Callable[..., Result], **parameters: Any) -> Result:
        """What the call returned. What it raised, such as a skip, is raised here."""
        result: Result = self.start(function, **parameters).result()
        return result

    def start_for(self, items: list[pytest.Item]) -> None:
        """Start what the tests with the mark need."""
        for item in items:
            for mark in item.iter_markers("beside"):
                parameters = item.callspec.params if hasattr(item, "callspec") else {}
                self.start(mark.kwargs["call"], **parameters)

    def built_cpp(self) -> CppBuild:
        """The C++ library and its tests, for tests with the fixture `cpp_build`."""
        assert self.cpp_build is not None
        return self.cpp_build.result()

    def stop(self) -> None:
        """Wait for the program that runs; the calls that wait are not made."""
        self._pool.shutdown(cancel_futures=True)
