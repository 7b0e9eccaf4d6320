"""Measurements of images: brightness, information, edges, and hashes of their content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnx.data.dataset import Pixels

MEASURED_SIDE = 64  # of larger images, which are resized before
THUMBNAIL_SIDE = 16
_IMAGES_AT_ONCE = 64
_HASHED_SIDE = 32  # of the image whose cosine transform is hashed
_FREQUENCIES = 8  # of the transform, per axis, in the hash
_LOW, _HIGH = 0.05, 0.99  # percentiles of brightness
_LUMA = (0.299, 0.587, 0.114)  # of Rec. 601
_GREY_TOLERANCE = 3  # difference of the channels of a grey image


@dataclass(frozen=True)
class Measurements:
    """Columns of one value per image.

    Attributes:
        digest: checksum of the pixels.
        perceptual_hash: 64 bits of the low frequencies; similar images differ in few bits.
        thumbnail: brightness in 16 x 16 squares.
        low: 5th percentile of brightness, 0 to 255.
        high: 99th percentile of brightness, 0 to 255.
        spread: largest minus smallest value of all pixels and channels.
        entropy: of the histogram of brightness, in bits.
        sharpness: 99th percentile of the responses of an edge filter, relative to the range of
            brightness; infinite without a range.
        is_colour: whether the channels differ.
    """

    digest: NDArray[np.uint64]
    perceptual_hash: NDArray[np.uint64]
    thumbnail: NDArray[np.uint8]
    low: NDArray[np.uint8]
    high: NDArray[np.uint8]
    spread: NDArray[np.uint8]
    entropy: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    is_colour: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.digest)

    def rows(self, order: NDArray[Any]) -> Measurements:
        """Measurements of chosen images."""
        columns: dict[str, Any] = {
            field.name: getattr(self, field.name)[order] for field in fields(Measurements)
        }
        return Measurements(**columns)


def joined(parts: Sequence[Measurements]) -> Measurements:
    """Measurements of several parts, one after the other."""
    columns: dict[str, Any] = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(Measurements)
    }
    return Measurements(**columns)


def measure_images(images: Sequence[Pixels]) -> Measurements:
    """Measurements of images of any shapes, in their order."""
    rows_by_shape: dict[tuple[int, ...], list[int]] = {}
    for row, image in enumerate(images):
        rows_by_shape.setdefault(image.shape, []).append(row)
    parts = [measure(np.stack([images[row] for row in rows])) for rows in rows_by_shape.values()]
    order = np.argsort([row for rows in rows_by_shape.values() for row in rows])
    return joined(parts).rows(order)


def measure(pixels: Pixels) -> Measurements:
    """Measurements of images of one shape, (count, height, width, channels).

    Reference:
        The hash is pHash: the signs of 8 x 8 low frequencies of the cosine transform of 32 x 32
        squares around their median.
    """
    count = len(pixels)
    grey = _grey(pixels)
    histograms = _histograms(grey)
    frequencies = histograms / grey[0].size
    cumulative = np.cumsum(histograms, axis=1)
    logarithms = np.log2(frequencies, out=np.zeros_like(frequencies), where=frequencies > 0)
    low, high = ((cumulative < part * grey[0].size).sum(axis=1) for part in (_LOW, _HIGH))
    flat = pixels.reshape(count, -1)
    return Measurements(
        digest=digests(pixels),
        perceptual_hash=_perceptual_hashes(grey),
        thumbnail=np.rint(_resampled(grey, _areas, THUMBNAIL_SIDE)).astype(np.uint8),
        low=low.astype(np.uint8),
        high=high.astype(np.uint8),
        spread=flat.max(axis=1) - flat.min(axis=1),
        entropy=-(frequencies * logarithms).sum(axis=1).astype(np.float32),
        sharpness=_sharpness(grey, high - low),
        is_colour=_is_colour(pixels),
    )


def digests(pixels: NDArray[Any]) -> NDArray[np.uint64]:
    """Checksum of 64 bits of every image."""
    if len(pixels) == 0:
        return np.empty(0, np.uint64)
    rows = np.ascontiguousarray(pixels).reshape(len(pixels), -1).view(np.uint8)
    size = str(pixels.shape[1:]).encode()
    parts = [hashlib.blake2b(row.data, digest_size=8, salt=size[:16]).digest() for row in rows]
    return np.frombuffer(b"".join(parts), np.uint64)


def _grey(pixels: Pixels) -> NDArray[np.float32]:
    """Brightness, 0 to 255: luma of RGB, the mean of any other number of channels."""
    channels = pixels.shape[-1]
    if channels == 1:
        return pixels[..., 0].astype(np.float32)
    weights = np.full(channels, 1 / channels) if channels != 3 else np.array(_LUMA)
    return np.asarray(
        sum(pixels[..., k] * np.float32(weights[k]) for k in range(channels)), np.float32
    )


def _histograms(grey: NDArray[np.float32]) -> NDArray[np.int64]:
    """Numbers of pixels of every brightness 0 to 255, (count, 256)."""
    count = len(grey)
    levels = (grey + np.float32(0.5)).astype(np.int64).reshape(count, -1)
    levels += 256 * np.arange(count)[:, np.newaxis]
    return np.bincount(levels.ravel(), minlength=256 * count).reshape(count, 256)


def _sharpness(grey: NDArray[np.float32], contrast: NDArray[np.int64]) -> NDArray[np.float32]:
    """99th percentile of |8 times a pixel minus its neighbours|, relative to the contrast."""
    if min(grey.shape[1:]) < 3:
        return np.full(len(grey), np.inf, np.float32)  # too small to be blurred
    rows = grey[:, :-2] + grey[:, 1:-1] + grey[:, 2:]
    around = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    response = np.abs(9 * grey[:, 1:-1, 1:-1] - around).reshape(len(grey), -1)
    place = int(_HIGH * (response.shape[1] - 1))
    strongest = np.partition(response, place, axis=1)[:, place]
    result = np.full(len(grey), np.inf, np.float32)
    return np.divide(strongest, contrast, out=result, where=contrast > 0, casting="same_kind")


def _is_colour(pixels: Pixels) -> NDArray[np.bool_]:
    if pixels.shape[-1] != 3:
        return np.zeros(len(pixels), np.bool_)
    difference = pixels.max(axis=-1) - pixels.min(axis=-1)
    return np.asarray(difference.reshape(len(pixels), -1).max(axis=1) > _GREY_TOLERANCE)


def _perceptual_hashes(grey: NDArray[np.float32]) -> NDArray[np.uint64]:
    # Rounding keeps frequencies that an image lacks at 0, so that no rounding error is hashed.
    spectrum = np.rint(_resampled(grey, _cosines, _FREQUENCIES)).reshape(len(grey), -1)
    bits = spectrum > np.median(spectrum, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(np.uint64)[:, 0]


def _resampled(grey: NDArray[np.float32], weights: Any, size: int) -> NDArray[np.float64]:
    """Linear maps of the rows and the columns of images, (count, size, size)."""
    rows, columns = weights(grey.shape[1], size), weights(grey.shape[2], size)
    return np.asarray(rows @ grey.astype(np.float64) @ columns.T)


@cache
def _areas(length: int, size: int) -> NDArray[np.float64]:
    """Weights (size, length) of pixels in the means of `size` equal sections of a line."""
    edges = np.arange(size + 1) * (length / size)
    pixels = np.arange(length)
    upper = np.minimum(edges[1:, np.newaxis], pixels + 1)
    lower = np.maximum(edges[:-1, np.newaxis], pixels)
    return np.asarray(np.clip(upper - lower, 0, None) * (size / length))


@cache
def _cosines(length: int, size: int) -> NDArray[np.float64]:
    """Weights (size, length) of pixels in the first frequencies of a line of 32 sections."""
    angles = np.pi * (2 * np.arange(_HASHED_SIDE) + 1) / (2 * _HASHED_SIDE)
    cosines = np.cos(np.arange(size)[:, np.newaxis] * angles)
    return np.asarray(cosines @ _areas(length, _HASHED_SIDE))
