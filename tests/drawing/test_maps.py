"""Maps of numbers as small images and grids: colours, sizes, frames, digits."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import numpy as np
import pytest
from cnnx.drawing.colours import NEGATIVE, POSITIVE, rgb
from cnnx.drawing.maps import (
    decimals_of,
    framed_image,
    map_image,
    number,
    number_grid,
    strip_image,
)
from PIL import Image


def pixels_of(markup: str) -> Any:
    data = markup.split("base64,")[1].split('"')[0]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def test_the_strongest_colours_are_those_of_the_signs_and_zero_is_white() -> None:
    drawn = pixels_of(map_image(np.array([[2.0, 0.0, -2.0]]), "a", strongest=2, width=30))
    np.testing.assert_array_equal(drawn[0], [rgb(POSITIVE), [255, 255, 255], rgb(NEGATIVE)])
    weaker = pixels_of(map_image(np.array([[2.0, 0.0, -2.0]]), "a", strongest=8, width=30))
    assert (weaker[0, 0] > drawn[0, 0]).all()


def test_large_maps_are_drawn_by_the_means_of_blocks() -> None:
    values = np.zeros((61, 45))
    values[0, :2] = 4  # the mean of a block of four is 2
    written = map_image(values, "a map", strongest=2, width=60, marked=True)
    drawn = pixels_of(written)
    assert drawn.shape == (31, 23, 3)
    assert drawn[0, 0].tolist() == rgb(POSITIVE).tolist()
    assert (drawn[1:] == 255).all()
    assert 'width="44" height="60"' in written
    assert 'class="marked map"' in written


def test_a_list_is_cut_into_rows() -> None:
    drawn = pixels_of(strip_image(np.array([1.0, 0, 0, 0, 1]), "list", columns=3, width=300))
    assert drawn.shape == (4, 3, 3)
    orange = (drawn == rgb(POSITIVE)).all(axis=2)
    assert np.argwhere(orange[::2]).tolist() == [[0, 0], [1, 1]]
    assert pixels_of(strip_image(np.ones(3), "list", columns=3, width=300)).shape == (3, 3, 3)


def test_cells_have_numbers_colours_and_marks() -> None:
    outside = np.array([[True, False]])
    written = number_grid(np.array([[0.0, -0.5]]), "a < b", outside=outside, marked=~outside)
    cells = re.findall(r"<td[^>]*>[^<]*</td>", written)
    assert cells[0] == '<td class="outside" style="background-color:#ffffff">0.000</td>'
    assert cells[1] == f'<td class="marked" style="background-color:{NEGATIVE}">-0.500</td>'
    assert "<figcaption>a &lt; b</figcaption>" in written


def test_a_frame_may_exceed_the_map() -> None:
    written = framed_image(np.ones((10, 20)), (-2, 17, 5, 4), "window", width=100)
    assert 'x="17" y="-2" width="4" height="5"' in written
    assert 'viewBox="-2.5 -2.5 25.0 15.0" width="125"' in written


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        ([123.4, 1], 0),
        ([1234], 0),
        ([12.3, -9], 1),
        ([-1.23], 2),
        ([0.1], 3),
        ([0], 2),
        ([1e-9], 6),
    ],
)
def test_three_digits_of_the_largest_are_shown(values: list[float], decimals: int) -> None:
    assert decimals_of(values) == decimals


def test_numbers() -> None:
    assert [number(value, 2) for value in (1.005, -0.001, 12, -3.456)] == [
        *("1.00", "0.00", "12.00", "-3.46")
    ]
