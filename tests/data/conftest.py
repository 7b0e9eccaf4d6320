"""Fixture of the tests of folders of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of five noisy images each."""
    pillow = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for index in range(5):
            pixels = rng.integers(0, 256, (12, 10, 3), dtype=np.uint8)
            ending = "jpg" if index == 3 else "png"
            pillow.fromarray(pixels).save(tmp_path / "set" / name / f"{index}.{ending}")
    return tmp_path / "set"
