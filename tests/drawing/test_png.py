"""PNG files against Pillow's reader, and colours of maps."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from cnnx.drawing.colours import NEGATIVE, as_rgb, grey, heat, overlay, rgb, tint
from cnnx.drawing.png import image, png
from PIL import Image


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (3, 4, 1), (17, 2, 3), (6, 9, 4)])
def test_pillow_reads_the_pixels(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, shape).astype(np.uint8)
    read = np.asarray(Image.open(io.BytesIO(png(pixels))))
    np.testing.assert_array_equal(read, pixels.reshape(read.shape))


def test_an_image_in_a_page_holds_the_file_and_a_description() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    written = image(pixels, 'a "cat"', width=60)
    data = written.split("base64,")[1].split('"')[0]
    assert base64.b64decode(data) == png(pixels)
    assert 'width="60" height="40"' in written
    assert "a &quot;cat&quot;" in written


def test_heat_grows_lighter_and_has_its_ends() -> None:
    lightness = heat(np.linspace(0, 1, 50)).astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()
    np.testing.assert_array_equal(heat(np.array([-1.0, np.nan])), heat(np.zeros(2)))
    np.testing.assert_array_equal(heat(np.array([2.0])), heat(np.ones(1)))


def test_overlay_leaves_the_image_where_the_map_is_zero() -> None:
    pixels = np.random.default_rng(4).integers(0, 256, (6, 8, 1)).astype(np.uint8)
    values = np.zeros((6, 8))
    np.testing.assert_array_equal(overlay(pixels, values), grey(pixels[..., 0]))
    values[2, 3], values[4, 5] = 4.0, -4.0
    drawn = overlay(pixels, values)
    unchanged = values == 0
    np.testing.assert_array_equal(drawn[unchanged], grey(pixels[..., 0])[unchanged])
    expected = np.rint(pixels[4, 5, 0] * 0.25 + rgb(NEGATIVE) * 0.75)
    np.testing.assert_array_equal(drawn[4, 5], expected)


def test_images_of_any_channels_become_rgb() -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (3, 4, 5)).astype(np.uint8)
    np.testing.assert_array_equal(as_rgb(pixels), pixels[..., :3])
    np.testing.assert_array_equal(as_rgb(pixels[..., :1]), grey(pixels[..., 0]))
    assert as_rgb(pixels[..., :2]).shape == (3, 4, 3)


def test_tint_is_white_at_zero() -> None:
    colours = tint(np.array([0.0, -1.0, 1.0]))
    assert colours[0].tolist() == [255, 255, 255]
    assert colours[1].tolist() == rgb(NEGATIVE).tolist()


def test_a_palette_stands_for_the_colours_of_its_indices() -> None:
    palette = np.array([[0, 0, 0], [255, 128, 0], [1, 2, 3]], np.uint8)
    indices = np.array([[0, 1, 2], [2, 2, 1]], np.uint8)
    read = np.asarray(Image.open(io.BytesIO(png(indices, palette))).convert("RGB"))
    np.testing.assert_array_equal(read, palette[indices])
