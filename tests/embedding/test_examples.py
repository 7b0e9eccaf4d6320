"""The examples build as foreign projects against the installed package and run as documented."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cnnx
import numpy as np
import pytest
from cpp_build import ROOT, build_consumer, run


@pytest.fixture(scope="module", params=["embed_cpp", "embed_c"])
def programs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an example."""
    return build_consumer(ROOT / "examples" / request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def classify(programs: Path) -> Path:
    return programs / "classify"


def test_classify_predicts_as_the_command_line(classify: Path, tmp_path: Path) -> None:
    x, y = cnnx.data.xo(512, seed=1)
    model = cnnx.models.small((32, 32, 1), ["X", "O"])
    cnnx.Trainer(model).fit(x, y, epochs=1)
    model.save(tmp_path / "xo.cnnx")
    rng = np.random.default_rng(0)
    names = []
    for height, width, channels in ((32, 32, 1), (47, 61, 1), (20, 90, 3)):
        pixels = rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
        if (height, width) == (32, 32):
            pixels = x[0]
        kind = {1: "P5", 3: "P6"}[channels]
        names.append(f"{height}x{width}x{channels}.pnm")
        header = f"{kind}\n# a comment\n{width} {height}\n255\n"
        (tmp_path / names[-1]).write_bytes(header.encode() + pixels.tobytes())
    expected = run([sys.executable, "-m", "cnnx", "predict", "xo.cnnx", *names], cwd=tmp_path)
    assert len(expected.splitlines()) == len(names)
    assert run([classify, "xo.cnnx", *names], cwd=tmp_path) == expected


def test_classify_reports_errors(classify: Path, tmp_path: Path) -> None:
    cnnx.models.small((32, 32, 1), ["X", "O"]).save(tmp_path / "xo.cnnx")
    (tmp_path / "text.pgm").write_text("P5 is how it begins")
    (tmp_path / "short.pgm").write_bytes(b"P5 4 4 255\n123")
    for arguments, sentence in (
        (["none.cnnx", "text.pgm"], "none.cnnx"),
        (["text.pgm", "text.pgm"], "text.pgm: "),
        (["xo.cnnx", "none.pgm"], "none.pgm: cannot be opened"),
        (["xo.cnnx", "text.pgm"], "text.pgm: is not a PGM or PPM file of 8 bits"),
        (["xo.cnnx", "short.pgm"], "short.pgm: ends too early"),
    ):
        completed = subprocess.run(
            [classify, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert completed.returncode == 1
        assert completed.stdout == ""
        assert completed.stderr.startswith("classify: ")
        assert sentence in completed.stderr


@pytest.fixture(scope="module")
def trained(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The model that train_xo saved, and its output."""
    folder = tmp_path_factory.mktemp("train_xo")
    said = run([programs / "train_xo", "xo.cnnx"], cwd=folder)
    return folder / "xo.cnnx", said.splitlines()


def test_train_xo_trains_as_the_same_script_in_python(
    trained: tuple[Path, list[str]], trained_in_python: tuple[Path, cnnx.History]
) -> None:
    path, said = trained
    expected, history = trained_in_python
    assert said[:-1] == [
        f"epoch {i + 1}: loss {loss:.4f}, accuracy {100 * accuracy:.1f} %"
        for i, (loss, accuracy) in enumerate(zip(history.loss, history.accuracy, strict=True))
    ]
    assert said[-1].startswith("test accuracy ")
    assert float(said[-1].split()[-2]) >= 95
    assert path.read_bytes() == expected.read_bytes()


def test_classify_reads_what_train_xo_saves(
    trained: tuple[Path, list[str]], classify: Path, tmp_path: Path
) -> None:
    x, y = cnnx.data.xo(4, seed=9)
    names = [f"{i}.pgm" for i in range(len(x))]
    for name, pixels in zip(names, x, strict=True):
        (tmp_path / name).write_bytes(b"P5 32 32 255\n" + pixels.tobytes())
    predictions = run([classify, trained[0], *names], cwd=tmp_path).splitlines()
    assert [prediction.split("\t")[1] for prediction in predictions] == ["XO"[label] for label in y]
