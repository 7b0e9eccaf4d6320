"""Measurements of images against direct formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from cnnx.doctor.measurements import digests, measure, measure_images
from planted_defects import texture

RNG = np.random.default_rng(5)


def test_brightness_and_information() -> None:
    image = texture(RNG, 40, 56)
    measured = measure(image[np.newaxis])
    luma = np.floor(image.astype(np.float32) @ np.float32([0.299, 0.587, 0.114]) + 0.5)
    ordered = np.sort(luma.ravel())
    count = luma.size
    assert measured.low[0] == ordered[math.ceil(0.05 * count) - 1]
    assert measured.high[0] == ordered[math.ceil(0.99 * count) - 1]
    _, counts = np.unique(luma, return_counts=True)
    entropy = -sum(n / count * math.log2(n / count) for n in counts.tolist())
    assert measured.entropy[0] == pytest.approx(entropy, rel=1e-6)
    assert measured.spread[0] == int(image.max()) - int(image.min())
    assert measured.is_colour[0]
    assert not measure(image[np.newaxis, ..., :1]).is_colour[0]
    assert not measure(np.repeat(image[np.newaxis, ..., :1], 3, axis=3)).is_colour[0]


def test_the_hash_is_that_of_the_cosine_transform() -> None:
    image = RNG.integers(0, 256, (32, 32, 1), dtype=np.uint8)
    grey = image[..., 0].astype(np.float64)
    places = np.arange(32)
    spectrum = np.array(
        [
            [
                (
                    grey
                    * np.cos(np.pi * (2 * places[:, np.newaxis] + 1) * row / 64)
                    * np.cos(np.pi * (2 * places + 1) * column / 64)
                ).sum()
                for column in range(8)
            ]
            for row in range(8)
        ]
    ).round()
    bits = np.packbits((spectrum > np.median(spectrum)).ravel())
    assert measure(image[np.newaxis]).perceptual_hash[0] == bits.view(np.uint64)[0]


def test_the_thumbnail_has_the_means_of_squares() -> None:
    image = RNG.integers(0, 256, (48, 32, 1), dtype=np.uint8)
    means = image.reshape(16, 3, 16, 2).mean(axis=(1, 3))
    assert np.abs(measure(image[np.newaxis]).thumbnail[0] - means).max() <= 0.5


def test_images_of_several_shapes_stay_in_order() -> None:
    images = [texture(RNG, *size) for size in ((20, 20), (30, 20), (20, 20), (1, 2), (30, 20))]
    together = measure_images(images)
    for row, image in enumerate(images):
        alone = measure(image[np.newaxis])
        assert together.digest[row] == alone.digest[0]
        assert together.entropy[row] == alone.entropy[0]
        assert together.perceptual_hash[row] == alone.perceptual_hash[0]


def test_digests_tell_images_and_shapes_apart() -> None:
    x = RNG.integers(0, 2, (50, 4, 6, 1), dtype=np.uint8)
    x[20] = x[3]
    assert len(np.unique(digests(x))) == 49
    assert digests(x)[20] == digests(x)[3]
    assert digests(x)[0] != digests(x.reshape(50, 6, 4, 1))[0]
