"""cnnx.data.shapes and single_shapes: the geometry of masks and boxes, seeds, errors."""

from __future__ import annotations

import hashlib
import math

import cnnx
import numpy as np
import pytest
from cnnx import data
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

# Area over that of the circle around the shape.
FILLED = {
    "circle": 1.0,
    "square": 2 / math.pi,
    "triangle": 3 * math.sqrt(3) / (4 * math.pi),
}


def regions(mask: NDArray[np.uint8]) -> list[tuple[int, NDArray[np.int64]]]:
    """Connected pixels of one class: the class and their rows and columns."""
    left, found = mask > 0, []
    while left.any():
        start = np.argwhere(left)[0]
        label, stack, pixels = mask[tuple(start)], [tuple(start)], []
        left[tuple(start)] = False
        while stack:
            y, x = stack.pop()
            pixels.append((y, x))
            for place in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                inside = 0 <= place[0] < mask.shape[0] and 0 <= place[1] < mask.shape[1]
                if inside and left[place] and mask[place] == label:
                    left[place] = False
                    stack.append(place)
        found.append((int(label), np.array(pixels)))
    return found


def test_a_mask_has_the_outlines_of_its_classes() -> None:
    _, masks = data.shapes(60, size=128, seed=2)
    matching = count = 0
    for mask in masks:
        for label, pixels in regions(mask):
            radius = np.sqrt(((pixels - pixels.mean(axis=0)) ** 2).sum(axis=1)).max() + 0.5
            filled = len(pixels) / (math.pi * radius**2)
            matching += abs(filled / FILLED[data.SHAPE_CLASSES[label]] - 1) < 0.1
            count += 1
    # Shapes that others cover in part, and those that touch one of their class, do not match.
    assert count > 90
    assert matching > 0.7 * count


def test_colours_of_shapes_differ_from_the_background_and_do_not_tell_it() -> None:
    x, masks = data.shapes(60, seed=4)
    values = x.astype(np.float64) / 255
    inside, outside = [], []
    for image, mask in zip(values, masks, strict=True):
        outside.append(image[mask == 0].mean(axis=0))
        for label in set(mask.flat) - {0}:
            inside.append(image[mask == label].mean(axis=0))
    assert np.std(inside, axis=0).min() > 0.2
    assert np.std(outside, axis=0).min() > 0.12
    # A threshold at the mean of both separates hardly more than chance does.
    for channel in range(3):
        shape, background = (np.array(each)[:, channel] for each in (inside, outside))
        threshold = (shape.mean() + background.mean()) / 2
        correct = ((shape > threshold).mean() + (background < threshold).mean()) / 2
        assert abs(correct - 0.5) < 0.2


def test_a_single_shape_lies_in_its_box() -> None:
    x, labels, boxes = data.single_shapes(40, size=(96, 64), seed=3)
    assert (x.shape, x.dtype, labels.dtype, boxes.dtype) == (
        (40, 96, 64, 3),
        np.uint8,
        np.int64,
        np.float32,
    )
    assert set(labels) == {0, 1, 2}
    assert boxes.min() >= 0
    assert boxes.max() <= 1
    for image, box in zip(x.astype(np.float64), boxes, strict=True):
        top, left, bottom, right = box * [96, 64, 96, 64]
        assert 0.16 * 64 < bottom - top <= 0.5001 * 64
        assert 0.16 * 64 < right - left <= 0.5001 * 64
        # The colour of the centre is that of pixels within the box, and of few others.
        row, column = int((top + bottom) / 2), int((left + right) / 2)
        colour = np.median(image[row - 2 : row + 3, column - 2 : column + 3], axis=(0, 1))
        near = np.abs(image - colour).max(axis=2) < 45
        within = np.zeros(near.shape, bool)
        within[int(top) : math.ceil(bottom), int(left) : math.ceil(right)] = True
        assert near[within].mean() > 0.3
        assert near[~within].mean() < 0.2


def test_images_depend_on_the_seed_alone() -> None:
    for draw in (data.shapes, data.single_shapes):
        few, many = draw(5, size=48, seed=5), draw(12, size=48, seed=5)
        for first, longer in zip(few, many, strict=True):
            assert_array_equal(longer[:5], first)
        assert not np.array_equal(draw(5, size=48, seed=6)[0], few[0])


def test_images_have_the_same_bits_on_any_number_of_threads(restore_threads: None) -> None:
    found = set()
    for threads in (1, 2, 5):
        cnnx.set_num_threads(threads)
        arrays = [*data.shapes(9, size=(40, 56), seed=1), *data.single_shapes(9, size=40, seed=1)]
        found.add(hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest())
    assert found == {"af59a519ca55e58820ce353ae808e7b861c7abf27d0256e4dd52ef6beda6acc7"}


@pytest.mark.parametrize("draw", [data.shapes, data.single_shapes])
def test_wrong_arguments_are_named(draw: object) -> None:
    assert callable(draw)
    name = draw.__name__
    with pytest.raises(ValueError, match=f"^{name}: height is 8, expected 32 to 4096 pixels"):
        draw(1, size=8)
    with pytest.raises(ValueError, match=f"^{name}: width is 5000, expected 32 to 4096 pixels"):
        draw(1, size=(32, 5000))
    with pytest.raises(TypeError, match=f"^{name}: size is '32', expected an integer or"):
        draw(1, size="32")
    with pytest.raises(ValueError, match=f"^{name}: count is -1"):
        draw(-1)
    with pytest.raises(ValueError, match=f"^{name}: seed is -1"):
        draw(1, seed=-1)
