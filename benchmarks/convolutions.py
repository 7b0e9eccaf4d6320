"""The convolutions that benchmarks time, by class, and the data that every library receives."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from benchmarks.network_description import FloatArray

DIRECTIONS = ("forward", "input_gradient", "weight_gradient")
# Multiply-adds per call, by which the batch size is chosen: a few milliseconds on a few cores.
CALL_SECONDS, OPERATIONS_PER_SECOND, BYTES_PER_SECOND = 0.004, 200e9, 10e9
MOST_IMAGES = 64
# The number of output elements by which libraries are compared.
CHECKED = 64
LINE_FLOATS = 16  # of a cache line


class Shape(NamedTuple):
    """A square convolution of square images."""

    size: int
    in_channels: int
    out_channels: int
    kernel_size: int = 3
    stride: int = 1
    padding: int = 1
    groups: int = 1
    dilation: int = 1

    def __str__(self) -> str:
        text = f"{self.size}x{self.size} {self.in_channels}->{self.out_channels}"
        text += f" {self.kernel_size}x{self.kernel_size}"
        text += f" stride {self.stride}" if self.stride > 1 else ""
        text += f" groups {self.groups}" if self.groups > 1 else ""
        text += f" dilation {self.dilation}" if self.dilation > 1 else ""
        return text + (" valid" if self.kernel_size > 1 and self.padding == 0 else "")

    @property
    def out_size(self) -> int:
        """Height and width of the result."""
        reach = (self.kernel_size - 1) * self.dilation + 1
        return (self.size + 2 * self.padding - reach) // self.stride + 1

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """(kernel_height, kernel_width, in_channels / groups, out_channels)."""
        kernel = self.kernel_size
        return kernel, kernel, self.in_channels // self.groups, self.out_channels

    @property
    def batch(self) -> int:
        """A power of two."""
        outputs = self.out_size**2 * self.out_channels
        operations = 2 * outputs * int(np.prod(self.weight_shape[:3]))
        moved = 4 * (outputs + self.size**2 * self.in_channels)
        seconds = max(operations / OPERATIONS_PER_SECOND, moved / BYTES_PER_SECOND)
        images = min(MOST_IMAGES, max(1, int(CALL_SECONDS / seconds)))
        return 1 << (images.bit_length() - 1)


def square(size: int, in_channels: int, out_channels: int, kernel_size: int, **more: int) -> Shape:
    """Padding that preserves the size at stride 1."""
    return Shape(size, in_channels, out_channels, kernel_size, padding=kernel_size // 2, **more)


def dilated(size: int, in_channels: int, out_channels: int, dilation: int) -> Shape:
    """A kernel of 3x3 with padding that preserves the size."""
    return Shape(size, in_channels, out_channels, padding=dilation, dilation=dilation)


def depthwise(size: int, channels: int, kernel_size: int = 3, stride: int = 1) -> Shape:
    """One group per channel."""
    return square(size, channels, channels, kernel_size, stride=stride, groups=channels)


CLASSES = {
    "3x3": (
        *(Shape(56, 16, 16), Shape(56, 32, 32), Shape(56, 32, 64), Shape(56, 64, 64)),
        *(Shape(32, 16, 16), Shape(32, 32, 32), Shape(32, 64, 32), Shape(28, 32, 64, padding=0)),
        *(Shape(28, 16, 32), Shape(28, 32, 32), Shape(28, 64, 64), Shape(28, 64, 128)),
        *(Shape(28, 128, 64), Shape(28, 128, 128), Shape(16, 32, 32), Shape(16, 64, 64)),
        *(Shape(14, 64, 64), Shape(14, 128, 128), Shape(14, 128, 256), Shape(14, 256, 256)),
        *(Shape(14, 512, 512), Shape(13, 192, 384), Shape(8, 64, 64), Shape(8, 128, 128)),
        *(Shape(7, 128, 128), Shape(7, 256, 256), Shape(7, 512, 256), Shape(7, 512, 512)),
    ),
    "1x1": (
        *(square(56, 64, 64, 1), square(56, 64, 256, 1), square(56, 256, 64, 1)),
        *(square(48, 16, 32, 1), square(28, 128, 512, 1), square(28, 512, 128, 1)),
        *(square(24, 32, 64, 1), square(14, 256, 1024, 1), square(14, 1024, 256, 1)),
        *(square(12, 128, 128, 1), square(7, 512, 512, 1), square(7, 512, 2048, 1)),
    ),
    "5x5 and 7x7": (
        *(square(28, 1, 6, 5), Shape(14, 6, 16, 5, padding=0), square(32, 32, 32, 5)),
        *(square(28, 16, 32, 5), square(14, 64, 64, 5), square(56, 16, 16, 7)),
        *(square(28, 32, 32, 7), square(14, 64, 64, 7)),
    ),
    "stride 2": (
        *(Shape(32, 16, 32, stride=2), Shape(16, 32, 64, stride=2), Shape(56, 64, 128, stride=2)),
        *(Shape(28, 128, 256, stride=2), Shape(14, 256, 512, stride=2)),
        *(square(56, 64, 128, 1, stride=2), square(28, 256, 512, 1, stride=2)),
        *(square(28, 32, 64, 5, stride=2), square(112, 3, 64, 7, stride=2)),
        *(Shape(96, 3, 16, stride=2), Shape(112, 3, 32, stride=2)),
    ),
    "groups": (
        *(
            Shape(56, 64, 64, groups=4),
            Shape(28, 64, 128, groups=2),
            Shape(28, 128, 128, groups=32),
        ),
        *(Shape(14, 256, 256, groups=8), Shape(14, 256, 256, groups=32)),
        square(28, 240, 240, 1, groups=3),
    ),
    "depthwise": (
        *(depthwise(56, 64), depthwise(48, 32, stride=2), depthwise(28, 128)),
        *(depthwise(28, 128, stride=2), depthwise(14, 256), depthwise(14, 512), depthwise(7, 512)),
        *(depthwise(28, 120, 5), depthwise(14, 240, 5)),
    ),
    "dilation": (
        *(dilated(56, 32, 32, 2), dilated(28, 64, 64, 2), dilated(28, 128, 128, 2)),
        *(dilated(28, 256, 256, 2), dilated(28, 128, 128, 4), dilated(14, 512, 512, 2)),
        *(dilated(28, 512, 256, 4), dilated(33, 256, 256, 12)),
    ),
    "few or odd channels": (
        *(Shape(32, 3, 16), Shape(32, 3, 32), Shape(28, 1, 32), Shape(28, 1, 8), Shape(224, 3, 64)),
        *(Shape(28, 2, 4), Shape(28, 6, 6), Shape(28, 10, 10), Shape(28, 12, 12)),
        *(Shape(28, 3, 20), Shape(28, 20, 20), Shape(14, 20, 50), Shape(28, 24, 24)),
        *(Shape(28, 40, 40), Shape(14, 72, 72), Shape(28, 17, 33), Shape(14, 65, 65)),
    ),
}


class ConvolutionTask(NamedTuple):
    """The task that a `convolution_in_*` module prepares."""

    shape: Shape
    direction: str
    threads: int
    mode: str = ""


class Data(NamedTuple):
    """Images, weights and a gradient of the result."""

    x: FloatArray
    weight: FloatArray
    bias: FloatArray
    grad_output: FloatArray


def new_array(shape: tuple[int, ...]) -> FloatArray:
    """An array that begins on a cache line, as those that cnnx and PyTorch return.

    NumPy's own begin 16 bytes after one, so that every vector of a kernel touches two lines.
    """
    count = math.prod(shape)
    block = np.empty(count + LINE_FLOATS, np.float32)
    first = -block.ctypes.data // block.itemsize % LINE_FLOATS
    return block[first : first + count].reshape(shape)


def draw(shape: Shape, seed: int = 0) -> Data:
    """Gaussian arrays; weights are scaled so that results have variance one."""
    random = np.random.default_rng(seed)

    def gaussians(*sizes: int) -> FloatArray:
        return random.standard_normal(dtype=np.float32, out=new_array(sizes))

    x = gaussians(shape.batch, shape.size, shape.size, shape.in_channels)
    weight = gaussians(*shape.weight_shape)
    weight /= np.float32(np.sqrt(np.prod(shape.weight_shape[:3])))
    bias = gaussians(shape.out_channels)
    grad_output = gaussians(shape.batch, shape.out_size, shape.out_size, shape.out_channels)
    return Data(x, weight, bias, grad_output)


def checked_elements(result: Any) -> list[float]:
    """Elements spread over a whole result, in cnnx's order of axes."""
    flat = np.ascontiguousarray(result).ravel()
    return flat[np.linspace(0, flat.size - 1, CHECKED).astype(np.int64)].tolist()  # type: ignore[no-any-return]
