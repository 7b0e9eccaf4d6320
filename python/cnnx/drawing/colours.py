"""Colours of numbers: heat for values from 0, two colours for values around 0, and overlays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

RgbPixels = NDArray[np.uint8]

# Orange is positive, blue is negative and white is zero. The colours are distinguishable with every
# kind of colour blindness, and in print by their lightness.
POSITIVE = "#e69f00"
NEGATIVE = "#74b3de"

# Dark violet over red and orange to pale yellow, in equal steps of lightness.
_HEAT = ("#1b0c41", "#4a0c6b", "#781c6d", "#a52c60", "#cf4446", "#ed6925", "#fb9b06", "#f7d13d")
_MOST_OPAQUE = 0.75  # of an overlay, so that the image stays visible
_MASK_OPACITY = 0.6


def tint(values: NDArray[Any]) -> RgbPixels:
    """Values from -1 to 1 as colours from blue over white to orange."""
    strength = np.clip(np.abs(np.asarray(values, dtype=np.float64)), 0, 1)[..., np.newaxis]
    ends = np.where((np.asarray(values) < 0)[..., np.newaxis], rgb(NEGATIVE), rgb(POSITIVE))
    return np.asarray(np.rint(255 + (ends - 255) * strength), dtype=np.uint8)


def heat(values: NDArray[Any]) -> RgbPixels:
    """Values from 0 to 1 as colours from dark violet to pale yellow."""
    stops = np.stack([rgb(colour) for colour in _HEAT])
    place = np.clip(np.nan_to_num(np.asarray(values, dtype=np.float64)), 0, 1) * (len(stops) - 1)
    lower = np.minimum(place.astype(np.int64), len(stops) - 2)
    fraction = (place - lower)[..., np.newaxis]
    return np.asarray(
        np.rint(stops[lower] * (1 - fraction) + stops[lower + 1] * fraction), dtype=np.uint8
    )


def grey(values: NDArray[Any]) -> RgbPixels:
    """uint8 pixels as grey RGB colours."""
    return np.repeat(np.asarray(values, dtype=np.uint8)[..., np.newaxis], 3, axis=-1)


def as_rgb(pixels: NDArray[np.uint8]) -> RgbPixels:
    """Pixels of an image, (height, width, 1, 3 or more channels), as RGB; of more, the first three.

    Two channels are drawn as the mean of both.
    """
    channels = pixels.shape[-1]
    if channels >= 3:
        return np.ascontiguousarray(pixels[..., :3])
    return grey(pixels.mean(axis=-1))


def overlay(pixels: NDArray[np.uint8], values: NDArray[Any]) -> RgbPixels:
    """An image in grey under the colours of a map of its size.

    A map without negative values is drawn as heat, any other one in orange and blue. Its largest
    absolute value has the strongest colour.

    Args:
        pixels: the image, (height, width, channels).
        values: the map, (height, width).
    """
    image = as_rgb(pixels).astype(np.float64).mean(axis=-1, keepdims=True)
    largest = float(np.abs(values).max())
    scaled = np.asarray(values, dtype=np.float64) / (largest or 1.0)
    signed = bool((scaled < 0).any())
    colours = np.where((scaled < 0)[..., np.newaxis], rgb(NEGATIVE), rgb(POSITIVE))
    top = colours if signed else heat(scaled).astype(np.float64)
    opacity = _MOST_OPAQUE * np.sqrt(np.abs(scaled))[..., np.newaxis]
    return np.asarray(np.rint(image * (1 - opacity) + top * opacity), dtype=np.uint8)


def _class_colours() -> RgbPixels:
    """Colours of PASCAL VOC: the bits of a label, three at a time, become those of a colour."""
    labels = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for step in range(8):
        for channel in range(3):
            bit = (labels >> (3 * step + channel) & 1) << (7 - step)
            colours[:, channel] |= bit.astype(np.uint8)
    return colours


# Colours of the labels of masks, (256, 3): black, dark red, dark green and so on.
CLASS_COLOURS = _class_colours()


def mask_overlay(pixels: NDArray[np.uint8], labels: NDArray[Any]) -> RgbPixels:
    """Images under the colours of their masks; label 0, the background, shows the image alone.

    Args:
        pixels: images, (..., height, width, channels).
        labels: labels of their pixels, (..., height, width), 0 to 255.
    """
    images = as_rgb(pixels).astype(np.float64)
    colours = CLASS_COLOURS[labels.astype(np.uint8)]
    opacity = np.where(labels == 0, 0.0, _MASK_OPACITY)[..., np.newaxis]
    return np.asarray(np.rint(images + (colours - images) * opacity), dtype=np.uint8)


def rgb(colour: str) -> NDArray[np.float64]:
    """Red, green and blue, 0 to 255, of a colour such as ``#e69f00``."""
    return np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)], dtype=np.float64)
