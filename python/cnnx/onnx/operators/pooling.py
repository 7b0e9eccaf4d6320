"""Pools and reductions over the pixels of ONNX as layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnnx import layers
from cnnx.layers import Layer
from cnnx.onnx.affine import negated, scaled
from cnnx.onnx.arrangement import arranged, axes_as_stored, in_memory_order, rows_of
from cnnx.onnx.axes import Activation, axis_index, pixels_covered, whole, without_axes
from cnnx.onnx.call import Call, Operator
from cnnx.onnx.layout import (
    channels_first,
    channels_first_image,
    features_if_one_pixel,
)
from cnnx.onnx.operators.windows import windows_of


def _max_pool(call: Call) -> Activation:
    call.only_output()
    return _pooled(call, layers.MaxPool2d, {})


def _average_pool(call: Call) -> Activation:
    counts = bool(call.integer("count_include_pad", 0))
    return _pooled(call, layers.AvgPool2d, {"count_include_pad": counts})


def _pooled(call: Call, layer: Any, settings: dict[str, Any]) -> Activation:
    value = channels_first_image(call.network, call.activation())
    size = (value.size("H"), value.size("W"))
    windows = windows_of(call, call.integers("kernel_shape"), size)
    if settings.get("count_include_pad") and windows.padding == "same":
        windows = windows.with_sides(size, larger_first=False)
    ceil = bool(call.integer("ceil_mode", 0)) and not isinstance(windows.padding, str)
    if ceil:
        windows = windows.cut(size)
    if windows.dilation != (1, 1):
        settings["dilation"] = windows.dilation
    if ceil:
        settings["ceil_mode"] = True
    if windows.padding == ((0, 0), (0, 0)) or windows.padding == "same":
        # The divisor is that of the window either way; the layer's default says so.
        settings.pop("count_include_pad", None)
    done = layer(windows.kernel, stride=windows.stride, padding=windows.padding, **settings)
    height, width = (windows.outputs(axis, size[axis], ceil=ceil) for axis in range(2))
    symbol = call.network.add(done, value.symbol)
    spatial = (whole("H", height), whole("W", width))[: len(value.axes) - 2]
    axes = (value.axes[0], value.axes[1], *spatial)
    return value.computed(symbol, (height, width, value.channels), axes)


def _global_average(call: Call) -> Activation:
    return _global(call, "mean")


def _global_max(call: Call) -> Activation:
    return _global(call, "max")


def _global(call: Call, function: str) -> Activation:
    value = channels_first(call.network, call.activation())
    pixels = range(2, len(value.axes))
    if function == "mean" and not call.network.folds:  # in a file of cnnx also of one pixel
        symbol = call.network.add(layers.AdaptiveAvgPool2d(1), value.symbol)
        note = without_axes(value, pixels, keep=True)
        return value.computed(symbol, (1, 1, value.channels), note)
    return _reduced(call, value, pixels, function, keep=True)


def _reduced(
    call: Call, value: Activation, axes: range | list[int], function: str, *, keep: bool
) -> Activation:
    """Mean or maximum over some axes, all of an image but the batch or fewer."""
    labels = pixels_covered(value, axes)
    if labels is None:
        return _reduced_atoms(call, value, axes, function, keep=keep)
    note = without_axes(value, axes, keep=keep)
    if labels == "":
        return value.computed(value.symbol, axes=note)
    size = (value.size("H"), value.size("W"))
    window = (size[0] if "H" in labels else 1, size[1] if "W" in labels else 1)
    left = (size[0] // window[0], size[1] // window[1])
    symbol = call.network.add(_window_layer(function, window, left), value.symbol)
    done = value.computed(symbol, (*left, value.channels), note)
    return features_if_one_pixel(call.network, done)


def _reduced_atoms(
    call: Call, value: Activation, axes: range | list[int], function: str, *, keep: bool
) -> Activation:
    """Mean or maximum over the channels, or over parts of axes: over the rows of one image."""
    network = call.network
    rows = rows_of(network, value, [axis for axis in axes_as_stored(value) if axis in axes])
    height, _, width = rows.shape
    symbol = arranged(network, rows, in_memory_order(rows), (height, width, 1))
    symbol = network.add(_window_layer(function, (1, width), (height, 1)), symbol)
    return rows.computed(symbol, (height, 1, 1), without_axes(rows, axes, keep=keep))


def _window_layer(function: str, window: tuple[int, int], left: tuple[int, int]) -> Layer:
    if function == "max":
        return layers.MaxPool2d(window)
    if left == (1, 1):
        return layers.AdaptiveAvgPool2d(1)
    return layers.AvgPool2d(window)


def _axes(call: Call, value: Activation) -> list[int]:
    """Reduced axes, an attribute before operator set 18 (ReduceSum: 13) and an input since then."""
    rank = len(value.axes)
    given = call.integers_of(1, "axes")
    if not given:
        keeps_all = bool(call.integer("noop_with_empty_axes", 0))
        return [] if keeps_all else list(range(rank))
    return sorted({axis_index(axis, rank) for axis in given})


def _reduce_mean(call: Call) -> Activation:
    value = call.activation()
    keep = bool(call.integer("keepdims", 1))
    return _reduced(call, value, _axes(call, value), "mean", keep=keep)


def _reduce_max(call: Call) -> Activation:
    value = call.activation()
    keep = bool(call.integer("keepdims", 1))
    return _reduced(call, value, _axes(call, value), "max", keep=keep)


def _reduce_min(call: Call) -> Activation:
    """Minus the maximum of the negative."""
    value, keep = call.activation(), bool(call.integer("keepdims", 1))
    negative = negated(call.network, value)
    largest = _reduced(call, negative, _axes(call, value), "max", keep=keep)
    return negated(call.network, largest)


def _reduce_sum(call: Call) -> Activation:
    """The mean times the number of terms."""
    value = call.activation()
    mean = _reduce_mean(call)
    count = math.prod(value.onnx_shape[axis] for axis in _axes(call, value))
    return scaled(call.network, mean, np.full(mean.channels, count))


OPERATORS: dict[str, Operator] = {
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_average,
    "GlobalMaxPool": _global_max,
    "MaxPool": _max_pool,
    "ReduceMax": _reduce_max,
    "ReduceMean": _reduce_mean,
    "ReduceMin": _reduce_min,
    "ReduceSum": _reduce_sum,
}
