"""PyTorch expressions of cnnx's layers on NHWC tensors, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reference.arrays import padding_sides

Sides = tuple[tuple[int, int], tuple[int, int]]
Size = tuple[int, int]

# Layers without parameters and without settings that matter to PyTorch. F.gelu rounds small outputs
# to 0, and convolutions need contiguous weights.
PLAIN = {
    "add": "sum([{all}])",
    "concat": "torch.cat([{all}], -1)",
    "flatten": "{x}.reshape(len({x}), -1)",
    "gelu": "0.5 * {x} * torch.erfc(-{x} * 0.5**0.5)",
    "global_avg_pool2d": "{x}.mean((1, 2))",
    "hard_sigmoid": "F.hardsigmoid({x})",
    "hard_swish": "F.hardswish({x})",
    "relu": "F.relu({x})",
    "relu6": "F.relu6({x})",
    "sigmoid": "torch.sigmoid({x})",
    "silu": "F.silu({x})",
    "softmax": "F.softmax({x}, -1)",
    "softplus": "F.softplus({x}, threshold=40)",
    "tanh": "torch.tanh({x})",
}


def nchw(x: str) -> str:
    """The tensor with its channels first."""
    return f"{x}.permute(0, 3, 1, 2)"


def nhwc(x: str) -> str:
    """The tensor with its channels last."""
    return f"{x}.permute(0, 2, 3, 1)"


def padded(x: str, sides: Sides, value: float = 0.0) -> str:
    """A tensor with its channels first, padded."""
    (top, bottom), (left, right) = sides
    if sides == ((0, 0), (0, 0)):
        return x
    filled = "" if value == 0 else f", value=float('{value}')"
    return f"F.pad({x}, ({left}, {right}, {top}, {bottom}){filled})"


def sides_of(padding: Any, size: Size, kernel: Size, stride: Size, dilation: Size) -> Sides:
    """The padding in the form ((top, bottom), (left, right))."""
    return padding_sides(padding, size, kernel, stride, dilation)


def conv2d(x: str, weight: str, bias: str, settings: Mapping[str, Any], size: Size) -> str:
    """A convolution of images of this height and width."""
    stride, dilation = settings["stride"], settings["dilation"]
    sides = sides_of(settings["padding"], size, settings["kernel_size"], stride, dilation)
    return nhwc(
        f"F.conv2d({padded(nchw(x), sides)}, {weight}.permute(3, 2, 0, 1).contiguous(), {bias}, "
        f"{stride}, 0, {dilation}, {settings['groups']})"
    )


def conv_transpose2d(x: str, weight: str, bias: str, settings: Mapping[str, Any]) -> str:
    """A transposed convolution with explicit padding, which crops the output."""
    (top, bottom), (left, right) = sides_of(settings["padding"], (1, 1), (1, 1), (1, 1), (1, 1))
    whole = (
        f"F.conv_transpose2d({nchw(x)}, {weight}.permute(3, 2, 0, 1).contiguous(), {bias}, "
        f"{settings['stride']}, 0, {settings['output_padding']}, {settings['groups']}, "
        f"{settings['dilation']})"
    )
    rows, columns = f"{top}:{-bottom or None}", f"{left}:{-right or None}"
    return nhwc(f"{whole}[:, :, {rows}, {columns}]")


def max_pool2d(x: str, settings: Mapping[str, Any], size: Size) -> str:
    """A max pooling."""
    kernel, stride = settings["kernel_size"], settings["stride"]
    sides = sides_of(settings["padding"], size, kernel, stride, (1, 1))
    return nhwc(f"F.max_pool2d({padded(nchw(x), sides, float('-inf'))}, {kernel}, {stride})")


def avg_pool2d(x: str, settings: Mapping[str, Any], size: Size) -> str:
    """An average pooling; without count_include_pad the mean of the pixels inside the image."""
    kernel, stride, padding = settings["kernel_size"], settings["stride"], settings["padding"]
    sides = sides_of(padding, size, kernel, stride, (1, 1))
    pooled = f"F.avg_pool2d({padded(nchw(x), sides)}, {kernel}, {stride})"
    if padding == "same" or not settings["count_include_pad"]:
        ones = padded(nchw(f"torch.ones_like({x})"), sides)
        pooled = f"({pooled} / F.avg_pool2d({ones}, {kernel}, {stride}))"
    return nhwc(pooled)


def upsample2d(x: str, settings: Mapping[str, Any]) -> str:
    """An upsampling."""
    scale = tuple(map(float, settings["scale_factor"]))
    corners = ", align_corners=False" if settings["mode"] == "bilinear" else ""
    mode = settings["mode"]
    return nhwc(f"F.interpolate({nchw(x)}, scale_factor={scale}, mode={mode!r}{corners})")


def adaptive_avg_pool2d(x: str, settings: Mapping[str, Any]) -> str:
    """An adaptive average pooling."""
    return nhwc(f"F.adaptive_avg_pool2d({nchw(x)}, {settings['output_size']})")


def zero_pad2d(x: str, settings: Mapping[str, Any]) -> str:
    """A padding."""
    sides = sides_of(settings["padding"], (1, 1), (1, 1), (1, 1), (1, 1))
    return nhwc(padded(nchw(x), sides))


def prelu(x: str, weight: str, axes: int) -> str:
    """A PReLU of images or of rows."""
    return nhwc(f"F.prelu({nchw(x)}, {weight})") if axes == 4 else f"F.prelu({x}, {weight})"


def group_norm(
    x: str, weight: str, bias: str, settings: Mapping[str, Any], *, axes: int = 4
) -> str:
    """A group norm of images or of rows."""
    images = nchw(x) if axes == 4 else x
    normed = (
        f"F.group_norm({images}, {settings['groups']}, {weight}, {bias}, {settings['epsilon']})"
    )
    return nhwc(normed) if axes == 4 else normed


def layer_norm(x: str, weight: str, bias: str, settings: Mapping[str, Any]) -> str:
    """A layer norm over the channels of each pixel."""
    return f"F.layer_norm({x}, {x}.shape[-1:], {weight}, {bias}, {settings['epsilon']})"


def expression(kind: str, x: str, settings: Mapping[str, Any]) -> str:
    """A layer of one input without parameters that keeps the shape of its input."""
    if kind == "leaky_relu":
        return f"F.leaky_relu({x}, {settings['negative_slope']})"
    return PLAIN[kind].format(x=x, all=x)
