"""Similar images: the search by bands of the hashes finds all pairs, and flat images have none."""

from __future__ import annotations

import numpy as np
from cnnx.doctor.measurements import measure
from cnnx.doctor.near_duplicates import _bit_count, _close_hashes, similar_groups
from planted_defects import Pixels, texture

RNG = np.random.default_rng(11)


def flipped(value: int, bits: int) -> int:
    for bit in RNG.choice(64, bits, replace=False):
        value ^= 1 << int(bit)
    return value


def test_bits_are_counted() -> None:
    values = RNG.integers(0, 2**64, 1000, dtype=np.uint64)
    assert _bit_count(values).tolist() == [int(each).bit_count() for each in values]


def test_every_pair_of_close_hashes_is_found() -> None:
    hashes = [int(each) for each in RNG.integers(0, 2**64, 150, dtype=np.uint64)]
    for bits in range(8):
        hashes += [flipped(hashes[k], bits) for k in range(20)]
    hashes += [7] * 30  # a bucket in every band
    found = np.concatenate(list(_close_hashes(np.array(hashes, np.uint64))))
    expected = {
        (first, second)
        for first in range(len(hashes))
        for second in range(first + 1, len(hashes))
        if (hashes[first] ^ hashes[second]).bit_count() <= 4
    }
    assert len(expected) > 150
    assert {(int(first), int(second)) for first, second in found} == expected


def groups(images: list[Pixels]) -> list[list[int]]:
    measured = measure(np.stack(images))
    return [group.tolist() for group in similar_groups(measured, np.arange(len(images)))]


def test_noise_and_brightness_do_not_hide_a_copy() -> None:
    images = [texture(RNG) for _ in range(6)]
    noisy = np.clip(images[2] + RNG.normal(0, 6, images[2].shape), 0, 255).astype(np.uint8)
    darker = (images[4] * 0.8).astype(np.uint8)
    assert groups([*images, noisy, darker]) == [[2, 6], [4, 7]]


def test_flat_images_are_not_similar() -> None:
    noise = [np.clip(90 + RNG.normal(0, 1, (48, 48, 3)), 0, 255).astype(np.uint8) for _ in range(9)]
    assert groups(noise) == []
    gradient = np.linspace(88, 92, 48)[:, np.newaxis, np.newaxis] + np.zeros((48, 48, 3))
    assert groups([gradient.astype(np.uint8)] * 3) == []


def test_plain_images_need_a_higher_correlation() -> None:
    """Two digits drawn almost alike are different images."""
    strokes = []
    for shift in (0, 1):
        image = np.zeros((28, 28, 1), np.uint8)
        image[4:24, 13:16] = 255
        image[4:7, 10 : 13 + shift] = 200
        image[22:24, 12 + shift : 18] = 180
        strokes.append(image)
    assert groups(strokes) == []
    assert groups([strokes[0], strokes[0]]) == [[0, 1]]


def test_pairs_connect_groups() -> None:
    """In a series of frames each is similar to the next, but not to the last."""
    first, last = texture(RNG).astype(np.float64), texture(RNG).astype(np.float64)
    steps = np.linspace(0, 1, 40)
    frames = [(first + step * (last - first)).astype(np.uint8) for step in steps]
    assert groups([texture(RNG), *frames, texture(RNG)]) == [list(range(1, 41))]
    assert groups([frames[0], frames[-1]]) == []
