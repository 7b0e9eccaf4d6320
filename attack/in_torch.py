"""PyTorch expressions of cnnx's layers on NHWC tensors, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import reference
from reference.arrays import padding_sides

Sides = tuple[tuple[int, int], tuple[int, int]]
Size = tuple[int, int]

WINDOW = ("kernel_size", "stride", "dilation")

# Layers without parameters and settings. Convolutions need contiguous weights.
PLAIN = {
    "add": "sum([{all}])",
    "maximum": "torch.stack([{all}]).max(0).values",
    "concat": "torch.cat([{all}], -1)",
    "flatten": "{x}.reshape(len({x}), -1)",
    "global_avg_pool2d": "{x}.mean((1, 2))",
    "hard_swish": "F.hardswish({x})",
    "log_softmax": "F.log_softmax({x}, -1)",
    "mish": "F.mish({x})",
    "relu": "F.relu({x})",
    "relu6": "F.relu6({x})",
    "selu": "F.selu({x})",
    "sigmoid": "torch.sigmoid({x})",
    "silu": "F.silu({x})",
    "softmax": "F.softmax({x}, -1)",
    "softplus": "F.softplus({x}, threshold=40)",
    "softsign": "F.softsign({x})",
    "reciprocal": "1 / {x}",
    "hard_shrink": "F.hardshrink({x}, {threshold})",
    "soft_shrink": "F.softshrink({x}, {threshold})",
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


def pool_padding(settings: Mapping[str, Any], size: Size) -> tuple[Sides, Size, bool]:
    """Sides to pad before a pooling in PyTorch, the padding of the pooling, and its ceil mode.

    In ceil mode the pooling pads, because a last window may not begin in the padding after the
    image. PyTorch pads both sides of an axis alike. "same" leaves no window to add.
    """
    kernel, stride, dilation = (settings.get(name, (1, 1)) for name in WINDOW)
    padding = settings["padding"]
    sides = sides_of(padding, size, kernel, stride, dilation)
    if padding == "same" or not settings.get("ceil_mode", False):
        return sides, (0, 0), False
    return ((0, 0), (0, 0)), (sides[0][0], sides[1][0]), True


def beyond_padding(settings: Mapping[str, Any], size: Size) -> Sides:
    """The pixels beyond the padding that the last windows of ceil mode cover."""
    windows = reference.Windows(
        *(settings["kernel_size"], settings["stride"], settings["padding"]),
        *(settings["dilation"], settings["ceil_mode"]),
    )
    return windows.padding_of(np.empty((1, *size, 1)))[1]


def torch_pools(settings: Mapping[str, Any]) -> bool:
    """Whether PyTorch has the padding of this pooling: in ceil mode equal sides, up to half a
    window.
    """
    if settings["padding"] == "same" or not settings["ceil_mode"]:
        return True
    sides = sides_of(settings["padding"], (1, 1), (1, 1), (1, 1), (1, 1))
    return all(
        before == after and before <= kernel // 2
        for (before, after), kernel in zip(sides, settings["kernel_size"], strict=True)
    )


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
    sides, own, ceil_mode = pool_padding(settings, size)
    images = padded(nchw(x), sides, float("-inf"))
    kernel, stride = settings["kernel_size"], settings["stride"]
    dilation = settings.get("dilation", (1, 1))
    return nhwc(f"F.max_pool2d({images}, {kernel}, {stride}, {own}, {dilation}, {ceil_mode})")


def avg_pool2d(x: str, settings: Mapping[str, Any], size: Size) -> str:
    """An average pooling; without count_include_pad the mean of the pixels inside the image.

    PyTorch has no dilation of it, so that a convolution adds up the pixels of dilated windows.
    """
    kernel, stride, dilation = (settings.get(name, (1, 1)) for name in WINDOW)
    sides, own, ceil_mode = pool_padding(settings, size)
    images, ones = nchw(x), nchw(f"torch.ones_like({x})")
    real_pixels = settings["padding"] == "same" or not settings["count_include_pad"]
    if dilation == (1, 1):
        arguments = f"{kernel}, {stride}, {own}, {ceil_mode}"
        pooled = f"F.avg_pool2d({padded(images, sides)}, {arguments})"
        if real_pixels:
            pooled = f"({pooled} / F.avg_pool2d({padded(ones, sides)}, {arguments}))"
        return nhwc(pooled)
    if own != (0, 0):
        sides = ((own[0], own[0]), (own[1], own[1]))
    beyond = beyond_padding(settings, size) if ceil_mode else ((0, 0), (0, 0))
    taps = f"torch.ones({x}.shape[-1], 1, *{kernel}, dtype={x}.dtype)"
    arguments = f"{taps}, None, {stride}, 0, {dilation}, {x}.shape[-1]"
    summed = (padded(images, sides), padded(ones, sides, 0.0 if real_pixels else 1.0))
    total, count = (f"F.conv2d({padded(each, beyond)}, {arguments})" for each in summed)
    return nhwc(f"({total} / {count})")


def upsample2d(x: str, settings: Mapping[str, Any], size: Size) -> str:
    """An upsampling of images of this height and width.

    PyTorch finds the nearest pixel in float32, which may be off by one. The formula is exact.
    """
    given = settings.get("size", (0, 0))
    if given == (0, 0):
        scale = settings["scale_factor"]
        given = (size[0] * scale[0], size[1] * scale[1])
    if settings["mode"] == "nearest":
        rows, columns = (
            f"torch.arange({out}) * {each} // {out}" for each, out in zip(size, given, strict=True)
        )
        return f"{x}[:, {rows}][:, :, {columns}]"
    corners = settings.get("align_corners", False)
    return nhwc(f"F.interpolate({nchw(x)}, size={given}, mode='bilinear', align_corners={corners})")


def pad2d(x: str, settings: Mapping[str, Any]) -> str:
    """A padding with the image's own pixels."""
    (top, bottom), (left, right) = sides_of(settings["padding"], (1, 1), (1, 1), (1, 1), (1, 1))
    mode = {"reflect": "reflect", "edge": "replicate"}[settings["mode"]]
    return nhwc(f"F.pad({nchw(x)}, ({left}, {right}, {top}, {bottom}), mode={mode!r})")


