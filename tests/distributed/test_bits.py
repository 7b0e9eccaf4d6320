"""A training gives the same bits in any number of processes."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / "support" / "distributed_run.py"

pytestmark = pytest.mark.skipif(
    shutil.which("mpiexec") is None or importlib.util.find_spec("mpi4py") is None,
    reason="needs mpiexec and mpi4py: apt-get install mpich, pip install mpi4py",
)


@functools.cache
def hash_of(processes: int, shards: int, threads: int = 1) -> str:
    command = ["mpiexec", "-n", str(processes), sys.executable, str(PROGRAM), str(shards)]
    environment = {**os.environ, "CNNX_NUM_THREADS": str(threads)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(("processes", "threads"), [(2, 1), (4, 2), (8, 1)])
def test_any_number_of_processes_gives_the_same_bits(processes: int, threads: int) -> None:
    assert hash_of(processes, 8, threads) == hash_of(1, 8)


@pytest.mark.parametrize("processes", [2, 4])
def test_groups_of_shards_that_processes_divide_anywhere(processes: int) -> None:
    assert hash_of(processes, 20) == hash_of(1, 20) != hash_of(1, 8)
