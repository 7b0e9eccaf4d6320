"""Images under maps and masks, enlarged if they are small."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cnnx.arguments import FloatArray
from cnnx.drawing.colours import RgbPixels, mask_overlay, overlay
from cnnx.ops.upsample2d import upsample2d

_SIDE = 256  # pixels of the longer side to which small images are enlarged


def under_map(pixels: RgbPixels, values: FloatArray, *, smooth: bool) -> RgbPixels:
    """An image under a map of its size; `smooth` interpolates it, as maps of few cells need."""
    factor = _factor(pixels)
    mode: Literal["bilinear", "nearest"] = "bilinear" if smooth else "nearest"
    enlarged = upsample2d(values[np.newaxis, ..., np.newaxis], factor, mode=mode)
    return overlay(_enlarged(pixels, factor), enlarged[0, ..., 0])


def under_mask(pixels: RgbPixels, labels: NDArray[Any]) -> RgbPixels:
    """An image under the colours of a mask, whose sides divide those of the image."""
    factor = _factor(pixels)
    down, right = (side // own for side, own in zip(pixels.shape, labels.shape, strict=False))
    mask = labels.repeat(down * factor, axis=0).repeat(right * factor, axis=1)
    large = _enlarged(pixels, factor)
    return mask_overlay(large[: len(mask), : mask.shape[1]], mask)


def _factor(pixels: RgbPixels) -> int:
    return int(max(1, _SIDE // max(pixels.shape[:2])))


def _enlarged(pixels: RgbPixels, factor: int) -> RgbPixels:
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)
