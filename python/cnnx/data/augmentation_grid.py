"""Grid of images and their augmented variants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.arguments import FloatArray, real_array
from cnnx.data.augmentation import Augmentation, mask_array
from cnnx.data.dataset import Pixels
from cnnx.data.image_grid import ImageGrid, ImageRow
from cnnx.drawing.colours import mask_overlay

_MOST_IMAGES = 8


def augmentation_grid(
    augmentation: Augmentation,
    x: ArrayLike,
    epochs: Sequence[int],
    seed: int,
    masks: ArrayLike | None = None,
) -> ImageGrid:
    """Images, each followed by its variants.

    Args:
        augmentation: augmentation.
        x: images (batch, height, width, channels).
        epochs: epochs of the variants.
        seed: seed of the trainer.
        masks: labels of their pixels, to draw over them, or None.

    Raises:
        TypeError: if masks are not integers.
        ValueError: if x is no batch of images, or masks are not theirs.
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
    shown = [pixels, *map(_bytes, variants)]
    if masks is not None:
        labels = _checked_masks(masks, images.shape)
        moved = [augmentation.apply_masks(labels, epoch=each, seed=seed) for each in epochs]
        shown = [mask_overlay(*each) for each in zip(shown, [labels, *moved], strict=True)]
    stack = np.stack(shown, axis=1)
    rows = [
        ImageRow(f"image {k}", row, f"image {k} and {len(variants)} variants")
        for k, row in enumerate(stack)
    ]
    numbers = f"epoch {epochs[0]}" if len(epochs) == 1 else f"epochs {epochs[0]} to {epochs[-1]}"
    return ImageGrid(f"Original, and variants of {numbers} with seed {seed}", rows)


def _checked_masks(masks: ArrayLike, shape: tuple[int, ...]) -> NDArray[Any]:
    labels = mask_array(masks, "show", "masks")[:_MOST_IMAGES]
    if labels.shape != shape[:3]:
        raise ValueError(
            f"show: masks has shape {labels.shape}, expected a label for each pixel, {shape[:3]}"
        )
    return labels


def _bytes(values: FloatArray) -> Pixels:
    """Values from 0 to 1 as pixels."""
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), dtype=np.uint8)