def depth_to_space(x: str, settings: Mapping[str, Any]) -> str:
    """Channels to blocks of pixels."""
    block, images = settings["block_size"], nchw(x)
    if settings["mode"] == "DCR":
        images = f"{images}.unflatten(1, ({block**2}, -1)).transpose(1, 2).flatten(1, 2)"
    return nhwc(f"F.pixel_shuffle({images}, {block})")


def space_to_depth(x: str, settings: Mapping[str, Any]) -> str:
    """Blocks of pixels to channels."""
    block = settings["block_size"]
    images = f"F.pixel_unshuffle({nchw(x)}, {block})"
    if settings["mode"] == "DCR":
        images += f".unflatten(1, (-1, {block**2})).transpose(1, 2).flatten(1, 2)"
    return nhwc(images)


def channel_shuffle(x: str, settings: Mapping[str, Any]) -> str:
    """An interleaving of channels of images or of rows."""
    return f"{x}.unflatten(-1, ({settings['groups']}, -1)).transpose(-1, -2).flatten(-2)"


def slice_channels(x: str, settings: Mapping[str, Any]) -> str:
    """Some channels of images or of rows."""
    return f"{x}[..., {settings['start']} : {settings['stop']}]"


def reshape(x: str, settings: Mapping[str, Any]) -> str:
    """Images of another shape."""
    height, width = settings["size"]
    return f"{x}.reshape(len({x}), {height}, {width}, {settings['channels']})"


def parameter(x: str, weight: str) -> str:
    """A trained array for every image."""
    return f"{weight}.expand(len({x}), -1, -1, -1)"


def adaptive_avg_pool2d(x: str, settings: Mapping[str, Any]) -> str:
    """An adaptive average pooling."""
    return nhwc(f"F.adaptive_avg_pool2d({nchw(x)}, {settings['output_size']})")


