"""Cases of the ops that are linear in each array: convolution, pooling, dense, resampling."""

from __future__ import annotations

from typing import Any

import numpy as np
import reference
import winograd

from attack import in_torch
from attack.case import Case, Draw
from attack.op_case import OpCase

MOST_PRODUCTS = 3e6  # of a convolution, whose reference in NumPy takes a few hundredths of a second


def keywords(settings: dict[str, Any]) -> str:
    """Settings as keyword arguments."""
    return ", ".join(f"{name}={value!r}" for name, value in settings.items())


def explicit_padding(draw: Draw, most: int) -> Any:
    """A padding of one of the explicit forms."""
    top, left = draw.integer(0, most), draw.integer(0, most)
    sides = ((top, draw.integer(0, most)), (left, draw.integer(0, most)))
    return draw.one_of(0, (top, top), (top, left), sides)


def channels(draw: Draw) -> tuple[int, int, int]:
    """Groups, input and output channels; every kernel has its own numbers of channels."""
    kind = draw.one_of("few", "many", "groups", "lane groups", "depthwise")
    if kind == "few":
        return 1, draw.integer(1, 9), draw.integer(1, 24)
    if kind == "many":
        return 1, draw.integer(10, 70), draw.integer(10, 70)
    if kind == "groups":
        groups = draw.integer(2, 4)
        return groups, groups * draw.integer(1, 20), groups * draw.integer(1, 20)
    if kind == "lane groups":
        wide, groups = draw.one_of(2, 4, 8), draw.integer(2, 9)
        return groups, groups * wide, groups * wide
    groups = draw.integer(2, 40)
    return groups, groups, groups * draw.one_of(1, 1, 1, 2)


def amplification(inputs: int, outputs: int, settings: dict[str, Any]) -> float:
    """Of the rounding errors by the methods that cnnx may choose, 0 if it adds up products."""
    tile = winograd.largest_tile(inputs, outputs, settings)
    if tile is None:
        return 0.0
    forward = (winograd.FORWARD_AMPLIFICATION[each] for each in winograd.TILES)
    return max(*forward, *winograd.BACKWARD_AMPLIFICATIONS[tile])


