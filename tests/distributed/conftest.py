"""Images and a model for the tests of distributed commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from cnnx import cli
from cnnx.data import xo
from mpi_command import TRAINING


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images of X and O in images/, and m.cnnx and run.ckpt trained on them."""
    image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")
    root = tmp_path_factory.mktemp("distributed")
    for name, count, seed in (("train", 60, 1), ("test", 20, 2)):
        for index, (pixels, label) in enumerate(zip(*xo(count, size=16, seed=seed), strict=True)):
            target = root / "images" / name / "XO"[label]
            target.mkdir(parents=True, exist_ok=True)
            image.fromarray(pixels[..., 0]).save(target / f"{index:03}.png")
    words = ("train", root / "images", *TRAINING, "--out", root / "m.cnnx")
    assert cli.main([*map(str, words), "--checkpoint", str(root / "run.ckpt")]) == 0
    return root
