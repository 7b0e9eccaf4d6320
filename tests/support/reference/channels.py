"""Reference of the ops that move channels: array expressions and their inverses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reference.arrays import Array, real


def channel_shuffle(x: npt.ArrayLike, groups: int) -> Array:
    x = real(x)
    grouped = x.reshape(*x.shape[:-1], groups, x.shape[-1] // groups)
    return real(grouped.swapaxes(-1, -2).reshape(x.shape))


def channel_shuffle_backward(grad_output: npt.ArrayLike, x: npt.ArrayLike, groups: int) -> Array:
    return channel_shuffle(grad_output, np.shape(x)[-1] // groups)


def slice_channels(x: npt.ArrayLike, start: int, stop: int) -> Array:
    return real(x)[..., start:stop]


def slice_channels_backward(
    grad_output: npt.ArrayLike, x: npt.ArrayLike, start: int, stop: int
) -> Array:
    gradient = np.zeros_like(real(x))
    gradient[..., start:stop] = grad_output
    return gradient


def input_part(x: npt.ArrayLike, offset: int, size: tuple[int, int], channels: int) -> Array:
    height, width = size
    flat = real(x).reshape(len(np.asarray(x)), -1)
    part = flat[:, offset : offset + height * width * channels]
    return part.reshape(-1, height, width, channels)


def input_part_backward(
    grad_output: npt.ArrayLike,
    x: npt.ArrayLike,
    offset: int,
    size: tuple[int, int],
    channels: int,
) -> Array:
    gradient = np.zeros_like(real(x))
    part = real(grad_output).reshape(len(gradient), -1)
    gradient.reshape(len(gradient), -1)[:, offset : offset + part.shape[1]] = part
    return gradient


def depth_to_space(x: npt.ArrayLike, block_size: int, *, mode: str = "DCR") -> Array:
    batch, height, width, channels = np.shape(x)
    b, c = block_size, channels // block_size**2
    # Axes: batch, height, width, and row u, column v and channel c of the block.
    if mode == "DCR":
        blocks = real(x).reshape(batch, height, width, b, b, c)
    else:
        blocks = np.moveaxis(real(x).reshape(batch, height, width, c, b, b), 3, -1)
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height * b, width * b, c)


def space_to_depth(x: npt.ArrayLike, block_size: int, *, mode: str = "DCR") -> Array:
    batch, height, width, c = np.shape(x)
    b, h, w = block_size, height // block_size, width // block_size
    blocks = real(x).reshape(batch, h, b, w, b, c).transpose(0, 1, 3, 2, 4, 5)
    if mode == "CRD":
        blocks = np.moveaxis(blocks, -1, 3)
    return blocks.reshape(batch, h, w, b * b * c)


def depth_to_space_backward(
    grad_output: npt.ArrayLike, x: npt.ArrayLike, block_size: int, *, mode: str = "DCR"
) -> Array:
    return space_to_depth(grad_output, block_size, mode=mode)


def space_to_depth_backward(
    grad_output: npt.ArrayLike, x: npt.ArrayLike, block_size: int, *, mode: str = "DCR"
) -> Array:
    return depth_to_space(grad_output, block_size, mode=mode)


def parameter(x: npt.ArrayLike, weight: npt.ArrayLike) -> Array:
    """The weight, once for every image."""
    return np.stack([real(weight)] * len(real(x)))


def parameter_backward(
    grad_output: npt.ArrayLike, x: npt.ArrayLike, _weight: npt.ArrayLike | None = None
) -> tuple[Array, Array]:
    """Gradients of the input, which are zero, and of the weight."""
    return np.zeros_like(real(x)), real(grad_output).sum(axis=0)
