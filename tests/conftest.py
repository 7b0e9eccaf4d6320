"""Fixtures that every test may use, and the settings of Hypothesis."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

# The threads of NumPy's BLAS take half the CPU time of a process that imports cnnx, and tests start
# a thousand. `python_process.run_python` leaves the variable out.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hypothesis
import numpy as np
import pytest
from beside import Beside, fixtures_of, runs_beside
from cpp_build import CppBuild, build_cpp, cache_installed_objects, launcher

if TYPE_CHECKING:
    from c_functions import CApi
    from c_training import Training

# The same few examples in every run: a test that passed once cannot fail by chance or become slow.
hypothesis.settings.register_profile(
    "cnnx", deadline=None, derandomize=True, database=None, max_examples=25
)
hypothesis.settings.load_profile("cnnx")


# A shell that starts these tests in the background, or nohup, lets every program inherit that it
# ignores Ctrl-C or a hangup.
for name, handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
    if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is signal.SIG_IGN:
        signal.signal(getattr(signal, name), handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--tier",
        choices=("fast", "full"),
        default=os.environ.get("CNNX_TEST_TIER", "fast"),
        help="full: run the tests marked slow, too (default: CNNX_TEST_TIER, else fast)",
    )
    parser.addoption(
        "--list-skipped",
        type=Path,
        default=os.environ.get("CNNX_LIST_SKIPPED"),
        metavar="FILE",
        help="add the names of the skipped tests to FILE (default: CNNX_LIST_SKIPPED)",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests marked slow unless the full tier is requested, and put those last that
    wait for what runs beside the others. A test that gets the fixture `cpp_build` through
    `getfixturevalue` has the mark `usefixtures("cpp_build")`.
    """
    if config.getoption("--tier") == "fast":
        slow = [item for item in items if item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]
    items.sort(
        key=lambda item: (
            not {"object_cache", "cpp_build", "page_run"}.isdisjoint(fixtures_of(item))
            or item.get_closest_marker("beside") is not None
        )
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """The result of a test that runs beside the others."""
    if not runs_beside(pyfuncitem):
        return None
    pyfuncitem.funcargs["beside"].start_test(pyfuncitem).result()
    return True


def pytest_collection_finish() -> None:
    """Spare the garbage collector the thousands of tests, which stay until the end."""
    gc.freeze()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Add the skipped tests and files to the list that `.ci/run extras` and
    `documents` run, one per line, except those that another CPU would run.
    """
    path = config.getoption("--list-skipped")
    if path is not None:
        skipped = terminalreporter.stats.get("skipped", [])
        with path.open("a", encoding="utf-8") as file:
            file.writelines(
                f"{report.nodeid}\n"
                for report in skipped
                if "this CPU does not run" not in str(report.longrepr)
            )


@pytest.fixture(scope="session", autouse=True)
def _forced_isa_is_active() -> None:
    """Stop tests for one instruction set from silently running another."""
    forced = os.environ.get("CNNX_ISA")
    if forced:
        import cnnx

        assert cnnx.isa() == forced


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def restore_threads() -> Iterator[None]:
    """For tests that call set_num_threads: restores the number for the next test."""
    import cnnx

    before = cnnx.get_num_threads()
    yield
    cnnx.set_num_threads(before)


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """The MNIST IDX files, which are never copied into the project."""
    data = os.environ.get("CNNX_DATA", "")
    folder = Path(data) / "mnist"
    if not data or not folder.is_dir():
        pytest.skip("CNNX_DATA is not set to a folder that holds mnist/")
    return folder


@pytest.fixture(scope="session")
def c() -> CApi:
    """The C interface of the installed library."""
    from c_functions import CApi

    return CApi()


@pytest.fixture
def training(c: CApi, tmp_path: Path) -> Iterator[Training]:
    """A C model and trainer for a test, destroyed at its end."""
    from c_training import Training

    training = Training(c, tmp_path)
    yield training
    training.destroy()


@pytest.fixture(scope="session")
def object_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which builds of the library share compiled objects: in that of CNNX_CPP_BUILD,
    else one of the session.
    """
    permanent = permanent_cpp_build()
    return permanent / "objects" if permanent else tmp_path_factory.mktemp("objects")


def permanent_cpp_build() -> Path | None:
    """The folder that CNNX_CPP_BUILD names, for the builds of several sessions."""
    folder = os.environ.get("CNNX_CPP_BUILD")
    return Path(folder).absolute() if folder else None


@pytest.fixture(scope="session", autouse=True)
def beside(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Beside]:
    """Programs that run beside the tests, among them the build of the C++ library and its tests."""
    tmp_path_factory.getbasetemp()  # two threads that need it first would make one each
    beside = Beside(tmp_path_factory.mktemp)
    items = request.session.items
    if any("cpp_build" in fixtures_of(item) for item in items):
        # Requested by name: as a parameter, every test would use it.
        cache = request.getfixturevalue("object_cache")
        beside.cpp_build = beside.start(build_tests, cache=cache)
    beside.start_for(items)
    yield beside
    beside.stop()


def build_tests(beside: Beside, cache: Path) -> CppBuild:
    """The build of the C++ library and its tests."""
    cache_installed_objects(cache)
    folder = (permanent_cpp_build() or beside.make_folder("cpp")) / "build"
    return build_cpp(folder, launcher(cache))


@pytest.fixture(scope="session")
def cpp_build(beside: Beside) -> CppBuild:
    """The C++ library and its tests, in whose folder of objects other builds find theirs."""
    return beside.built_cpp()
