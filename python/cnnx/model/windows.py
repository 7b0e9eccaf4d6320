"""Windows of convolutions and pools: where they lie on an image."""

from __future__ import annotations

from typing import Any, NamedTuple


class Windows(NamedTuple):
    """Windows along height and width. Padding is (top, left, bottom, right), as in ONNX.

    Attributes:
        kernel: size of a window.
        stride: step of the windows.
        dilation: step within a window.
        padding: padding of the image.
        beyond: rows at the bottom and columns at the right by which the last windows of ceil_mode
            exceed the padded image.
    """

    kernel: list[int]
    stride: list[int]
    dilation: list[int]
    padding: list[int]
    beyond: list[int]


def sides_of(padding: str | list[int], total: list[int]) -> list[int]:
    """Padding as (top, left, bottom, right).

    Args:
        padding: "valid", "same" or (top, bottom, left, right).
        total: padding of "same" in height and width, of which the smaller half comes first.
    """
    if isinstance(padding, list):
        top, bottom, left, right = padding
        return [top, left, bottom, right]
    both = total if padding == "same" else [0, 0]
    return [*(each // 2 for each in both), *(each - each // 2 for each in both)]


def windows_of(
    settings: dict[str, Any], in_shape: tuple[int, ...], out_shape: tuple[int, ...]
) -> Windows:
    """Windows of a convolution or pool on an image."""
    kernel, stride = settings["kernel_size"], settings["stride"]
    dilation = list(settings.get("dilation", [1, 1]))
    total, needed = [], []
    for axis in (0, 1):
        extent = (kernel[axis] - 1) * dilation[axis] + 1
        covered = (out_shape[axis] - 1) * stride[axis] + extent
        needed.append(covered - in_shape[axis])
        total.append(max(needed[axis], 0))
    padding = sides_of(settings["padding"], total)
    beyond = [max(needed[k] - padding[k] - padding[k + 2], 0) for k in (0, 1)]
    return Windows(list(kernel), list(stride), dilation, padding, beyond)
