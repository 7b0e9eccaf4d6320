"""Arrays in float64, and how windows lie on padded images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Pair: TypeAlias = "int | tuple[int, int]"
Padding: TypeAlias = "int | str | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]]"
Sides: TypeAlias = "tuple[tuple[int, int], tuple[int, int]]"


def real(array: npt.ArrayLike) -> Array:
    return np.asarray(array, dtype=np.float64)


def pair(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def padding_sides(
    padding: Padding, size: tuple[int, int], kernel: Pair, stride: Pair, dilation: Pair = 1
) -> Sides:
    """((top, bottom), (left, right)) for every form that padding may take."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        return (
            same_sides(size[0], pair(kernel)[0], pair(stride)[0], pair(dilation)[0]),
            same_sides(size[1], pair(kernel)[1], pair(stride)[1], pair(dilation)[1]),
        )
    if isinstance(padding, int):
        return (padding, padding), (padding, padding)
    assert not isinstance(padding, str), padding
    height, width = padding
    return (
        (height, height) if isinstance(height, int) else height,
        (width, width) if isinstance(width, int) else width,
    )


def same_sides(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    output = -(-size // stride)
    total = max((output - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def pad(x: Array, sides: Sides, value: float) -> Array:
    return np.pad(x, ((0, 0), *sides, (0, 0)), constant_values=value)


def crop(padded: Array, sides: Sides) -> Array:
    (top, bottom), (left, right) = sides
    return padded[:, top : padded.shape[1] - bottom, left : padded.shape[2] - right, :]


def taps(
    padded_size: tuple[int, int], kernel: Pair, stride: Pair, dilation: Pair = 1
) -> Iterator[tuple[int, int, tuple[slice, slice, slice]]]:
    """Per kernel position in row-major order, the padded pixels under it, one per output."""
    steps: list[list[slice]] = []
    for axis in range(2):
        kernel_size, step, gap = pair(kernel)[axis], pair(stride)[axis], pair(dilation)[axis]
        outputs = (padded_size[axis] - (kernel_size - 1) * gap - 1) // step + 1
        last = (outputs - 1) * step + 1
        steps.append([slice(tap * gap, tap * gap + last, step) for tap in range(kernel_size)])
    for row, vertical in enumerate(steps[0]):
        for column, horizontal in enumerate(steps[1]):
            yield row, column, (slice(None), vertical, horizontal)


def channel_groups(
    in_channels: int, out_channels: int, groups: int
) -> Iterator[tuple[slice, slice]]:
    inputs, outputs = in_channels // groups, out_channels // groups
    for group in range(groups):
        yield (
            slice(group * inputs, (group + 1) * inputs),
            slice(group * outputs, (group + 1) * outputs),
        )
