"""Reference padding, resampling and adaptive pooling: a matrix along each axis."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from reference.arrays import Array, Padding, Pair, pad, padding_sides, pair, real


def along_both(x: npt.ArrayLike, rows: Array, columns: Array) -> Array:
    return real(np.einsum("ip,jq,npqc->nijc", rows, columns, real(x)))


def bins(size: int, output: int) -> Array:
    """The weight of every input in every output, the mean of the inputs it covers."""
    matrix = np.zeros((output, size))
    for i in range(output):
        begin, end = i * size // output, -(-(i + 1) * size // output)
        matrix[i, begin:end] = 1.0 / (end - begin)
    return matrix


def adaptive_avg_pool2d(x: npt.ArrayLike, output_size: Pair) -> Array:
    height, width = pair(output_size)
    _, in_height, in_width, _ = np.shape(x)
    return along_both(x, bins(in_height, height), bins(in_width, width))


def adaptive_avg_pool2d_backward(
    grad_output: npt.ArrayLike, x: npt.ArrayLike, output_size: Pair
) -> Array:
    height, width = pair(output_size)
    _, in_height, in_width, _ = np.shape(x)
    return along_both(grad_output, bins(in_height, height).T, bins(in_width, width).T)


def global_avg_pool2d(x: npt.ArrayLike) -> Array:
    return real(real(x).mean(axis=(1, 2)))


def global_avg_pool2d_backward(grad_output: npt.ArrayLike, x: npt.ArrayLike) -> Array:
    _, height, width, _ = np.shape(x)
    share = real(grad_output)[:, np.newaxis, np.newaxis] / (height * width)
    return real(np.broadcast_to(share, np.shape(x)))


def zero_pad2d(x: npt.ArrayLike, padding: Padding) -> Array:
    return pad(real(x), padding_sides(padding, (1, 1), 1, 1), 0.0)


def zero_pad2d_backward(grad_output: npt.ArrayLike, x: npt.ArrayLike, padding: Padding) -> Array:
    (top, _), (left, _) = padding_sides(padding, (1, 1), 1, 1)
    _, height, width, _ = np.shape(x)
    return real(grad_output)[:, top : top + height, left : left + width]


def crop2d(x: npt.ArrayLike, cropping: Padding) -> Array:
    (top, bottom), (left, right) = padding_sides(cropping, (1, 1), 1, 1)
    _, height, width, _ = np.shape(x)
    return real(x)[:, top : height - bottom, left : width - right]


def crop2d_backward(grad_output: npt.ArrayLike, x: npt.ArrayLike, cropping: Padding) -> Array:
    return zero_pad2d(grad_output, cropping)


def mirrored(size: int, sides: tuple[int, int], mode: str) -> Array:
    """The weight of every input in every position of a padded axis."""
    places = np.pad(np.arange(size), sides, mode="reflect" if mode == "reflect" else "edge")
    return np.eye(size)[places]


def pad2d(x: npt.ArrayLike, padding: Padding, *, mode: str = "reflect") -> Array:
    sides = padding_sides(padding, (1, 1), 1, 1)
    _, height, width, _ = np.shape(x)
    return along_both(x, mirrored(height, sides[0], mode), mirrored(width, sides[1], mode))


def pad2d_backward(
    grad_output: npt.ArrayLike, x: npt.ArrayLike, padding: Padding, *, mode: str = "reflect"
) -> Array:
    sides = padding_sides(padding, (1, 1), 1, 1)
    _, height, width, _ = np.shape(x)
    return along_both(
        grad_output, mirrored(height, sides[0], mode).T, mirrored(width, sides[1], mode).T
    )


def resampling(size: int, output: int, mode: str, align_corners: bool) -> Array:
    """The weight of every input in every output."""
    matrix = np.zeros((output, size))
    for i in range(output):
        if mode == "nearest":
            matrix[i, i * size // output] = 1.0
            continue
        # Exact, because a place may be a whole number.
        place = Fraction((2 * i + 1) * size, 2 * output) - Fraction(1, 2)
        if align_corners:
            place = Fraction(i * (size - 1), output - 1) if output > 1 else Fraction(0)
        place = min(max(place, Fraction(0)), Fraction(size - 1))
        lower = int(place)
        matrix[i, lower] += 1 - (place - lower)
        matrix[i, min(lower + 1, size - 1)] += place - lower
    return matrix


def both_axes(
    x: npt.ArrayLike, scale_factor: Pair, size: Pair | None, mode: str, align_corners: bool
) -> tuple[Array, Array]:
    _, *sizes, _ = np.shape(x)
    factors = pair(scale_factor)
    outputs = [each * factor for each, factor in zip(sizes, factors, strict=True)]
    if size is not None:
        outputs = list(pair(size))
    rows, columns = (
        resampling(each, output, mode, align_corners)
        for each, output in zip(sizes, outputs, strict=True)
    )
    return rows, columns


def upsample2d(
    x: npt.ArrayLike,
    scale_factor: Pair = 1,
    *,
    size: Pair | None = None,
    mode: str = "nearest",
    align_corners: bool = False,
) -> Array:
    return along_both(x, *both_axes(x, scale_factor, size, mode, align_corners))


def upsample2d_backward(
    grad_output: npt.ArrayLike,
    x: npt.ArrayLike,
    scale_factor: Pair = 1,
    *,
    size: Pair | None = None,
    mode: str = "nearest",
    align_corners: bool = False,
) -> Array:
    rows, columns = both_axes(x, scale_factor, size, mode, align_corners)
    return along_both(grad_output, rows.T, columns.T)
