"""Programs that run beside the tests, which leave one of two cores idle most of the time.

A test with the mark `beside` runs in a thread of its own, and pytest reports its result. It may
only start programs: threads of this process would disturb other tests. Those may change the
environment and the working folder meanwhile, but no limits that a program inherits. Its arguments
are those that parametrize it and, if it wants one, `beside`; it needs no other fixtures.

For tests that share the result of a program, the mark is `beside(call=f)`: a thread calls
`f(beside, **parameters)` with those parameters of the case that f has, and each test gets the
result by the same call of `beside.result`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from cpp_build import CppBuild

Result = TypeVar("Result")


class Beside:
    """Calls that two threads make, in the order in which they were started."""

    def __init__(self, make_folder: Callable[[str], Path]) -> None:
        """`make_folder` returns a new folder for a name."""
        self.make_folder = make_folder
        self.cpp_build: Future[CppBuild] | None = None
        self._pool = ThreadPoolExecutor(2)
        self._futures: dict[Any, Future[Any]] = {}

    def start(self, function: Callable[..., Any], **parameters: Any) -> Future[Any]:
        """The call, waiting or running or done."""
        key = function, tuple(sorted(parameters.items()))
        return self._started(key, function, self, **parameters)

    def result(self, function: Callable[..., Result], **parameters: Any) -> Result:
        """What the call returned. What it raised, such as a skip, is raised here."""
        result: Result = self.start(function, **parameters).result()
        return result

    def start_for(self, items: list[pytest.Item]) -> None:
        """Start the tests with the mark, and what they need; those last that need the C++ build."""
        for item in sorted(items, key=lambda item: "cpp_build" in fixtures_of(item)):
            for mark in item.iter_markers("beside"):
                if "call" in mark.kwargs:
                    call = mark.kwargs["call"]
                    names = inspect.signature(call).parameters
                    parameters = parameters_of(item).items()
                    self.start(call, **{name: each for name, each in parameters if name in names})
                else:
                    self.start_test(item)

    def start_test(self, item: pytest.Item) -> Future[Any]:
        """The run of a test, waiting or running or done."""
        assert isinstance(item, pytest.Function)
        parameters = parameters_of(item)
        if "beside" in inspect.signature(item.function).parameters:
            parameters["beside"] = self
        return self._started(item.nodeid, item.function, **parameters)

    def built_cpp(self) -> CppBuild:
        """The C++ library and its tests, for tests with the fixture `cpp_build`."""
        assert self.cpp_build is not None
        return self.cpp_build.result()

    def stop(self) -> None:
        """Wait for the programs that run; the calls that wait are not made."""
        self._pool.shutdown(cancel_futures=True)

    def _started(
        self, key: Any, function: Callable[..., Any], *arguments: Any, **parameters: Any
    ) -> Future[Any]:
        if key not in self._futures:
            self._futures[key] = self._pool.submit(function, *arguments, **parameters)
        return self._futures[key]


def fixtures_of(item: pytest.Item) -> Sequence[str]:
    """Names of the fixtures that a test uses, also through other fixtures."""
    return item.fixturenames if isinstance(item, pytest.Function) else ()


def parameters_of(item: pytest.Item) -> dict[str, Any]:
    """The arguments that parametrize a test."""
    return dict(item.callspec.params) if hasattr(item, "callspec") else {}


def runs_beside(item: pytest.Item) -> bool:
    """Whether the test itself runs in a thread."""
    return any("call" not in mark.kwargs for mark in item.iter_markers("beside"))