def zero_pad2d(x: str, settings: Mapping[str, Any]) -> str:
    """A padding."""
    sides = sides_of(settings["padding"], (1, 1), (1, 1), (1, 1), (1, 1))
    return nhwc(padded(nchw(x), sides))


def crop2d(x: str, settings: Mapping[str, Any]) -> str:
    """An image without outer rows and columns."""
    (top, bottom), (left, right) = sides_of(settings["cropping"], (1, 1), (1, 1), (1, 1), (1, 1))
    return f"{x}[:, {top} : {x}.shape[1] - {bottom}, {left} : {x}.shape[2] - {right}]"


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


def matmul(x: str, y: str, settings: dict[str, Any]) -> str:
    """Products of matrices."""
    transposed = settings["transposed"]
    x = f"{x}.transpose(-1, -2)" if transposed == "first" else x
    y = f"{y}.transpose(-1, -2)" if transposed == "second" else y
    return f"{x} @ {y}"


def global_response_norm(x: str, weight: str, bias: str, settings: Mapping[str, Any]) -> str:
    """A global response norm of images."""
    norms = f"{x}.norm(dim=(1, 2), keepdim=True)"
    relative = f"{norms} / ({norms}.mean(-1, keepdim=True) + {settings['epsilon']})"
    return f"({x} + {weight} * {x} * ({relative}) + {bias})"


def l2_norm(x: str, settings: Mapping[str, Any]) -> str:
    """An L2 norm over the channels of each pixel."""
    return f"F.normalize({x}, dim=-1, eps={settings['epsilon']})"


def rms_norm(x: str, weight: str, settings: Mapping[str, Any]) -> str:
    """An RMS norm over the channels of each pixel."""
    return f"F.rms_norm({x}, {x}.shape[-1:], {weight}, {settings['epsilon']})"


def layer_norm(x: str, weight: str, bias: str, settings: Mapping[str, Any]) -> str:
    """A layer norm over the channels of each pixel."""
    return f"F.layer_norm({x}, {x}.shape[-1:], {weight}, {bias}, {settings['epsilon']})"


def gelu(x: str, settings: Mapping[str, Any]) -> str:
    """A GELU; F.gelu rounds small outputs to 0."""
    if settings.get("approximate") == "tanh":
        return f"{x} * torch.sigmoid((8 / torch.pi) ** 0.5 * ({x} + 0.044715 * {x} ** 3))"
    return f"0.5 * {x} * torch.erfc(-{x} * 0.5**0.5)"


def hard_sigmoid(x: str, settings: Mapping[str, Any]) -> str:
    """A hard sigmoid, by PyTorch's own if it has its slope and offset."""
    slope, offset = settings.get("slope", 1 / 6), settings.get("offset", 0.5)
    if (slope, offset) == (1 / 6, 0.5):
        return f"F.hardsigmoid({x})"
    return f"({slope} * {x} + {offset}).clamp(0, 1)"


def lrn(x: str, settings: Mapping[str, Any]) -> str:
    """A local response normalisation over the last axis, by the mean of a padded window."""
    size, alpha, beta, k = (settings[name] for name in ("size", "alpha", "beta", "k"))
    sides = f"({(size - 1) // 2}, {size // 2})"
    squares = f"F.pad({x}.flatten(0, -2)[:, None] ** 2, {sides})"
    means = f"F.avg_pool1d({squares}, {size}, 1)[:, 0].reshape({x}.shape)"
    return f"{x} / ({k} + {alpha} * {means}) ** {beta}"


def expression(kind: str, x: str, settings: Mapping[str, Any]) -> str:
    """A layer of one input without parameters that keeps the shape of its input."""
    if kind == "leaky_relu":
        return f"F.leaky_relu({x}, {settings['negative_slope']})"
    if kind == "elu":
        return f"F.elu({x}, {settings['alpha']})"
    if kind == "clip":
        return f"F.hardtanh({x}, {settings['minimum']}, {settings['maximum']})"
    if kind == "gelu":
        return gelu(x, settings)
    if kind == "lrn":
        return lrn(x, settings)
    if kind == "hard_sigmoid":
        return hard_sigmoid(x, settings)
    return PLAIN[kind].format(x=x, all=x, **settings)
