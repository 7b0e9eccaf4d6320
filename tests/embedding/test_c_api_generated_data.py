"""The generated data sets in C: the images and labels of Python."""

from __future__ import annotations

import cnnx
import numpy as np
from c_functions import INVALID_ARGUMENT, CApi


def test_xo_images_are_those_of_python(c: CApi) -> None:
    pixels, labels = np.zeros((6, 20, 20, 1), np.uint8), np.zeros(6, np.int64)
    c.ok(c.draw_xo(6, 20, 9, pixels, labels))
    x, y = cnnx.data.xo(6, size=20, seed=9)
    assert pixels.tobytes() == x.tobytes()
    assert labels.tolist() == y.tolist()
    c.refused(c.draw_xo(6, 3, 9, pixels, labels), INVALID_ARGUMENT, "size is 3")


def test_images_of_shapes_are_those_of_python(c: CApi) -> None:
    pixels, masks = np.zeros((5, 40, 50, 3), np.uint8), np.zeros((5, 40, 50), np.uint8)
    c.ok(c.draw_shapes(5, 40, 50, 9, pixels, masks))
    x, expected = cnnx.data.shapes(5, size=(40, 50), seed=9)
    assert pixels.tobytes() == x.tobytes()
    assert masks.tobytes() == expected.tobytes()
    c.refused(c.draw_shapes(5, 40, 3, 9, pixels, masks), INVALID_ARGUMENT, "width is 3")

    labels, boxes = np.zeros(5, np.int64), np.zeros((5, 4), np.float32)
    c.ok(c.draw_single_shapes(5, 40, 50, 9, pixels, labels, boxes))
    found = cnnx.data.single_shapes(5, size=(40, 50), seed=9)
    for mine, theirs in zip((pixels, labels, boxes), found, strict=True):
        assert mine.tobytes() == theirs.tobytes()
