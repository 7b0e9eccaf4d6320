"""Fixtures of the command line's tests: running one, small data sets, a trained model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cnnx import cli
from cnnx.data import xo
from command_line import Outcome, Run
from idx_files import write_set
from xo_folder import write_classes


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command line in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> Outcome:
        capfd.readouterr()
        status = cli.main([str(word) for word in words])
        return Outcome(status, *capfd.readouterr())

    return call


@pytest.fixture(scope="session")
def idx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """800 images of X and O as IDX files, and 100 more as their test set."""
    folder = tmp_path_factory.mktemp("idx")
    for name, count, seed in (("train", 800, 1), ("t10k", 100, 2)):
        x, y = xo(count, size=16, seed=seed)
        write_set(folder, name, x[..., 0], y.astype(np.uint8), gz=True)
    return folder


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same kind of images as PNG files in train/X, train/O, test/X and test/O."""
    folder = tmp_path_factory.mktemp("classes")
    write_classes(folder)
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory, classes: Path) -> Path:
    """A model trained on the class folders for one epoch."""
    out = tmp_path_factory.mktemp("model") / "xo.cnnx"
    assert cli.main(["train", str(classes), "--epochs", "1", "--out", str(out)]) == 0
    return out
