"""Threads that the system refuses: the program goes on with fewer, and with the same bits.

``CNNX_REPEATS=100 pytest tests/runtime/test_refused_threads.py`` repeats each case 100 times.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import cnnx
import pytest
from refused_threads import threads_and_sameness
from sanitizer import not_under_address_sanitizer

REPEATS = int(os.environ.get("CNNX_REPEATS", "1"))

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's /proc"),
    pytest.mark.skipif(not cnnx.has_threads(), reason="built serial: it starts no threads"),
    pytest.mark.parametrize("repeat", range(REPEATS)),
]


@pytest.mark.parametrize(("granted", "wanted"), [(0, 8), (2, 8), (2, 64)])
def test_without_address_space(granted: int, wanted: int, repeat: int) -> None:
    """As after `ulimit -v`. Half of the threads that cnnx gets end again. The OpenMP runtime would
    end the process.
    """
    not_under_address_sanitizer("address space has no limit")
    assert threads_and_sameness("address_space", granted, wanted) == (granted // 2, True)


@pytest.mark.parametrize(("granted", "wanted"), [(0, 64), (3, 8)])
def test_at_the_limit_of_processes(granted: int, wanted: int, repeat: int) -> None:
    """As after `ulimit -u`. Other processes of the user may take some of the threads."""
    started, same = threads_and_sameness("processes", granted, wanted)
    assert started <= granted
    assert same


@pytest.mark.parametrize("wanted", [8, 64])
def test_beside_a_process_that_takes_threads_and_returns_them(wanted: int, repeat: int) -> None:
    """No count made beforehand is right when the threads are started."""
    started, same = threads_and_sameness("competing_processes", 6, wanted)
    assert started < wanted
    assert same


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """An empty control group whose number of threads can be limited."""
    roots = [Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup")]
    for root in roots:
        folder = root / f"cnnx-test-{os.getpid()}"
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            if (folder / "pids.max").exists():
                yield folder
                return
        finally:
            folder.rmdir()
    pytest.skip("this process may not make a control group that limits threads")


@pytest.mark.parametrize(("granted", "wanted"), [(0, 8), (3, 64)])
def test_at_the_limit_of_a_control_group(
    granted: int, wanted: int, repeat: int, cgroup: Path
) -> None:
    started, same = threads_and_sameness("cgroup", granted, wanted, str(cgroup))
    assert started <= granted
    assert same
