"""Grid of images and their augmented variants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from cnnx.arguments import FloatArray, real_array
from cnnx.data.augmentation import Augmentation
from cnnx.data.dataset import Pixels
from cnnx.data.image_grid import ImageGrid, ImageRow

_MOST_IMAGES = 8


def augmentation_grid(
    augmentation: Augmentation, x: ArrayLike, epochs: Sequence[int], seed: int
) -> ImageGrid:
    """Images, each followed by its variants.

    Args:
        augmentation: augmentation.
        x: images (batch, height, width, channels).
        epochs: epochs of the variants.
        seed: seed of the trainer.

    Raises:
        ValueError: if x is no batch of images.
    """
    images = real_array(x, "show", "x")
    if images.ndim != 4 or len(images) == 0:
        raise ValueError(
            f"show: x has shape {images.shape}, expected (batch, height, width, channels) of at "
            "least one image"
        )
    images = images[:_MOST_IMAGES]
    variants = [augmentation.apply(images, epoch=each, seed=seed) for each in epochs]
    pixels = images if images.dtype == np.uint8 else _bytes(Augmentation().apply(images))
    stack = np.stack([pixels, *map(_bytes, variants)], axis=1)
    rows = [
        ImageRow(f"image {k}", row, f"image {k} and {len(variants)} variants")
        for k, row in enumerate(stack)
    ]
    numbers = f"epoch {epochs[0]}" if len(epochs) == 1 else f"epochs {epochs[0]} to {epochs[-1]}"
    return ImageGrid(f"Original, and variants of {numbers} with seed {seed}", rows)


def _bytes(values: FloatArray) -> Pixels:
    """Values from 0 to 1 as pixels."""
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), dtype=np.uint8)
