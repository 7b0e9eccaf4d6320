"""Reference convolutions and dense layers, tap by tap."""

from __future__ import annotations

from collections.abc import Iterator

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
    pair,
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


def conv_transpose2d(
    x: npt.ArrayLike,
    weight: npt.ArrayLike,
    bias: npt.ArrayLike | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    output_padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Array:
    """Every pixel adds its multiple of the kernel to a canvas, from which the output is cut."""
    x, weight = real(x), real(weight)
    canvas = Canvas(x.shape, weight.shape, stride, padding, output_padding, dilation)
    out_channels = weight.shape[2] * groups
    pixels = canvas.empty(out_channels)
    for row, column, where in canvas.taps():
        for inputs, outputs in channel_groups(x.shape[3], out_channels, groups):
            pixels[where][..., outputs] += x[..., inputs] @ weight[row, column, :, inputs].T
    output = pixels[canvas.inside]
    return output if bias is None else output + real(bias)


def conv_transpose2d_backward(
    grad_output: npt.ArrayLike,
    x: npt.ArrayLike,
    weight: npt.ArrayLike,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    output_padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> tuple[Array, Array, Array]:
    grad_output, x, weight = real(grad_output), real(x), real(weight)
    canvas = Canvas(x.shape, weight.shape, stride, padding, output_padding, dilation)
    out_channels = weight.shape[2] * groups
    pixels = canvas.empty(out_channels)
    pixels[canvas.inside] = grad_output
    grad_input, grad_weight = np.zeros_like(x), np.zeros_like(weight)
    for row, column, where in canvas.taps():
        for inputs, outputs in channel_groups(x.shape[3], out_channels, groups):
            grad = pixels[where][..., outputs]
            grad_input[..., inputs] += grad @ weight[row, column, :, inputs]
            grad_weight[row, column, :, inputs] = np.tensordot(
                grad, x[..., inputs], ([0, 1, 2],) * 2
            )
    return grad_input, grad_weight, grad_output.sum(axis=(0, 1, 2))


class Canvas:
    """All pixels that a transposed convolution writes, and the output region among them."""

    def __init__(
        self,
        x: tuple[int, ...],
        weight: tuple[int, ...],
        stride: Pair,
        padding: Padding,
        output_padding: Pair,
        dilation: Pair,
    ) -> None:
        self.x, self.kernel = x, weight[:2]
        self.stride, self.dilation = pair(stride), pair(dilation)
        self.size: list[int] = []
        inside = [slice(None)]
        for axis in range(2):
            step, more = self.stride[axis], pair(output_padding)[axis]
            reached = (x[axis + 1] - 1) * step + (self.kernel[axis] - 1) * self.dilation[axis] + 1
            if padding == "same":
                output = x[axis + 1] * step
                first = max(reached - output, 0) // 2
            else:
                before, after = padding_sides(padding, (0, 0), 1, 1)[axis]
                output, first = reached + more - before - after, before
            inside.append(slice(first, first + output))
            self.size.append(max(reached, first + output))
        self.inside = tuple(inside)

    def empty(self, channels: int) -> Array:
        return np.zeros((self.x[0], *self.size, channels))

    def taps(self) -> Iterator[tuple[int, int, tuple[slice, slice, slice]]]:
        """Per kernel position the pixels that it writes, one per pixel of x."""
        for row, column in np.ndindex(*self.kernel):
            top, left = row * self.dilation[0], column * self.dilation[1]
            bottom = top + (self.x[1] - 1) * self.stride[0] + 1
            right = left + (self.x[2] - 1) * self.stride[1] + 1
            yield (
                row,
                column,
                (
                    slice(None),
                    slice(top, bottom, self.stride[0]),
                    slice(left, right, self.stride[1]),
                ),
            )
