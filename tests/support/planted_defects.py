"""Folders of images for the doctor: a clean one, and defects to plant into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
_COARSE = 6  # random colours per side, which are interpolated


def texture(rng: np.random.Generator, height: int = 48, width: int = 48) -> Pixels:
    """A random image with smooth regions, edges and noise."""
    coarse = rng.integers(0, 256, (_COARSE, _COARSE, 3), dtype=np.uint8)
    smooth = np.asarray(
        Image.fromarray(coarse).resize((width, height), Image.Resampling.BILINEAR), np.float64
    )
    noisy = smooth + 25 * rng.standard_normal(smooth.shape)
    return np.asarray(noisy.clip(0, 255), np.uint8)


def clean_folder(root: Path, images: int = 12) -> Path:
    """Classes cat and dog in train and test, without defects."""
    rng = np.random.default_rng(1)
    for set_name in ("train", "test"):
        for class_name in ("cat", "dog"):
            folder = root / set_name / class_name
            folder.mkdir(parents=True)
            for index in range(images):
                Image.fromarray(texture(rng)).save(folder / f"{index:02}.png")
    return root


def save(path: Path, pixels: NDArray[Any], **options: Any) -> None:
    """Save pixels as an image file, in a new folder if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
