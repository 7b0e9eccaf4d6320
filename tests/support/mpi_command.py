"""Command lines in the processes of mpiexec, for tests."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from command_line import Outcome

needs_mpi = pytest.mark.skipif(
    shutil.which("mpiexec") is None or importlib.util.find_spec("mpi4py") is None,
    reason="needs mpiexec and mpi4py: apt-get install mpich, pip install mpi4py",
)

# Options of the training whose model tests compare.
TRAINING = ("--shards", 4, "--epochs", 2, "--batch-size", 16, "--augment", "flip")


def mpiexec(
    processes: int,
    *words: object,
    cwd: Path | None = None,
    threads: int = 1,
    environment: Mapping[str, str] = {},
) -> Outcome:
    """Run Python with these words in several processes."""
    command = ["mpiexec", "-n", str(processes), sys.executable, *map(str, words)]
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "CNNX_NUM_THREADS": str(threads), **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def cnnx(processes: int, *words: object, cwd: Path) -> Outcome:
    """Run a command line in several processes."""
    return mpiexec(processes, "-m", "cnnx", *words, cwd=cwd)
