"""The files among which the command lines of `test_command_line.py` run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import cnnx
import numpy as np
import pytest
from cnnx import cli
from numpy.typing import NDArray


def write_image(file: Path, pixels: NDArray[np.uint8]) -> None:
    from PIL import Image

    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small image folders, an archive, a trained model and its finished run."""
    folder = tmp_path_factory.mktemp("samples")
    x, y = cnnx.data.xo(48, size=16, seed=1)
    for index, (pixels, label) in enumerate(zip(x, y, strict=True)):
        name = ("cat", "dog")[label]
        for root, has in (("pets", True), ("single", label == 1 or index == 1), ("dogs", label)):
            if has:
                write_image(folder / root / name / f"{index:03}.png", pixels[..., 0])
    for root, target in (("other", "bird/1.png"), ("damaged", "cat/1.png")):
        shutil.copytree(folder / "pets", folder / root)
        write_image(folder / root / target, x[0, ..., 0])
    (folder / "damaged" / "cat" / "1.png").write_bytes(b"no image")
    (folder / "empty").mkdir()
    for name, schedule in (("cosine", "cosine"), ("run", "drop")):
        words = ("--epochs", "2", "--schedule", schedule, "--checkpoint", f"{folder}/{name}.ckpt")
        out = ("--out", f"{folder}/model.cnnx", "--overwrite")
        assert cli.main(["train", str(folder / "pets"), *words, *out]) == 0
    np.savez(folder / "xo.npz", x=x, y=y)
    layers = [cnnx.Flatten(), cnnx.Dense(1)]
    cnnx.Model(layers, input_shape=(16, 16, 1)).save(folder / "sigmoid.cnnx")
    (folder / "photo.jpg").write_bytes(b"a photo")
    (folder / "link.csv").symlink_to("run")
    return folder


def linked_images(source: str, target: str) -> None:
    (os.link if source.endswith(".png") else shutil.copy2)(source, target)


@pytest.fixture
def in_samples(samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test in a copy of the samples, whose images, which no command changes, are links."""
    shutil.copytree(samples, tmp_path / "copy", symlinks=True, copy_function=linked_images)
    monkeypatch.chdir(tmp_path / "copy")
