"""Pytest plugin for tests of the command line: runs it, and makes small data sets and a model."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from cnnx import cli
from cnnx.data import xo
from test_data import write_set


class Outcome:
    """What one command line printed and returned."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    def refused(self, sentence: str, status: int = 1) -> None:
        """One line on stderr, nothing that looks like a traceback, and the right exit status."""
        assert self.status == status
        assert "Traceback" not in self.err
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        assert re.search(sentence, lines[0]), lines[0]
        assert re.match(r"cnnx [a-z]+: ", lines[0])


Run: TypeAlias = Callable[..., Outcome]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs a command line in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> Outcome:
        capfd.readouterr()
        status = cli.main([str(word) for word in words])
        return Outcome(status, *capfd.readouterr())

    return call


@pytest.fixture(scope="session")
def idx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """800 drawings as IDX files, and 100 more as their test set."""
    folder = tmp_path_factory.mktemp("idx")
    for name, count, seed in (("train", 800, 1), ("t10k", 100, 2)):
        x, y = xo(count, size=16, seed=seed)
        write_set(folder, name, x[..., 0], y.astype(np.uint8), gz=True)
    return folder


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same kind of drawings as PNG files in train/X, train/O, test/X and test/O."""
    image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")
    folder = tmp_path_factory.mktemp("classes")
    for name, count, seed in (("train", 60, 1), ("test", 20, 2)):
        for index, (pixels, label) in enumerate(zip(*xo(count, size=16, seed=seed), strict=True)):
            target = folder / name / "XO"[label]
            target.mkdir(parents=True, exist_ok=True)
            image.fromarray(pixels[..., 0]).save(target / f"{index:03}.png")
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory, classes: Path) -> Path:
    """A model trained on the class folders for one epoch."""
    out = tmp_path_factory.mktemp("model") / "xo.cnnx"
    assert cli.main(["train", str(classes), "--epochs", "1", "--out", str(out)]) == 0
    return out


def start(*words: object, cwd: Path) -> subprocess.Popen[str]:
    """The same in a process of its own, whose output comes at once."""
    return subprocess.Popen(
        [sys.executable, "-m", "cnnx", *map(str, words)],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
