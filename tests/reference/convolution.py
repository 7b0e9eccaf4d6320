"""The truth of convolutions and dense layers, tap by tap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reference.arrays import (
    Array,
    Padding,
    Pair,
    channel_groups,
    crop,
    pad,
    padding_sides,
    real,
    taps,
)


def conv2d(
    x: npt.ArrayLike,
    weight: npt.ArrayLike,
    bias: npt.ArrayLike | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Array:
    x, weight = real(x), real(weight)
    kernel_height, kernel_width, _, out_channels = weight.shape
    kernel = (kernel_height, kernel_width)
    padded = pad(x, padding_sides(padding, x.shape[1:3], kernel, stride, dilation), 0.0)
    output: Array | float = 0.0
    for row, column, where in taps(padded.shape[1:3], kernel, stride, dilation):
        pixels = padded[where]
        output = output + np.concatenate(
            [
                pixels[..., inputs] @ weight[row, column, :, outputs]
                for inputs, outputs in channel_groups(x.shape[3], out_channels, groups)
            ],
            axis=-1,
        )
    return real(output) if bias is None else output + real(bias)


def conv2d_backward(
    grad_output: npt.ArrayLike,
    x: npt.ArrayLike,
    weight: npt.ArrayLike,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> tuple[Array, Array, Array]:
    grad_output, x, weight = real(grad_output), real(x), real(weight)
    kernel_height, kernel_width, _, out_channels = weight.shape
    kernel = (kernel_height, kernel_width)
    sides = padding_sides(padding, x.shape[1:3], kernel, stride, dilation)
    padded = pad(x, sides, 0.0)
    grad_padded, grad_weight = np.zeros_like(padded), np.zeros_like(weight)
    for row, column, where in taps(padded.shape[1:3], kernel, stride, dilation):
        for inputs, outputs in channel_groups(x.shape[3], out_channels, groups):
            grad = grad_output[..., outputs]
            pixels = padded[where][..., inputs]
            grad_padded[where][..., inputs] += grad @ weight[row, column, :, outputs].T
            grad_weight[row, column, :, outputs] = np.tensordot(pixels, grad, ([0, 1, 2],) * 2)
    return crop(grad_padded, sides), grad_weight, grad_output.sum(axis=(0, 1, 2))


def dense(x: npt.ArrayLike, weight: npt.ArrayLike, bias: npt.ArrayLike | None = None) -> Array:
    output = real(x) @ real(weight)
    return output if bias is None else output + real(bias)


def dense_backward(
    grad_output: npt.ArrayLike, x: npt.ArrayLike, weight: npt.ArrayLike
) -> tuple[Array, Array, Array]:
    grad_output = real(grad_output)
    return grad_output @ real(weight).T, real(x).T @ grad_output, grad_output.sum(axis=0)
