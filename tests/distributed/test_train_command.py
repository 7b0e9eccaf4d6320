"""`cnnx train` in the processes of mpiexec: the bits of one process, and one voice."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from cnnx import cli
from cnnx.data import xo
from command_line import Outcome
from mpi_command import mpiexec, needs_mpi

pytestmark = needs_mpi

LINE = ("--shards", 4, "--epochs", 2, "--batch-size", 16, "--augment", "flip")


def cnnx(processes: int, *words: object, cwd: Path) -> Outcome:
    return mpiexec(processes, "-m", "cnnx", *words, cwd=cwd)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images of X and O in images/, and a model m.cnnx and run.ckpt trained there."""
    image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")
    root = tmp_path_factory.mktemp("distributed")
    for name, count, seed in (("train", 60, 1), ("test", 20, 2)):
        for index, (pixels, label) in enumerate(zip(*xo(count, size=16, seed=seed), strict=True)):
            target = root / "images" / name / "XO"[label]
            target.mkdir(parents=True, exist_ok=True)
            image.fromarray(pixels[..., 0]).save(target / f"{index:03}.png")
    words = ("train", root / "images", *LINE, "--out", root / "m.cnnx")
    assert cli.main([*map(str, words), "--checkpoint", str(root / "run.ckpt")]) == 0
    return root


def test_two_processes_print_and_write_once_what_one_would(folder: Path, tmp_path: Path) -> None:
    words = ("train", folder / "images", *LINE)
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
    cnnx(2, "trian", "pets", cwd=tmp_path).refused("trian is no command", status=2)
