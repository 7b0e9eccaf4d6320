"""`cnnx train` in the processes of mpiexec: the bits of one process, and one voice."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import heed_interrupts
from mpi_command import TRAINING, cnnx, mpiexec, needs_mpi

COUNTED = Path(__file__).parents[1] / "support" / "counted_decodings.py"

pytestmark = needs_mpi


def test_two_processes_print_and_write_once_what_one_would(folder: Path, tmp_path: Path) -> None:
    words = ("train", folder / "images", *TRAINING)
    alone = cnnx(1, *words, "--out", "m.cnnx", cwd=tmp_path)
    outcome = cnnx(2, *words, "--run-dir", "run", cwd=tmp_path)
    assert outcome.status == 0
    assert len(re.findall(r"^epoch [12]/2: ", outcome.err, re.MULTILINE)) == 2
    lines = outcome.out.splitlines()
    assert [line for line in lines if not line.startswith("saved")] == [
        line for line in alone.out.splitlines() if not line.startswith("saved")
    ]
    assert lines.count("saved run/last.cnnx") == lines.count("saved run/report.html") == 1
    model = (folder / "m.cnnx").read_bytes()
    assert (tmp_path / "run" / "last.cnnx").read_bytes() == model
    assert (tmp_path / "m.cnnx").read_bytes() == model
    assert len((tmp_path / "run" / "log.csv").read_text().splitlines()) == 3


def test_another_number_of_processes_resumes_a_run(folder: Path, tmp_path: Path) -> None:
    models = []
    for processes in (1, 4):
        run = shutil.copy(folder / "run.ckpt", tmp_path / f"{processes}.ckpt")
        words = ("train", folder / "images", "--resume", run, "--epochs", 3)
        assert cnnx(processes, *words, "--out", f"{processes}.cnnx", cwd=tmp_path).status == 0
        models.append((tmp_path / f"{processes}.cnnx").read_bytes())
    assert models[0] == models[1]


def test_only_the_first_process_needs_the_checkpoint_of_a_resumed_run(
    folder: Path, tmp_path: Path
) -> None:
    """As on two machines whose only common files are the images."""
    first, second = tmp_path / "first", tmp_path / "second"
    for each in (first, second):
        each.mkdir()
    shutil.copy(folder / "run.ckpt", first)
    words = ("-m", "cnnx", "train", folder / "images", "--resume")
    for name, end in (("a.cnnx", "epoch 3/3: "), ("b.cnnx", "the run had ended after 3 epochs")):
        line = (*words, "run.ckpt", "--epochs", 3, "--out", name)
        outcome = mpiexec(1, *line, ":", "-n", 1, "-wdir", second, sys.executable, *line, cwd=first)
        assert outcome.status == 0, outcome.err
        assert end in outcome.err
    assert (first / "a.cnnx").read_bytes() == (first / "b.cnnx").read_bytes()
    assert not list(second.iterdir())
    shutil.copy(folder / "m.cnnx", first)
    line = (*words, "m.cnnx")
    outcome = mpiexec(1, *line, ":", "-n", 1, "-wdir", second, sys.executable, *line, cwd=first)
    outcome.refused("m.cnnx: is no checkpoint but a model; to start from its weights type ")


def test_the_shards_must_be_a_multiple_of_the_processes(folder: Path, tmp_path: Path) -> None:
    images = folder / "images"
    sentence = "{} for {} processes, expected a multiple of the processes; type mpiexec -n {} .*"
    cnnx(2, "train", images, cwd=tmp_path).refused(
        sentence.format("--shards is 1", 2, 2) + "cnnx train .*images --shards 2$", status=2
    )
    cnnx(4, "train", images, "--shards", 6, cwd=tmp_path).refused(
        sentence.format("--shards is 6", 4, 3) + "cnnx train .*images --shards 6$", status=2
    )
    cnnx(3, "train", images, "--resume", folder / "run.ckpt", cwd=tmp_path).refused(
        sentence.format("shards of .*run.ckpt is 4", 3, 2), status=2
    )


def test_other_commands_run_in_one_process(folder: Path, tmp_path: Path) -> None:
    cnnx(2, "info", folder / "m.cnnx", cwd=tmp_path).refused(
        "^cnnx info: runs in one process, but mpiexec started 2; without mpiexec type ", status=2
    )
    assert cnnx(1, "info", folder / "m.cnnx", cwd=tmp_path).status == 0
    cnnx(2, "trai", "pets", cwd=tmp_path).refused("trai is no command", status=2)


def test_one_process_of_a_machine_decodes_the_images(folder: Path, tmp_path: Path) -> None:
    words = ("train", folder / "images", *TRAINING, "--out", "m.cnnx")
    environment = {"TMPDIR": str(tmp_path / "temporary")}
    (tmp_path / "temporary").mkdir()
    outcome = mpiexec(4, COUNTED, "decodings.log", *words, cwd=tmp_path, environment=environment)
    assert outcome.status == 0
    decoded = (tmp_path / "decodings.log").read_text().splitlines()
    assert sorted(decoded) == sorted(map(str, (folder / "images").rglob("*.png")))
    assert (tmp_path / "m.cnnx").read_bytes() == (folder / "m.cnnx").read_bytes()
    assert not [each for each in (tmp_path / "temporary").iterdir() if each.is_dir()]


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_ends_all_with_one_sentence_and_the_line_that_resumes(
    folder: Path, tmp_path: Path
) -> None:
    words = (
        "train",
        folder / "images",
        "--shards",
        2,
        "--epochs",
        9999,
        "--checkpoint",
        "run.ckpt",
    )
    process = subprocess.Popen(
        ["mpiexec", "-n", "2", sys.executable, "-m", "cnnx", *map(str, words)],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("epoch 1/9999")
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    (said,) = [line for line in rest.splitlines() if line.startswith("cnnx")]
    assert re.search(
        r"^cnnx train: interrupted; the model as trained so far \([0-9,]+ steps?\) is in "
        r"model.cnnx; resume with mpiexec -n 2 .*cnnx train .*images --resume run.ckpt "
        r"--out model.cnnx$",
        said,
    )
    assert (tmp_path / "model.cnnx").exists()
