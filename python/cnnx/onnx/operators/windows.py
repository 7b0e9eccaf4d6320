"""Geometry of windows: kernel, stride, dilation and padding of convolutions and pools."""

from __future__ import annotations

from typing import NamedTuple

from cnnx._core import FormatError
from cnnx.onnx.call import Call
from cnnx.onnx.refusal import RefusedError

_SAME = ("SAME_UPPER", "SAME_LOWER")


class Windows(NamedTuple):
    """Windows over (height, width), in cnnx's forms.

    Attributes:
        kernel: size of a window.
        stride: step of the windows.
        dilation: distance between the taps of a window.
        padding: ((top, bottom), (left, right)), or "same".
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: str | tuple[tuple[int, int], tuple[int, int]]

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns that a window spans."""
        height, width = (
            (size - 1) * step + 1 for size, step in zip(self.kernel, self.dilation, strict=True)
        )
        return height, width

    def with_sides(self, size: tuple[int, int], *, larger_first: bool) -> Windows:
        """The windows with padding for ceil(size / stride) of them.

        Args:
            size: (height, width) of the image.
            larger_first: whether the top and the left have the larger half of an odd padding.
        """
        sides = []
        for axis in range(2):
            step = self.stride[axis]
            outputs = -(-size[axis] // step)
            total = max(0, (outputs - 1) * step + self.extent[axis] - size[axis])
            first = total - total // 2 if larger_first else total // 2
            sides.append((first, total - first))
        return self._replace(padding=(sides[0], sides[1]))

    def cut(self, size: tuple[int, int]) -> Windows:
        """The windows without the taps beyond the padding, where ceil_mode has one that exceeds it.

        Args:
            size: (height, width) of the image.
        """
        if isinstance(self.padding, str):
            return self
        kernel, stride = list(self.kernel), list(self.stride)
        for axis in range(2):
            inside, extent = size[axis] + sum(self.padding[axis]), self.extent[axis]
            if inside < extent < inside + self.stride[axis]:
                kernel[axis] = (inside - 1) // self.dilation[axis] + 1
                stride[axis] = extent  # so that the fewer taps make no second window
        return self._replace(kernel=(kernel[0], kernel[1]), stride=(stride[0], stride[1]))

    def outputs(self, axis: int, size: int, *, ceil: bool = False) -> int:
        """Number of windows along an axis of `size`: 0 the height, 1 the width."""
        step = self.stride[axis]
        if isinstance(self.padding, str):
            return -(-size // step)
        before, after = self.padding[axis]
        room = size + before + after - self.extent[axis]
        if room < 0:
            raise RefusedError(
                f"its windows span {self.extent[axis]} pixels of {size + before + after}"
            )
        if not ceil:
            return room // step + 1
        count = -(-room // step) + 1
        # A window that would begin in the padding after the image is dropped.
        return count - 1 if (count - 1) * step >= size + before else count


def pair_of(values: list[int], name: str, least: int = 1) -> tuple[int, int]:
    """(height, width) of an attribute; signals of one axis are images of width 1."""
    if len(values) not in (1, 2) or any(each < least for each in values):
        raise FormatError(f"its {name} is {values}, expected one or two numbers from {least}")
    return values[0], values[1] if len(values) == 2 else 1


def windows_of(call: Call, kernel: list[int], size: tuple[int, int]) -> Windows:
    """Windows of a convolution or pool over an image of `size`."""
    count = len(kernel)
    if count > 2:
        raise RefusedError(f"its windows have {count} axes, expected 1 or 2")
    ones = [1] * count
    windows = Windows(
        pair_of(kernel, "kernel_shape"),
        pair_of(call.integers("strides", ones), "strides"),
        pair_of(call.integers("dilations", ones), "dilations"),
        sides_of(call, count),
    )
    auto_pad = call.word("auto_pad", "NOTSET")
    if auto_pad == "SAME_UPPER":
        return windows._replace(padding="same")
    if auto_pad == "SAME_LOWER":
        return windows.with_sides(size, larger_first=True)
    if auto_pad not in ("NOTSET", "VALID", ""):
        raise FormatError(f"its auto_pad is {auto_pad}, expected NOTSET, VALID or {_SAME}")
    return windows


def sides_of(call: Call, count: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """((top, bottom), (left, right)) of the attribute pads."""
    pads = call.integers("pads", [0] * (2 * count))
    if len(pads) != 2 * count or call.word("auto_pad", "NOTSET") == "VALID":
        pads = [0] * (2 * count)
    if any(each < 0 for each in pads):
        raise RefusedError(f"its pads are {pads}, which crop the image")
    if count == 1:
        return (pads[0], pads[1]), (0, 0)
    return (pads[0], pads[2]), (pads[1], pads[3])
