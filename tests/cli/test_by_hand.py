"""The by-hand example: the numbers in by-hand.png equal a calculation on paper."""

from __future__ import annotations

import numpy as np
import pytest
from cnnx import ops
from cnnx.cli import by_hand
from numpy.testing import assert_allclose, assert_array_equal

MOVES = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]


def ninths(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.float32) / 9


def test_x_has_two_strokes_from_corner_to_corner() -> None:
    x = by_hand.x_image()
    expected = np.full((9, 9), -1, dtype=np.float32)
    for k in range(1, 8):
        expected[k, k] = expected[k, 8 - k] = 1
    assert_array_equal(x, expected)


def test_falling_filter_finds_the_falling_stroke() -> None:
    """Dividing the filter by 9 (as the articles do) or the sum gives the same map."""
    x = by_hand.x_image()[np.newaxis, :, :, np.newaxis]
    falling = by_hand.filters()[..., :1]
    assert_array_equal(falling[..., 0, 0], [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    maps = ops.conv2d(x, falling / 9)[0, :, :, 0]
    assert maps.shape == (7, 7)
    assert_allclose(maps, by_hand.follow(by_hand.x_image()).maps[..., 0], atol=1e-6)
    # Along the stroke, except the crossing in the middle and the ends, whose corner lies outside.
    assert_allclose(np.diag(maps), ninths(7, 9, 9, 5, 9, 9, 7), atol=1e-6)
    assert_allclose(maps[0], ninths(7, -1, 1, 3, 5, -1, 3), atol=1e-6)
    assert {round(float(value) * 9) for value in maps.flat} == {9, 7, 5, 3, 1, -1, -3}


def test_relu_and_pooling_keep_the_stroke() -> None:
    steps = by_hand.follow(by_hand.x_image())
    assert_array_equal(steps.rectified, np.maximum(steps.maps, 0))
    assert steps.pooled.shape == (4, 4, 2)
    expected = [[9, 3, 5, 3], [3, 9, 3, 5], [5, 3, 9, 1], [3, 5, 1, 7]]
    assert_array_equal(steps.pooled[..., 0], np.array(expected, dtype=np.float32) / 9)
    assert [f"{value:.2f}" for value in steps.pooled[0, :, 0]] == ["1.00", "0.33", "0.56", "0.33"]


def test_rising_filter_responds_to_the_mirrored_image() -> None:
    steps = by_hand.follow(by_hand.x_image())
    assert_array_equal(steps.maps[..., 1], steps.maps[:, ::-1, 0])


def test_second_stack_finds_a_cup_above_a_roof_in_an_x_and_the_reverse_in_an_o() -> None:
    x = by_hand.follow(by_hand.x_image()).second_pooled
    o = by_hand.follow(by_hand.o_image()).second_pooled
    cup, roof, top, bottom = 0, 1, 0, 1
    for steps, above, below in ((x, cup, roof), (o, roof, cup)):
        assert steps[top, :, above].max() == 1
        assert steps[bottom, :, below].max() == 1
        assert steps[bottom, :, above].max() < 1
        assert steps[top, :, below].max() < 1


def test_list_is_the_second_stack_row_by_row() -> None:
    steps = by_hand.follow(by_hand.x_image())
    assert_array_equal(steps.votes_list, steps.second_pooled.reshape(-1))
    assert_allclose(steps.votes_list * 18, [18, 9, 12, 10, 9, 18, 9, 10], atol=1e-5)


@pytest.mark.parametrize(("down", "right"), MOVES)
def test_votes_are_correct_at_every_position(down: int, right: int) -> None:
    x = by_hand.follow(by_hand.moved(by_hand.x_image(), down, right))
    o = by_hand.follow(by_hand.moved(by_hand.o_image(), down, right))
    assert x.votes[0] > 0.1 > -0.1 > x.votes[1]
    assert o.votes[1] > 0.1 > -0.1 > o.votes[0]


@pytest.mark.parametrize(("down", "right"), MOVES)
def test_moving_the_image_moves_the_map_and_keeps_its_maximum(down: int, right: int) -> None:
    still = by_hand.follow(by_hand.x_image()).maps
    moved = by_hand.follow(by_hand.moved(by_hand.x_image(), down, right)).maps
    inner = slice(1, 6)
    there = moved[1 + down : 6 + down, 1 + right : 6 + right]
    assert_array_equal(there, still[inner, inner])
    assert moved.max() == still.max() == 1


def test_pixelwise_a_moved_x_matches_an_x_less_than_an_o_does() -> None:
    x = by_hand.x_image()
    wrong = by_hand.mismatches(x, by_hand.moved(x, 0, 1))
    assert wrong.sum() == 26
    assert by_hand.mismatches(x, by_hand.o_image()).sum() == 21
    assert_array_equal((x + by_hand.moved(x, 0, 1))[~wrong], 2 * x[~wrong])
