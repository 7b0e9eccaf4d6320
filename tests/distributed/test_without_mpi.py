"""Commands under mpiexec where mpi4py is not installed, by the variables that mpiexec sets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cnnx import cli
from cnnx.distributed import lost
from cnnx.launcher import started_process, started_processes
from command_line import Outcome
from mpi_command import needs_mpi

WITH_MPI = "import sys; from cnnx import cli; sys.exit(cli.main())"
WITHOUT_MPI = f"import sys; sys.modules['mpi4py'] = None; {WITH_MPI}"


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


def test_a_killed_watcher_does_not_end_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    monkeypatch.setattr(lost, "_pipe", writing)
    monkeypatch.setattr(lost, "_checkpoint", "")
    lost.remember_checkpoint("model.cnnx")
    assert lost._pipe is None
    lost.dismiss_watcher()


def test_one_process_says_what_to_install() -> None:
    run(0, "train", "pets").refused(
        r"^cnnx train: distributed: needs mpi4py and an MPI library .*pip install 'cnnx\[mpi\]'$"
    )
    other = run(1, "train", "pets")
    assert (other.status, other.out, other.err) == (1, "", "")


@needs_mpi
def test_a_launcher_of_another_library_is_refused() -> None:
    library = subprocess.run(["mpiexec", "--version"], capture_output=True, text=True, check=True)
    other = VARIABLES[0 if "Open MPI" in library.stdout else 1]
    run(0, "train", "pets", program=WITH_MPI, variables=other).refused(
        "^cnnx train: distributed: 2 processes were started by the launcher of another MPI library "
        "than that of mpi4py, .*, expected the same: start them with its mpiexec$"
    )


@pytest.mark.parametrize("module", ["train", "resumed_run"])
def test_the_trainer_of_a_command_has_its_processes(
    module: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(f"cnnx.cli.{module}.communicator", lambda: "processes")
    words = ["--shards", "2"] if module == "train" else ["--resume", str(folder / "run.ckpt")]
    with pytest.raises(TypeError, match="communicator is 'processes', expected None or"):
        cli.main(["train", str(folder / "images"), *words])


def run(
    process: int,
    *words: str,
    program: str = WITHOUT_MPI,
    variables: tuple[str, str] = VARIABLES[0],
) -> Outcome:
    """Run a command line as one of two processes."""
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        env={**os.environ, variables[0]: str(process), variables[1]: "2"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)
