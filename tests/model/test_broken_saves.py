"""A save that is killed, or whose system calls fail, loses nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter

import failing_saves
import killed_saves
import pytest
from beside import Beside
from sanitizer import under_address_sanitizer

# One thread and no threads of NumPy: every process makes the same calls and may fork.
ENVIRONMENT = {
    **os.environ,
    "CNNX_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def output_of(*command: str) -> str:
    finished = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.mark.parametrize("kills", [40, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", killed_saves.KINDS)
@pytest.mark.beside
def test_processes_killed_while_they_save_leave_a_whole_file(
    kind: str, kills: int, beside: Beside
) -> None:
    folder = beside.make_folder("killed")
    program = [sys.executable, killed_saves.__file__, kind, str(folder), str(kills)]
    killed, inside = map(int, output_of(*program).split())
    assert killed == kills
    # Under the sanitizer a save spends most of its time on the bytes, before there is a file.
    least = 1 if under_address_sanitizer() else kills // 10 + 1
    assert inside >= least, "hardly any was killed in the middle of a save"


def strace() -> str:
    """A strace that may trace; skips without one."""
    path = shutil.which("strace")
    if path is None:
        pytest.skip("strace is missing: apt-get install -y strace")
    tried = subprocess.run([path, "-f", "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"strace may not trace here: {tried.stderr.strip()}")
    return path


@pytest.mark.parametrize(
    ("kind", "error"), [*((kind, "ENOSPC") for kind in killed_saves.KINDS), ("model", "EIO")]
)
@pytest.mark.beside
def test_a_save_that_fails_at_any_call_keeps_the_old_file(
    kind: str, error: str, beside: Beside
) -> None:
    injections = [
        f"--inject={calls}:error={error}:when={failing_saves.WHEN}"
        for calls in ("write,pwrite64", "fsync,fdatasync", "/^rename(at2?)?$")
    ]
    program = [sys.executable, failing_saves.__file__, kind, str(beside.make_folder("failing"))]
    trace = [strace(), "-f", "-qq", "-o", os.devnull, "--trace=/^(p?write|f(data)?sync|rename)"]
    lines = output_of(*trace, *injections, *program).splitlines()
    outcomes = [line.split() for line in lines]
    counts = Counter(call for call, *_ in outcomes)
    assert counts["write"] >= 3, lines
    assert (counts["fsync"], counts["rename"]) == (2, 1), lines
    for call, number, code, left, others in outcomes:
        assert code == error, lines
        assert others == "0", lines
        # The second fsync is the folder's: the new file is there already, and the error says so.
        assert left == ("new" if (call, number) == ("fsync", "2") else "old"), lines
