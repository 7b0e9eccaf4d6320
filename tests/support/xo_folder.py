"""Images of X and O as PNG files in a folder per class, for tests of commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from cnnx.data import xo


def write_classes(folder: Path) -> None:
    """Write 60 images to train/X and train/O, and 20 to test/X and test/O."""
    image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")
    for name, count, seed in (("train", 60, 1), ("test", 20, 2)):
        for index, (pixels, label) in enumerate(zip(*xo(count, size=16, seed=seed), strict=True)):
            target = folder / name / "XO"[label]
            target.mkdir(parents=True, exist_ok=True)
            image.fromarray(pixels[..., 0]).save(target / f"{index:03}.png")
