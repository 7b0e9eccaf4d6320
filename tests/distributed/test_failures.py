"""A failure in one process ends all of them, with one sentence, and leaves the checkpoint."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import cnnx
import pytest
from cnnx.distributed.watch import ENDED, other_call

PROGRAM = Path(__file__).parents[1] / "support" / "failing_run.py"
MOST_SECONDS = 10  # from the failure to the end of all
START_SECONDS = 20  # at most, of a run on a busy machine
KILLED = "cnnx: one of the processes was killed or crashed, expected all to reach their end: resume"
STANDSTILL = "cnnx: the processes wait for each other, process 0 "
ENDED_ALL = "process {} of 2 on "

pytestmark = pytest.mark.skipif(
    shutil.which("mpiexec") is None or importlib.util.find_spec("mpi4py") is None,
    reason="needs mpiexec and mpi4py: apt-get install mpich, pip install mpi4py",
)


class Ended(NamedTuple):
    """A run that has ended."""

    code: int
    output: str
    errors: str

    @property
    def tracebacks(self) -> int:
        return self.errors.count("Traceback")


def run(folder: Path, failure: str, process: int = 1, processes: int = 2) -> Ended:
    """Run the program, and check that it leaves neither a process nor a file but the checkpoint."""
    checkpoint, temporary = folder / "run.ckpt", folder / "temporary"
    temporary.mkdir(exist_ok=True)
    command = ["mpiexec", "-n", str(processes), sys.executable, str(PROGRAM)]
    command += [failure, str(checkpoint), str(process)]
    begun = time.monotonic()
    done = subprocess.run(
        command,
        env={**os.environ, "CNNX_NUM_THREADS": "1", "TMPDIR": str(temporary)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert time.monotonic() - begun < START_SECONDS + MOST_SECONDS
    assert left_processes(str(checkpoint)) == []
    assert [path.name for path in temporary.iterdir()] == []
    assert {path.name for path in folder.iterdir()} <= {"run.ckpt", "temporary"}
    return Ended(done.returncode, done.stdout, done.stderr)


def left_processes(argument: str) -> list[str]:
    """Numbers of the processes that have an argument; they have a second to end."""
    for _ in range(20):
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                content = path.read_bytes()
            except OSError:  # it has ended
                continue
            if os.fsencode(argument) in content.split(b"\0"):
                found.append(path.parent.name)
        if not found:
            break
        time.sleep(0.05)
    return found


def assert_resumes(folder: Path, epochs: int = 3) -> None:
    """The checkpoint has the finished epochs, and one process resumes it."""
    x, y = cnnx.data.xo(40, seed=1)
    trainer = cnnx.Trainer.resume(folder / "run.ckpt")
    assert len(trainer.history) == 1
    assert len(trainer.fit(x, y)) == epochs


def test_a_killed_process(tmp_path: Path) -> None:
    ended = run(tmp_path, "SIGKILL")
    advice = f"{KILLED} {tmp_path / 'run.ckpt'} with any number of processes that divides its"
    assert ended.errors.count("cnnx:") == 1
    assert advice in ended.errors
    assert ended.output.count("ended") == 0
    assert_resumes(tmp_path)


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        ("images", "fit: x is uint8 of shape (40, 32, 32, 1) with the hash "),
        ("version", f"distributed: cnnx is 0.0.1 in process 1 on {os.uname().nodename}, expected "),
        ("shards", "Trainer: shards is 3 for 2 processes, expected a multiple of the processes: "),
    ],
)
def test_a_difference_gives_one_traceback(tmp_path: Path, failure: str, sentence: str) -> None:
    ended = run(tmp_path, failure)
    assert f"ValueError: {sentence}" in ended.errors
    assert (ended.code, ended.tracebacks, "Abort" in ended.errors) == (1, 1, False)
    assert not (tmp_path / "run.ckpt").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        ("labels", "fit: y is int64 of shape (40,) with the hash "),
        ("count", "fit: x is uint8 of shape (39, 32, 32, 1) with the hash "),
        ("seed", "Trainer: seed is 1 in process 1 on "),
        ("model", "Trainer: the model is Model(2 layers, 3,075 parameters"),
        ("compute dtype", "Trainer: the model's compute_dtype is bfloat16 in process 1 on "),
        ("epochs", "fit: epochs is 4 in process 1 on "),
        ("batch size", "fit: batch_size is 9 in process 1 on "),
        ("no checkpoint", "fit: checkpoint is None in process 1 on "),
    ],
)
def test_other_differences_give_one_traceback(tmp_path: Path, failure: str, sentence: str) -> None:
    ended = run(tmp_path, failure)
    assert f"ValueError: {sentence}" in ended.errors
    assert (ended.code, ended.tracebacks, "Abort" in ended.errors) == (1, 1, False)


def test_a_full_disk_of_process_0(tmp_path: Path) -> None:
    ended = run(tmp_path, "full disk", process=0)
    assert f"OSError: [Errno 27] cannot write {tmp_path / 'run.ckpt'}: File" in ended.errors
    assert (ended.code, ended.tracebacks, "Abort" in ended.errors) == (1, 1, False)
    assert_resumes(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("process", [0, 1])
@pytest.mark.parametrize("failure", ["SIGKILL", "SIGTERM", "SIGSEGV", "os._exit"])
def test_a_process_that_disappears(tmp_path: Path, failure: str, process: int) -> None:
    ended = run(tmp_path, failure, process, processes=4)
    assert ended.errors.count("cnnx:") == 1
    assert f"{KILLED} {tmp_path / 'run.ckpt'} with any" in ended.errors
    assert_resumes(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("process", [0, 1])
@pytest.mark.parametrize(
    ("failure", "error"),
    [("error", "RuntimeError: the callback fails"), ("memory", "MemoryError: Unable to allocate")],
)
def test_an_error_of_one_process(tmp_path: Path, failure: str, error: str, process: int) -> None:
    ended = run(tmp_path, failure, process)
    assert ended.errors.startswith(ENDED_ALL.format(process))
    assert error in ended.errors
    # MPICH's mpiexec sometimes returns 0 after an abort.
    assert (ended.tracebacks, ended.errors.count("cnnx: resume ")) == (1, 1)
    assert_resumes(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("process", [0, 1])
@pytest.mark.parametrize(
    ("failure", "waits"), [("sys.exit", "has ended"), ("evaluate", "exchanges the metrics")]
)
def test_a_process_that_others_await(
    tmp_path: Path, failure: str, waits: str, process: int
) -> None:
    ended = run(tmp_path, failure, process)
    assert STANDSTILL in ended.errors
    assert f"process {process} {waits}" in ended.errors
    assert (ended.tracebacks, ended.errors.count("cnnx:")) == (0, 1)
    assert_resumes(tmp_path)


@pytest.mark.parametrize(
    ("states", "processes"),
    [
        ([(5, "a"), (5, "a"), (5, "b")], (0, 2)),
        ([(5, "a"), (4, ENDED)], (0, 1)),
        ([(5, "a"), (5, "")], None),  # the second computes
        ([(5, "a"), (4, "b")], None),  # data of call 4 may be on their way
        ([(4, "a"), (5, ENDED)], None),
    ],
)
def test_processes_wait_for_ever_in_different_calls(
    states: list[tuple[int, str]], processes: tuple[int, int] | None
) -> None:
    assert other_call(states) == processes


@pytest.mark.slow
@pytest.mark.parametrize("process", [0, 1])
def test_stop_in_one_process_stops_all(tmp_path: Path, process: int) -> None:
    assert run(tmp_path, "stop", process) == (0, "ended 1\n", "")


@pytest.mark.slow
def test_a_loss_that_is_not_finite_gives_one_traceback(tmp_path: Path) -> None:
    ended = run(tmp_path, "NaN")
    assert "FloatingPointError: fit: in step 5 of epoch 1 the loss is NaN, because" in ended.errors
    assert (ended.code, ended.tracebacks) == (1, 1)


@pytest.mark.slow
def test_a_process_that_does_not_call_world(tmp_path: Path) -> None:
    command = ["mpiexec", "-n", "2", sys.executable, str(PROGRAM), "no world"]
    with subprocess.Popen([*command, str(tmp_path)], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        process.terminate()
    assert line == (
        "cnnx: process 0 has waited for 10 s for the others to start MPI, expected all to call "
        "cnnx.distributed.world()\n"
    )
    assert left_processes(str(tmp_path)) == []


@pytest.mark.slow
def test_process_0_alone_needs_the_checkpoint(tmp_path: Path) -> None:
    run(tmp_path, "SIGKILL")
    assert run(tmp_path, "missing", process=2, processes=4).code == 0
    ended = run(tmp_path, "missing", process=0)
    assert "FileNotFoundError: [Errno 2] cannot read missing.ckpt" in ended.errors
    assert (ended.code, ended.tracebacks) == (1, 1)