def conv(draw: Draw) -> Case:
    """A convolution or a transposed convolution."""
    transposed = draw.chance(0.35)
    groups, inputs, outputs = channels(draw)
    kernel = (3, 3) if draw.chance(0.4) else draw.pair(1, 6)
    settings: dict[str, Any] = {
        "stride": (1, 1) if draw.chance(0.4) else draw.pair(1, 4),
        "padding": explicit_padding(draw, 3),
        "dilation": (1, 1) if draw.chance(0.7) else draw.pair(1, 3),
        "groups": groups,
    }
    if not transposed and draw.chance(0.3):
        settings["padding"] = "same"
    x = (draw.integer(1, 5), *draw.pair(1, 26), inputs)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, settings["dilation"], strict=True)]
    sides = in_torch.sides_of(
        settings["padding"], x[1:3], kernel, settings["stride"], settings["dilation"]
    )
    if transposed:
        extra = tuple(
            draw.integer(0, max(s, d) - 1)
            for s, d in zip(settings["stride"], settings["dilation"], strict=True)
        )
        settings["output_padding"] = extra
        size = [
            (x[axis + 1] - 1) * settings["stride"][axis]
            + reach[axis]
            + extra[axis]
            - sum(sides[axis])
            for axis in range(2)
        ]
        pixels, weight = x[0] * x[1] * x[2], (*kernel, outputs // groups, inputs)
    else:
        size = [
            (x[axis + 1] + sum(sides[axis]) - reach[axis]) // settings["stride"][axis] + 1
            for axis in range(2)
        ]
        pixels, weight = x[0] * size[0] * size[1], (*kernel, inputs // groups, outputs)
    products = kernel[0] * kernel[1] * inputs * outputs // groups * pixels
    if min(size) < 1 or products > MOST_PRODUCTS:
        return conv(draw)
    op = "conv_transpose2d" if transposed else "conv2d"
    made, given = OpCase(draw, op), keywords(settings)
    offset = draw.one_of(0.0, 0.0, 1.0)
    made.array("x", x, draw.one_of(1.0, 1.0, 30.0), offset)
    made.array("weight", weight, draw.one_of(1.0, 0.1), offset)
    made.array("bias", (outputs,))
    made.array("grad", (x[0], *size, outputs))
    made.calls = (
        f"output = ops.{op}(x, weight, bias, {given})",
        f"grad_x, grad_weight, grad_bias = ops.{op}_backward(grad, x, weight, {given})",
    )
    all_settings = {**settings, "kernel_size": kernel}
    made.forward = (
        in_torch.conv_transpose2d("x", "weight", "bias", all_settings)
        if transposed
        else in_torch.conv2d("x", "weight", "bias", all_settings, x[1:3])
    )
    taps = kernel[0] * kernel[1]
    rows = x[0] * max(x[1] * x[2], size[0] * size[1])
    made.terms = {
        "output": taps * inputs // groups + 1,
        "grad_x": taps * outputs // groups,
        "grad_weight": rows,
        "grad_bias": rows,
    }
    ends = (outputs, inputs) if transposed else (inputs, outputs)
    amplified = amplification(*ends, all_settings)
    made.rule = f"linear(expect, arrays, {{terms}}, {amplified:.3g})"
    return made.case()


def pooled_size(x: tuple[int, ...], settings: dict[str, Any]) -> tuple[int, int] | None:
    """Height and width of a pooling's output, or None if a window reads no pixel of the image."""
    windows = reference.Windows(
        *(settings["kernel_size"], settings["stride"], settings["padding"]),
        *(settings["dilation"], settings["ceil_mode"]),
    )
    image = np.ones((1, *x[1:3], 1))
    for axis, size in enumerate(windows.padded(image, 0.0).shape[1:3]):
        if size <= (settings["kernel_size"][axis] - 1) * settings["dilation"][axis]:
            return None
    pixels = reference.average_divisors(image, windows, False)
    return (pixels.shape[1], pixels.shape[2]) if pixels.all() else None


def pools(draw: Draw) -> Case:
    """A pooling."""
    op = draw.one_of("max_pool2d", "avg_pool2d")
    kernel, stride = draw.pair(1, 5), draw.pair(1, 4)
    least = min(kernel) - 1
    padding = "same" if draw.chance(0.25) else explicit_padding(draw, least)
    settings: dict[str, Any] = {
        "stride": stride,
        "padding": padding,
        "dilation": (1, 1) if draw.chance(0.6) else draw.pair(1, 3),
        "ceil_mode": draw.chance(0.4),
    }
    if op == "avg_pool2d":
        settings["count_include_pad"] = draw.chance(0.5)
    x = (draw.integer(1, 4), *draw.pair(1, 20), draw.integer(1, 70))
    all_settings = {**settings, "kernel_size": kernel}
    size = pooled_size(x, all_settings)
    if size is None or not in_torch.torch_pools(all_settings):
        return pools(draw)
    made, given = OpCase(draw, op), keywords(settings)
    made.array("x", x, draw.one_of(1.0, 30.0), draw.one_of(0.0, 1.0))
    made.array("grad", (x[0], *size, x[3]))
    made.calls = (
        f"output = ops.{op}(x, {kernel}, {given})",
        f"grad_x = ops.{op}_backward(grad, x, {kernel}, {given})",
    )
    made.forward = getattr(in_torch, op)("x", all_settings, x[1:3])
    taps = kernel[0] * kernel[1]
    made.terms = {"output": taps, "grad_x": taps}
    if op == "max_pool2d":
        made.rule = "smooth(expect, arrays, {terms}, True)"
    return made.case()


def resampling(draw: Draw) -> Case:
    """An upsampling, an adaptive or global average, a padding or a cropping."""
    op = draw.one_of(
        *("upsample2d", "adaptive_avg_pool2d", "global_avg_pool2d"),
        *("zero_pad2d", "pad2d", "crop2d", "moves"),
    )
    if op == "moves":
        return moves(draw)
    x = (draw.integer(1, 4), *draw.pair(1, 17), draw.integer(1, 40))
    made = OpCase(draw, op)
    made.array("x", x, draw.one_of(1.0, 30.0), draw.one_of(0.0, 1.0))
    height, width = x[1:3]
    if op == "upsample2d":
        settings: dict[str, Any] = {"mode": draw.one_of("nearest", "bilinear")}
        if draw.chance(0.5):
            settings["scale_factor"] = scale = draw.pair(1, 4)
            height, width = height * scale[0], width * scale[1]
        else:
            settings["size"] = height, width = draw.pair(1, 40)
        if settings["mode"] == "bilinear":
            settings["align_corners"] = draw.chance(0.5)
        given = f", {keywords(settings)}"
        made.forward = in_torch.upsample2d("x", settings, x[1:3])
    elif op == "adaptive_avg_pool2d":
        height, width = size = draw.pair(1, 9)
        given = f", {size}"
        made.forward = in_torch.adaptive_avg_pool2d("x", {"output_size": size})
    elif op in ("zero_pad2d", "pad2d"):
        mode = draw.one_of("reflect", "edge") if op == "pad2d" else "constant"
        most = min(height, width, 5) - 1 if mode == "reflect" else 4
        padding = explicit_padding(draw, most)
        (top, bottom), (left, right) = in_torch.sides_of(padding, (1, 1), (1, 1), (1, 1), (1, 1))
        height, width = height + top + bottom, width + left + right
        given = f", {padding}" + (f", mode={mode!r}" if op == "pad2d" else "")
        made.forward = getattr(in_torch, op)("x", {"padding": padding, "mode": mode})
    elif op == "crop2d":
        top, left = draw.integer(0, height - 1), draw.integer(0, width - 1)
        height, width = draw.integer(1, height - top), draw.integer(1, width - left)
        cropping = ((top, x[1] - top - height), (left, x[2] - left - width))
        given = f", {cropping}"
        made.forward = in_torch.crop2d("x", {"cropping": cropping})
    else:
        given = ""
        made.forward = in_torch.PLAIN[op].format(x="x")
    images = op != "global_avg_pool2d"
    made.array("grad", (x[0], height, width, x[3]) if images else (x[0], x[3]))
    made.calls = (f"output = ops.{op}(x{given})", f"grad_x = ops.{op}_backward(grad, x{given})")
    terms = max(x[1] * x[2], height * width)
    made.terms = {"output": terms, "grad_x": terms}
    return made.case()


def moves(draw: Draw) -> Case:
    """An op that moves channels, or channels and pixels."""
    op = draw.one_of("channel_shuffle", "slice_channels", "depth_to_space", "space_to_depth")
    images, height, width = draw.integer(1, 4), *draw.pair(1, 9)
    groups, channels = draw.integer(1, 5), draw.integer(1, 20)
    settings: dict[str, Any] = {"block_size": groups, "mode": draw.one_of("DCR", "CRD")}
    if op == "channel_shuffle":
        x = output = (images, height, width, groups * channels)
        settings = {"groups": groups}
    elif op == "slice_channels":
        start = draw.integer(0, channels - 1)
        settings = {"start": start, "stop": draw.integer(start + 1, channels)}
        x = (images, height, width, channels)
        output = (*x[:3], settings["stop"] - start)
    else:
        x = (images, height, width, channels * groups**2)
        output = (images, height * groups, width * groups, channels)
        if op == "space_to_depth":
            x, output = output, x
    made, given = OpCase(draw, op), keywords(settings)
    made.array("x", x)
    made.array("grad", output)
    made.forward = getattr(in_torch, op)("x", settings)
    made.calls = (f"output = ops.{op}(x, {given})", f"grad_x = ops.{op}_backward(grad, x, {given})")
    made.terms = {"output": 1, "grad_x": 1}
    return made.case()


def dense(draw: Draw) -> Case:
    """A dense layer."""
    rows, inputs, outputs = draw.integer(1, 70), draw.integer(1, 400), draw.integer(1, 150)
    made = OpCase(draw, "dense")
    offset = draw.one_of(0.0, 1.0)
    made.array("x", (rows, inputs), draw.one_of(1.0, 30.0), offset)
    made.array("weight", (inputs, outputs), 1.0, offset)
    made.array("bias", (outputs,))
    made.array("grad", (rows, outputs))
    made.calls = (
        "output = ops.dense(x, weight, bias)",
        "grad_x, grad_weight, grad_bias = ops.dense_backward(grad, x, weight)",
    )
    made.forward = "x @ weight + bias"
    made.terms = {
        "output": inputs + 1,
        "grad_x": outputs,
        "grad_weight": rows,
        "grad_bias": rows,
    }
    return made.case()
