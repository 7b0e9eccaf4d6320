"""Reference padding, enlarging and adaptive pooling: a matrix along each axis."""

from __future__ import annotations

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


def enlargement(size: int, scale: int, mode: str) -> Array:
    """The weight of every input in every output."""
    if mode == "nearest":
        return np.repeat(np.eye(size), scale, axis=0)
    matrix = np.zeros((size * scale, size))
    for i in range(size * scale):
        place = min(max((i + 0.5) / scale - 0.5, 0.0), size - 1.0)
        lower = int(place)
        matrix[i, lower] += 1.0 - (place - lower)
        matrix[i, min(lower + 1, size - 1)] += place - lower
    return matrix


def upsample2d(x: npt.ArrayLike, scale_factor: Pair, *, mode: str = "nearest") -> Array:
    down, right = pair(scale_factor)
    _, height, width, _ = np.shape(x)
    return along_both(x, enlargement(height, down, mode), enlargement(width, right, mode))


def upsample2d_backward(
    grad_output: npt.ArrayLike, x: npt.ArrayLike, scale_factor: Pair, *, mode: str = "nearest"
) -> Array:
    down, right = pair(scale_factor)
    _, height, width, _ = np.shape(x)
    return along_both(
        grad_output, enlargement(height, down, mode).T, enlargement(width, right, mode).T
    )
