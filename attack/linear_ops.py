"""Cases of the ops that are linear in each array: convolution, pooling, dense, resampling."""

from __future__ import annotations

from typing import Any

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


def amplification(draw: Draw, kernel: Any, stride: Any, dilation: Any) -> float:
    """Of the rounding errors by the methods that cnnx may choose, 0 if it adds up products."""
    if (kernel, stride, dilation) != ((3, 3), (1, 1), (1, 1)):
        return 0.0
    return max(*winograd.FORWARD_AMPLIFICATION.values(), *winograd.BACKWARD_AMPLIFICATIONS[4])


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
    amplified = amplification(draw, kernel, settings["stride"], settings["dilation"])
    made.rule = f"linear(expect, arrays, {{terms}}, {amplified:.3g})"
    return made.case()


def pools(draw: Draw) -> Case:
    """A pooling."""
    op = draw.one_of("max_pool2d", "avg_pool2d")
    kernel, stride = draw.pair(1, 5), draw.pair(1, 4)
    least = min(kernel) - 1
    padding = "same" if draw.chance(0.25) else explicit_padding(draw, least)
    settings: dict[str, Any] = {"stride": stride, "padding": padding}
    if op == "avg_pool2d":
        settings["count_include_pad"] = draw.chance(0.5)
    x = (draw.integer(1, 4), *draw.pair(1, 20), draw.integer(1, 70))
    sides = in_torch.sides_of(padding, x[1:3], kernel, stride, (1, 1))
    size = [(x[i + 1] + sum(sides[i]) - kernel[i]) // stride[i] + 1 for i in range(2)]
    if min(size) < 1:
        return pools(draw)
    made, given = OpCase(draw, op), keywords(settings)
    made.array("x", x, draw.one_of(1.0, 30.0), draw.one_of(0.0, 1.0))
    made.array("grad", (x[0], *size, x[3]))
    made.calls = (
        f"output = ops.{op}(x, {kernel}, {given})",
        f"grad_x = ops.{op}_backward(grad, x, {kernel}, {given})",
    )
    all_settings = {**settings, "kernel_size": kernel}
    made.forward = getattr(in_torch, op)("x", all_settings, x[1:3])
    taps = kernel[0] * kernel[1]
    made.terms = {"output": taps, "grad_x": taps}
    if op == "max_pool2d":
        made.rule = "smooth(expect, arrays, {terms}, True)"
    return made.case()


def resampling(draw: Draw) -> Case:
    """An upsampling, an adaptive or global average, or a padding."""
    op = draw.one_of("upsample2d", "adaptive_avg_pool2d", "global_avg_pool2d", "zero_pad2d")
    x = (draw.integer(1, 4), *draw.pair(1, 17), draw.integer(1, 40))
    made = OpCase(draw, op)
    made.array("x", x, draw.one_of(1.0, 30.0), draw.one_of(0.0, 1.0))
    height, width = x[1:3]
    if op == "upsample2d":
        scale, mode = draw.pair(1, 4), draw.one_of("nearest", "bilinear")
        given, settings = f", {scale}, mode={mode!r}", {"scale_factor": scale, "mode": mode}
        height, width = height * scale[0], width * scale[1]
        made.forward = in_torch.upsample2d("x", settings)
    elif op == "adaptive_avg_pool2d":
        height, width = size = draw.pair(1, 9)
        given = f", {size}"
        made.forward = in_torch.adaptive_avg_pool2d("x", {"output_size": size})
    elif op == "zero_pad2d":
        padding = explicit_padding(draw, 4)
        (top, bottom), (left, right) = in_torch.sides_of(padding, (1, 1), (1, 1), (1, 1), (1, 1))
        height, width, given = height + top + bottom, width + left + right, f", {padding}"
        made.forward = in_torch.zero_pad2d("x", {"padding": padding})
    else:
        given = ""
        made.forward = in_torch.PLAIN[op].format(x="x")
    images = op != "global_avg_pool2d"
    made.array("grad", (x[0], height, width, x[3]) if images else (x[0], x[3]))
    made.calls = (f"output = ops.{op}(x{given})", f"grad_x = ops.{op}_backward(grad, x{given})")
    terms = max(x[1] * x[2], height * width)
    made.terms = {"output": terms, "grad_x": terms}
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
