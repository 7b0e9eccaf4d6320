"""Winograd's method with every tile, independent of the choice by shape."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
import reference
import winograd
from cnnx import _core, ops
from comparison import (
    assert_exactly_equal,
    assert_same_bits,
    assert_threads_do_not_matter,
    assert_within_bound,
)
from samples import Float32Array, gaussians, small_integers
from winograd import Tile

pytestmark = pytest.mark.parity

DIRECTIONS = ("forward", "input_gradient", "weight_gradient")


class Case(NamedTuple):
    """A batch of images, the output channels, and the padding (top, bottom, left, right)."""

    x: tuple[int, int, int, int]
    out_channels: int
    padding: tuple[int, int, int, int] = (1, 1, 1, 1)
    groups: int = 1
    kernel: int = 3
    stride: int = 1
    dilation: int = 1

    def with_tile(self, tile: Tile) -> Case:
        """The case with a tile's kernel, padded to as many windows, and stride."""
        dilation = self.dilation if tile.stride == 1 else 1
        reach = (tile.taps - 1) * dilation - (self.kernel - 1) * self.dilation
        more = max(reach // 2, 0)
        top, bottom, left, right = (side + more for side in self.padding)
        return self._replace(
            kernel=tile.taps,
            padding=(top, bottom, left, right),
            groups=1 if tile.taps == 7 or tile.stride == 2 else self.groups,
            stride=tile.stride,
            dilation=dilation,
        )

    @property
    def settings(self) -> dict[str, Any]:
        top, bottom, left, right = self.padding
        padding = ((top, bottom), (left, right))
        return {
            "padding": padding,
            "groups": self.groups,
            "stride": self.stride,
            "dilation": self.dilation,
        }

    def arrays(
        self, sample: Callable[..., Float32Array], rng: np.random.Generator
    ) -> tuple[Float32Array, Float32Array, Float32Array, Float32Array]:
        """x, weight, bias, grad_output."""
        top, bottom, left, right = self.padding
        batch, height, width, channels = self.x
        rows, columns = (
            (size - (self.kernel - 1) * self.dilation - 1) // self.stride + 1
            for size in (height + top + bottom, width + left + right)
        )
        output = (batch, rows, columns, self.out_channels)
        weight = sample(rng, self.kernel, self.kernel, channels // self.groups, self.out_channels)
        return sample(rng, *self.x), weight, sample(rng, self.out_channels), sample(rng, *output)

    def compute(
        self,
        direction: str,
        method: str,
        x: Float32Array,
        weight: Float32Array,
        bias: Float32Array,
        grad_output: Float32Array,
    ) -> Float32Array:
        like = {"forward": grad_output, "input_gradient": x, "weight_gradient": weight}[direction]
        result = np.full_like(like, np.nan)
        arrays = (x, weight, bias, grad_output, result)
        settings = ([self.stride] * 2, list(self.padding), [self.dilation] * 2, self.groups)
        _core.repeat_conv2d(direction, *arrays, *settings, method, 1)
        return result


CASES = {
    "16 channels": Case((2, 8, 8, 16), 16),
    "one tile": Case((1, 4, 4, 16), 16),
    "less than a tile": Case((3, 2, 1, 17), 16),
    "one output": Case((2, 3, 3, 20), 24, (0, 0, 0, 0)),
    "20 to 24 channels": Case((3, 7, 9, 20), 24),
    "24 to 20 channels, valid": Case((1, 13, 6, 24), 20, (0, 0, 0, 0)),
    "40 to 72 channels": Case((2, 6, 10, 40), 72),
    "8 to 33 channels": Case((1, 9, 10, 8), 33),
    "33 to 9 channels": Case((1, 10, 11, 33), 9),
    "3 groups of 16 to 32": Case((2, 9, 7, 48), 96, groups=3),
    "2 groups of 48 to 16": Case((1, 6, 13, 96), 32, (2, 0, 1, 1), 2),
    "padding 2": Case((2, 5, 6, 16), 18, (2, 2, 2, 2)),
    "padding beyond the kernel": Case((1, 3, 4, 16), 16, (4, 5, 3, 6)),
    "four different sides": Case((2, 7, 8, 16), 20, (2, 1, 0, 3)),
    "several blocks of tiles": Case((1, 50, 61, 16), 17),
    "several chunks": Case((70, 9, 8, 16), 16),
    "large batch": Case((67, 5, 6, 18), 16, (0, 1, 1, 0)),
    "130 to 128 channels": Case((2, 14, 9, 130), 128),
    "dilation 2": Case((2, 14, 13, 18), 24, (2, 2, 2, 2), dilation=2),
    "dilation 3, groups": Case((1, 19, 11, 32), 64, (1, 4, 3, 2), 2, dilation=3),
    "dilation 4, valid": Case((3, 22, 10, 17), 16, (0, 0, 0, 0), dilation=4),
    "dilation beyond the map": Case((2, 7, 5, 16), 20, (9, 9, 9, 9), dilation=9),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
every_tile = pytest.mark.parametrize("tile", winograd.TILES, ids=str)


@every_case
@every_tile
def test_within_bound(case: Case, tile: Tile, rng: np.random.Generator) -> None:
    case = case.with_tile(tile)
    x, weight, bias, grad_output = arrays = case.arrays(gaussians, rng)
    x_size, weight_size, bias_size, grad_size = (abs(array) for array in arrays)
    assert_within_bound(
        case.compute("forward", tile.method, *arrays),
        reference.conv2d(x, weight, bias, **case.settings),
        terms=weight[..., 0].size + 1,
        magnitude=reference.conv2d(x_size, weight_size, bias_size, **case.settings),
        amplification=winograd.FORWARD_AMPLIFICATION[tile],
    )
    expected = reference.conv2d_backward(grad_output, x, weight, **case.settings)
    magnitudes = reference.conv2d_backward(grad_size, x_size, weight_size, **case.settings)
    terms = (weight[:, :, 0].size, grad_output[..., 0].size)
    for i, direction in enumerate(("input_gradient", "weight_gradient")):
        assert_within_bound(
            case.compute(direction, tile.method, *arrays),
            expected[i],
            terms=terms[i],
            magnitude=magnitudes[i],
            amplification=winograd.BACKWARD_AMPLIFICATIONS[tile][i],
        )


@every_case
def test_tiles_of_2x2_are_exact_on_small_integers(case: Case, rng: np.random.Generator) -> None:
    x, weight, bias, grad_output = arrays = case.arrays(small_integers, rng)
    grad_input, grad_weight, _ = reference.conv2d_backward(grad_output, x, weight, **case.settings)
    expected = (reference.conv2d(x, weight, bias, **case.settings), grad_input, grad_weight)
    for direction, exact in zip(DIRECTIONS, expected, strict=True):
        assert_exactly_equal(case.compute(direction, "winograd2x2", *arrays), exact)


@pytest.mark.usefixtures("restore_threads")
@every_case
@every_tile
def test_threads_do_not_matter(case: Case, tile: Tile, rng: np.random.Generator) -> None:
    case = case.with_tile(tile)
    arrays = case.arrays(gaussians, rng)
    for direction in DIRECTIONS:
        compute = partial(case.compute, direction, tile.method)
        assert_threads_do_not_matter(compute, *arrays)


@every_tile
def test_an_image_gives_the_same_bits_alone_and_in_any_batch(
    tile: Tile, rng: np.random.Generator
) -> None:
    case = Case((65, 7, 9, 20), 18).with_tile(tile)
    x, weight, bias, grad_output = case.arrays(gaussians, rng)
    for direction in ("forward", "input_gradient"):
        compute = partial(case.compute, direction, tile.method)
        whole = compute(x, weight, bias, grad_output)
        for part in (np.s_[:1], np.s_[:7], np.s_[64:], np.s_[31:48]):
            found = compute(x[part], weight, bias, grad_output[part])
            np.testing.assert_array_equal(found, whole[part])


def reach(tile: Tile, pixel: int) -> slice:
    """Along an axis, the outputs of all tiles that read a pixel; the padding keeps the size."""
    # The parts of a 7x7 kernel read as if it were 8x8.
    side = tile.outputs + (8 if tile.taps == 7 else tile.taps) - 1
    first_read = [start - tile.taps // 2 for start in range(0, 12, tile.outputs)]
    reading = [i for i, first in enumerate(first_read) if 0 <= pixel - first < side]
    return slice(reading[0] * tile.outputs, (reading[-1] + 1) * tile.outputs)


@pytest.mark.parametrize("tile", [tile for tile in winograd.TILES if tile.stride == 1], ids=str)
def test_nan_and_infinity_stay_in_their_tiles(tile: Tile, rng: np.random.Generator) -> None:
    case = Case((2, 12, 12, 16), 17).with_tile(tile)
    rows, columns = reach(tile, 5), reach(tile, 6)
    reading = tile.taps // 2
    arrays = case.arrays(gaussians, rng)
    for bad in (np.nan, np.inf):
        x, weight, bias, grad_output = (array.copy() for array in arrays)
        x[0, 5, 6, 3] = grad_output[0, 5, 6, 3] = bad
        output = case.compute("forward", tile.method, x, weight, bias, grad_output)
        grad_input = case.compute("input_gradient", tile.method, x, weight, bias, grad_output)
        for found in (output, grad_input):
            near = found[0, 5 - reading : 6 + reading, 6 - reading : 7 + reading]
            assert not np.isfinite(near).any()
            assert np.isfinite(found[1]).all()
            assert np.isfinite(np.delete(found[0], rows, axis=0)).all()
            assert np.isfinite(np.delete(found[0], columns, axis=1)).all()
        grad_weight = case.compute(
            "weight_gradient", tile.method, arrays[0], weight, bias, grad_output
        )
        assert np.isfinite(np.delete(grad_weight, 3, axis=3)).all()


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_nan_stays_in_its_tile_of_stride_2(kernel: int, rng: np.random.Generator) -> None:
    tile = Tile(4, kernel, stride=2)
    case = Case((2, 24, 24, 16), 17).with_tile(tile)
    x, *others = case.arrays(gaussians, rng)
    x[0, 12, 12, 3] = np.nan  # in the windows of the second tile alone
    output = case.compute("forward", tile.method, x, *others)
    assert np.isnan(output[0, 6, 6]).all()
    assert np.isfinite(output[1]).all()
    assert np.isfinite(np.delete(output[0], np.s_[4:8], axis=0)).all()
    assert np.isfinite(np.delete(output[0], np.s_[4:8], axis=1)).all()


class Choice(NamedTuple):
    """A shape, and the method that each direction uses."""

    case: Case
    forward: str
    input_gradient: str
    weight_gradient: str


CHOICES = {
    "whole tiles": Choice(Case((1, 8, 8, 16), 16), *["winograd4x4"] * 3),
    "7 channels in": Choice(Case((1, 8, 8, 7), 64), *["direct"] * 3),
    "7 channels out": Choice(Case((1, 8, 8, 64), 7), *["direct"] * 3),
    "8 channels both ways": Choice(Case((1, 8, 8, 8), 8), *["winograd4x4"] * 3),
    "2 groups of 16 channels": Choice(Case((1, 8, 8, 32), 32, groups=2), *["winograd4x4"] * 3),
    "half of the 4x4 tiles wasted": Choice(Case((1, 6, 6, 16), 16), *["winograd2x2"] * 3),
    "too little for tiles": Choice(Case((1, 2, 2, 16), 16), *["direct"] * 3),
    "one 4x4 tile": Choice(Case((1, 4, 4, 32), 32), "winograd2x2", *["winograd4x4"] * 2),
    "many weights, four tiles": Choice(
        Case((1, 7, 7, 128), 128), "winograd2x2", *["winograd4x4"] * 2
    ),
    "5x5": Choice(Case((1, 8, 8, 20), 50, kernel=5, padding=(2, 2, 2, 2)), *["winograd2x2"] * 3),
    "7x7": Choice(Case((1, 12, 12, 32), 32, kernel=7, padding=(3, 3, 3, 3)), *["winograd4x4"] * 3),
    "7x7, many channels": Choice(
        Case((1, 14, 14, 128), 64, (3, 3, 3, 3), kernel=7), *["winograd4x4"] * 3
    ),
    "7x7, too many weights for four tiles": Choice(
        Case((1, 7, 7, 128), 128, (3, 3, 3, 3), kernel=7), "winograd4x4", *["direct"] * 2
    ),
    "7x7, too many weights": Choice(
        Case((1, 7, 7, 192), 160, (3, 3, 3, 3), kernel=7), *["direct"] * 3
    ),
    "5x5, the input gradient's map is larger": Choice(
        Case((1, 8, 8, 16), 16, kernel=5, padding=(0, 0, 0, 0)),
        "winograd2x2",
        "direct",
        "winograd2x2",
    ),
    "5x5, mostly padding": Choice(
        Case((1, 3, 3, 16), 16, kernel=5, padding=(2, 2, 2, 2)), *["direct"] * 3
    ),
    "stride 2": Choice(Case((1, 16, 16, 32), 64, stride=2), "winograd4x4", "direct", "winograd4x4"),
    "stride 2, 5x5": Choice(
        Case((1, 28, 28, 32), 64, (2, 2, 2, 2), kernel=5, stride=2),
        "winograd4x4",
        "direct",
        "winograd4x4",
    ),
    "stride 2, 7x7, three channels": Choice(
        Case((1, 32, 32, 3), 32, (3, 3, 3, 3), kernel=7, stride=2),
        "winograd4x4",
        "direct",
        "winograd4x4",
    ),
    "stride 2, 5x5, three channels": Choice(
        Case((1, 32, 32, 3), 16, (2, 2, 2, 2), kernel=5, stride=2), *["direct"] * 3
    ),
    "stride 2, half of the tiles wasted": Choice(
        Case((1, 9, 9, 32), 64, stride=2), *["direct"] * 3
    ),
    "stride 2, too many weights": Choice(Case((1, 28, 28, 128), 256, stride=2), *["direct"] * 3),
    "stride 2, 5x5, long chains round too much": Choice(
        Case((1, 28, 28, 73), 32, (2, 2, 2, 2), kernel=5, stride=2),
        "direct",
        "direct",
        "winograd4x4",
    ),
    "dilation": Choice(Case((1, 28, 28, 32), 32, (2, 2, 2, 2), dilation=2), *["winograd4x4"] * 3),
    "dilation, half of the 4x4 tiles wasted": Choice(
        Case((1, 12, 12, 16), 16, (2, 2, 2, 2), dilation=2), *["winograd2x2"] * 3
    ),
    "dilation, mostly padding": Choice(
        Case((1, 14, 14, 32), 32, (12, 12, 12, 12), dilation=12), *["direct"] * 3
    ),
    "the input gradient's map is larger": Choice(
        Case((1, 6, 6, 32), 32, (0, 0, 0, 0)), "winograd2x2", "winograd2x2", "winograd4x4"
    ),
}


@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)
def test_the_shapes_of_one_image_choose(choice: Choice, rng: np.random.Generator) -> None:
    for batch in (1, 33):
        case = choice.case._replace(x=(batch, *choice.case.x[1:]))
        arrays = case.arrays(gaussians, rng)
        for direction, method in zip(DIRECTIONS, choice[1:], strict=True):
            chosen = case.compute(direction, "chosen", *arrays)
            assert_same_bits(chosen, case.compute(direction, method, *arrays))
            tiles = {
                tile.method
                for tile in winograd.TILES
                if (tile.taps, tile.stride) == (case.kernel, case.stride)
                and not (tile.stride == 2 and direction == "input_gradient")
            }
            others = {"direct", *tiles} - {method}
            for other in others:
                assert (chosen != case.compute(direction, other, *arrays)).any()


def test_the_public_functions_follow_the_choice(rng: np.random.Generator) -> None:
    case = CASES["20 to 24 channels"]
    x, weight, bias, grad_output = arrays = case.arrays(gaussians, rng)
    output = ops.conv2d(x, weight, bias, padding=1)
    assert_same_bits(output, case.compute("forward", "chosen", *arrays))
    gradients = ops.conv2d_backward(grad_output, x, weight, padding=1)
    for found, direction in zip(gradients[:2], DIRECTIONS[1:], strict=True):
        assert_same_bits(found, case.compute(direction, "chosen", *arrays))


def test_an_unknown_method_is_refused(rng: np.random.Generator) -> None:
    case = CASES["16 channels"]
    with pytest.raises(
        ValueError,
        match=r'^repeat_conv2d: method is "fft", expected chosen, direct, winograd2x2 or ',
    ):
        case.compute("forward", "fft", *case.arrays(gaussians, rng))
