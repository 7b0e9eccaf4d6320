"""`cnnx evaluate` and `cnnx predict` in the processes of mpiexec print what one prints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cnnx import cli
from command_line import Outcome, Run
from mpi_command import cnnx, mpiexec, needs_mpi

pytestmark = needs_mpi


@pytest.fixture
def damaged(folder: Path, tmp_path: Path) -> Path:
    """The images, with a file among those of the test set that is no image."""
    images = Path(shutil.copytree(folder / "images", tmp_path / "images"))
    (images / "test" / "X" / "000-damaged.png").write_text("x")
    return images


@pytest.fixture
def alone(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in this process."""

    def call(*words: object) -> Outcome:
        capfd.readouterr()
        return Outcome(cli.main([*map(str, words)]), *capfd.readouterr())

    return call


def test_evaluate(folder: Path, damaged: Path, tmp_path: Path, alone: Run) -> None:
    words = ("evaluate", folder / "m.cnnx", damaged, "--skip-unreadable", "--json")
    expected, outcome = alone(*words), cnnx(4, *words, cwd=tmp_path)
    assert (outcome.status, outcome.out) == (0, expected.out)
    assert outcome.err == expected.err == "skipped as unreadable: X/000-damaged.png\n"
    assert json.loads(outcome.out)["count"] == 20

    pages = []
    for processes in (1, 2):
        page = tmp_path / f"{processes}.html"
        assert cnnx(processes, *words[:-1], "--html", page, cwd=tmp_path).status == 0
        pages.append(page.read_bytes())
    assert pages[0] == pages[1]

    cnnx(2, *words[:3], cwd=tmp_path).refused(
        "^cnnx evaluate: .*test: 1 file cannot be read as an image: X.000-damaged.png;"
    )


def test_predict(folder: Path, damaged: Path, tmp_path: Path, alone: Run) -> None:
    words = ("predict", folder / "m.cnnx", damaged, tmp_path / "missing.png", "--json")
    expected, outcome = alone(*words), cnnx(4, *words, cwd=tmp_path)
    assert (outcome.status, outcome.out) == (1, expected.out)
    assert outcome.err == expected.err
    assert len(outcome.err.splitlines()) == 2
    assert len(outcome.out.splitlines()) == 80


PROGRAM = """
import sys, numpy as np, cnnx
world = cnnx.distributed.world()
model = cnnx.load(sys.argv[1])
x, y = cnnx.data.xo(5, size=16, seed=3)
data = cnnx.data.Dataset(x, y, ("O", "X"))
for images in (sys.argv[2], data, (x, y)):
    arguments = images if isinstance(images, tuple) else (images,)
    found = cnnx.evaluation.evaluate(model, *arguments, communicator=world)
    if world.process == world.processes - 1:
        print(repr(found), found.loss.hex(), found.names, found.images is None)
"""


def test_evaluate_returns_the_same_in_every_process(folder: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    outcomes = [
        mpiexec(processes, program, folder / "m.cnnx", folder / "images") for processes in (1, 4)
    ]
    assert [each.status for each in outcomes] == [0, 0], outcomes[1].err
    of_folder = outcomes[1].out.splitlines()[0]
    assert of_folder.endswith("True")  # no process has all images
    assert outcomes[0].out.splitlines()[0] == of_folder.removesuffix("True") + "False"
    assert outcomes[0].out.splitlines()[1:] == outcomes[1].out.splitlines()[1:]
