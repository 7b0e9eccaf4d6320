"""Commands under mpiexec where mpi4py is not installed, by the variables that mpiexec sets."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from cnnx.launcher import started_process, started_processes
from command_line import Outcome

WITHOUT_MPI = "import sys; sys.modules['mpi4py'] = None; from cnnx import cli; sys.exit(cli.main())"


VARIABLES = [
    ("PMI_RANK", "PMI_SIZE"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMIX_RANK", "SLURM_STEP_NUM_TASKS"),
]


@pytest.mark.parametrize("variables", VARIABLES)
def test_a_launcher_tells_the_number_of_processes(
    variables: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in {name for pair in VARIABLES for name in pair}:
        monkeypatch.delenv(name, raising=False)
    assert (started_process(), started_processes()) == (None, 1)
    for name, value in zip(variables, ("3", "4"), strict=True):
        monkeypatch.setenv(name, value)
    assert (started_process(), started_processes()) == (3, 4)


def test_one_process_says_what_to_install() -> None:
    run(0, "train", "pets").refused(
        r"^cnnx train: distributed: needs mpi4py and an MPI library .*pip install 'cnnx\[mpi\]'$"
    )
    other = run(1, "train", "pets")
    assert (other.status, other.out, other.err) == (1, "", "")


def run(process: int, *words: str) -> Outcome:
    """Run a command line as one of two processes."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_MPI, *words],
        env={**os.environ, "PMI_RANK": str(process), "PMI_SIZE": "2"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)
