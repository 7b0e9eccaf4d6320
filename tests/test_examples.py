"""The examples are built as foreign projects, on the installed package, and do what they say."""

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


def test_classify_says_what_the_command_line_says(programs: Path, tmp_path: Path) -> None:
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
    assert run([programs / "classify", "xo.cnnx", *names], cwd=tmp_path) == expected


def test_classify_says_what_is_wrong(programs: Path, tmp_path: Path) -> None:
    cnnx.models.small((32, 32, 1), ["X", "O"]).save(tmp_path / "xo.cnnx")
    (tmp_path / "text.pgm").write_text("P5 is how it begins")
    (tmp_path / "short.pgm").write_bytes(b"P5 4 4 255\n123")
    for arguments, sentence in (
        (["none.cnnx", "text.pgm"], "none.cnnx"),
        (["text.pgm", "text.pgm"], "text.pgm: "),
        (["xo.cnnx", "none.pgm"], "none.pgm: cannot be opened"),
        (["xo.cnnx", "text.pgm"], "text.pgm: is no PGM or PPM file of 8 bits"),
        (["xo.cnnx", "short.pgm"], "short.pgm: ends too early"),
    ):
        answer = subprocess.run(
            [programs / "classify", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.returncode == 1
        assert answer.stdout == ""
        assert answer.stderr.startswith("classify: ")
        assert sentence in answer.stderr
