"""Images and a model for the tests of distributed commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from cnnx import cli
from mpi_command import TRAINING
from xo_folder import write_classes


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images of X and O in images/, and m.cnnx and run.ckpt trained on them."""
    root = tmp_path_factory.mktemp("distributed")
    write_classes(root / "images")
    words = ("train", root / "images", *TRAINING, "--out", root / "m.cnnx")
    assert cli.main([*map(str, words), "--checkpoint", str(root / "run.ckpt")]) == 0
    return root
