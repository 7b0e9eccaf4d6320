"""Convolutions, transposed convolutions and fully connected layers of ONNX as layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnx import layers
from cnnx._core import FormatError
from cnnx.layers.base import Symbol
from cnnx.onnx.affine import shifted
from cnnx.onnx.arrangement import rows_of
from cnnx.onnx.axes import (
    Activation,
    atoms_of,
    is_batch,
    merged,
    per_channel,
    positions,
    whole,
)
from cnnx.onnx.call import Call, Operator
from cnnx.onnx.graph import Array
from cnnx.onnx.layout import channels_first, channels_first_image, flat
from cnnx.onnx.operators.products import matrix_product
from cnnx.onnx.operators.windows import Windows, pair_of, windows_of
from cnnx.onnx.refusal import RefusedError
from cnnx.onnx.trained_constants import constant_input

_COLUMNS = 64  # whose copies stay in a cache


def _conv(call: Call) -> Activation:
    value = channels_first(call.network, call.activation())
    weight = _kernels(call.constant(1), len(value.axes))
    bias = call.optional(2)
    groups = call.integer("group", 1)
    out_channels, within, *kernel = weight.shape
    if within * groups != value.channels or groups < 1 or out_channels % groups:
        raise FormatError(
            f"its weight has shape {weight.shape} for {value.channels} channels in {groups} groups"
        )
    scale = call.weight_scale(0, out_channels)
    size = (value.size("H"), value.size("W"))
    if len(value.shape) == 1:
        if groups == 1 and weight.shape[2:] == (1, 1) and not any(call.integers("pads", [])):
            return _dense_of_kernels(call, value, weight)
        value = channels_first_image(call.network, value)
    windows = windows_of(call, kernel[: len(value.axes) - 2], size)
    source, windows = _with_padding_before(call, value.symbol, windows)
    layer = layers.Conv2d(
        out_channels,
        windows.kernel,
        stride=windows.stride,
        padding=windows.padding,
        dilation=windows.dilation,
        groups=groups,
        bias=bias is not None,
        int8_weight=scale is not None,
    )
    arrays = _given(bias=bias, weight_scale=scale)
    symbol = call.network.add(
        layer, source, name=call.name(), weight=weight.transpose(2, 3, 1, 0), **arrays
    )
    if source is not value.symbol:
        size = _size_before(value.symbol, size)
    shape = (windows.outputs(0, size[0]), windows.outputs(1, size[1]), out_channels)
    return _image_of(value, symbol, shape)


def _given(**arrays: Array | None) -> dict[str, Array]:
    """The arrays that a layer has."""
    return {name: array for name, array in arrays.items() if array is not None}


def _kernels(weight: Array, rank: int) -> Array:
    """The weights of a convolution with two spatial axes."""
    if weight.ndim != rank:
        raise FormatError(f"its weight has {weight.ndim} axes, expected {rank}")
    return weight[..., np.newaxis] if rank == 3 else weight


def _image_of(value: Activation, symbol: Symbol, shape: tuple[int, int, int]) -> Activation:
    """Result of a layer over the image `value` with the same order of axes."""
    height, width, channels = shape
    spatial = (whole("H", height), whole("W", width))[: len(value.axes) - 2]
    return value.computed(symbol, shape, (value.axes[0], whole("C", channels), *spatial))


def _with_padding_before(call: Call, symbol: Symbol, windows: Windows) -> tuple[Symbol, Windows]:
    """The windows with the padding of a layer before them, which then is not needed."""
    layer = symbol.layer
    if layer is None or layer.kind != "zero_pad2d" or isinstance(windows.padding, str):
        return symbol, windows
    if not call.network.folds:
        return symbol, windows
    top, bottom, left, right = layer.settings["padding"]
    (first, last), (start, end) = windows.padding
    sides = ((first + top, last + bottom), (start + left, end + right))
    return symbol.inputs[0], windows._replace(padding=sides)


def _size_before(padded: Symbol, size: tuple[int, int]) -> tuple[int, int]:
    """Size of an image before a layer of zero padding."""
    assert padded.layer is not None
    top, bottom, left, right = padded.layer.settings["padding"]
    return size[0] - top - bottom, size[1] - left - right


def _dense_of_kernels(call: Call, value: Activation, weight: Array) -> Activation:
    """A convolution of one pixel that holds features is a fully connected layer."""
    scale = call.weight_scale(0, weight.shape[0])
    return dense(call, value, weight[:, :, 0, 0].T, call.optional(2), scale)


def dense(
    call: Call, value: Activation, weight: Array, bias: Array | None, scale: Array | None
) -> Activation:
    """Fully connected layer.

    Args:
        call: node.
        value: features in the order of ONNX, their axis the second.
        weight: (in_features, out_features), rows in the order of ONNX.
        bias: (out_features,), or None.
        scale: (out_features,), if the weight is int8 times it.
    """
    if not is_batch(value.axes[0]):
        raise RefusedError("its first axis is not the batch")
    features = flat(call.network, value)
    if weight.shape[0] != features.channels:
        raise FormatError(f"its weight has {weight.shape[0]} rows for {features.channels} features")
    order = positions(features).reshape(-1)
    if np.any(order[1:] < order[:-1]):
        weight = _with_rows(weight, np.argsort(order))
    count = weight.shape[1]
    symbol = call.network.add(
        layers.Dense(count, bias=bias is not None, int8_weight=scale is not None),
        features.symbol,
        name=call.name(),
        weight=weight,
        **_given(bias=bias, weight_scale=scale),
    )
    rest = value.axes[2:]  # of size 1, after a convolution of one pixel
    return features.computed(symbol, (count,), (value.axes[0], whole("C", count), *rest))


def _with_rows(weight: Array, rows: NDArray[np.intp]) -> Array:
    """Some rows of a matrix, a few columns at a time, for PyTorch's matrix is a transposed one."""
    if weight.flags.c_contiguous:
        return weight[rows]
    result = np.empty((len(rows), weight.shape[1]), weight.dtype)
    for first in range(0, weight.shape[1], _COLUMNS):
        columns = slice(first, first + _COLUMNS)
        result[:, columns] = weight.T[columns][:, rows].T
    return result


def _conv_transpose(call: Call) -> Activation:
    value = channels_first_image(call.network, call.activation())
    weight = _kernels(call.constant(1), len(value.axes))
    bias = call.optional(2)
    groups = call.integer("group", 1)
    in_channels, within, *kernel = weight.shape
    if in_channels != value.channels:
        raise FormatError(f"its weight has {in_channels} channels, its input {value.channels}")
    count = len(value.axes) - 2
    size = (value.size("H"), value.size("W"))
    windows = windows_of(call, kernel[:count], size)
    padding, extra = _cropping(call, windows, size, count)
    out_channels = within * groups
    layer = layers.ConvTranspose2d(
        out_channels,
        windows.kernel,
        stride=windows.stride,
        padding=padding,
        output_padding=extra,
        dilation=windows.dilation,
        groups=groups,
        bias=bias is not None,
    )
    arrays = {} if bias is None else {"bias": bias}
    symbol = call.network.add(
        layer, value.symbol, name=call.name(), weight=weight.transpose(2, 3, 1, 0), **arrays
    )
    sizes = [
        (size[k] - 1) * windows.stride[k] + windows.extent[k] + extra[k] - sum(padding[k])
        for k in range(2)
    ]
    return _image_of(value, symbol, (sizes[0], sizes[1], out_channels))


def _cropping(
    call: Call, windows: Windows, size: tuple[int, int], count: int
) -> tuple[tuple[tuple[int, int], tuple[int, int]], tuple[int, int]]:
    """Pixels cropped on each side of a transposed convolution's output, and those added."""
    extra = list(pair_of(call.integers("output_padding", [0] * count), "output_padding", 0))
    if count == 1:
        extra[1] = 0
    auto_pad = call.word("auto_pad", "NOTSET")
    wanted = call.integers("output_shape", [])
    if not wanted and not auto_pad.startswith("SAME"):
        assert not isinstance(windows.padding, str)
        return windows.padding, (extra[0], extra[1])
    sides = []
    for axis in range(2):
        full = (size[axis] - 1) * windows.stride[axis] + windows.extent[axis] + extra[axis]
        target = size[axis] * windows.stride[axis]
        if wanted:
            target = wanted[-count:][axis] if axis < count else 1
        total = full - target
        if total < 0 and not wanted:  # ONNX Runtime computes a smaller image than ONNX defines
            raise RefusedError(f"its auto_pad is {auto_pad} and its stride exceeds its kernel")
        if total < 0:
            extra[axis] -= total
            total = 0
        smaller = total // 2
        first = smaller if auto_pad == "SAME_UPPER" else total - smaller
        sides.append((first, total - first))
    return (sides[0], sides[1]), (extra[0], extra[1])


def _gemm(call: Call) -> Activation:
    """`alpha * x @ weight + beta * bias`."""
    if call.integer("transA", 0):
        raise RefusedError("transposes the batch and the features")
    value = call.activation()
    weight = _matrix(call.constant(1))
    weight = weight.T if call.integer("transB", 0) else weight
    alpha, beta = call.number("alpha", 1.0), call.number("beta", 1.0)
    bias = call.optional(2)
    if len(value.axes) != 2:
        raise FormatError(f"reads an array of {len(value.axes)} axes, expected 2")
    if not is_batch(value.axes[0]):
        return _rows_multiplied(call, value, weight * alpha)
    count = weight.shape[1]
    scale = call.weight_scale(0 if call.integer("transB", 0) else 1, count)
    if alpha != 1:
        weight = weight * alpha
        scale = None if scale is None or alpha <= 0 else scale * np.float32(alpha)
    done = dense(call, value, weight, None if bias is None else np.zeros(count), scale)
    if bias is None:
        return done
    vector = per_channel(done, bias * beta if beta != 1 else bias)
    return done.computed(call.network.changed(done.symbol, {}, bias=vector))


def _rows_multiplied(call: Call, value: Activation, weight: Array) -> Activation:
    """Features times a matrix, for each index of axes that the graph joins with the batch."""
    apart = replace(value, axes=(*((atom,) for atom in value.axes[0]), value.axes[1]))
    in_floats = replace(call, weight_scales={})  # because they are of the axes of a Gemm's weight
    done = _multiplied(in_floats, apart, weight, len(apart.axes) - 1)
    bias = call.optional(2)
    if bias is not None:
        done = shifted(call.network, done, per_channel(done, bias * call.number("beta", 1.0)))
    rows = merged(atom for axis in done.axes[:-1] for atom in axis)
    return replace(done, axes=(rows, done.axes[-1]))


def _matrix(weight: Array) -> Array:
    if weight.ndim != 2:
        raise RefusedError(f"multiplies with an array of shape {weight.shape}, expected a matrix")
    return weight


def _mat_mul(call: Call) -> Activation:
    """A product with a matrix along the last axis, or from the left along the one before."""
    values = _matrices(call)
    if values is not None:
        return matrix_product(call, *values)
    if isinstance(call.operand(0), Activation):
        value, axis = call.activation(), len(call.activation().axes) - 1
        matrix = _matrix(call.constant(1)).T
    else:
        value = call.activation(1)
        axis = len(value.axes) - 2
        matrix = _matrix(call.constant(0))
    if axis < 1:
        raise RefusedError("multiplies along the batch, expected one image at a time")
    if matrix.shape[1] != value.onnx_shape[axis]:
        raise FormatError(f"multiplies an axis of {value.onnx_shape[axis]} by {matrix.shape[1]}")
    return _averaged(call, value, matrix, axis) or _multiplied(call, value, matrix.T, axis)


def _matrices(call: Call) -> tuple[Activation, Activation] | None:
    """Both inputs if they are activations, or one and a constant of several matrices."""
    first, second = (call.operand(index) for index in (0, 1))
    if isinstance(first, np.ndarray) and isinstance(second, Activation) and first.ndim > 2:
        first = constant_input(call, 0, second)
    if isinstance(second, np.ndarray) and isinstance(first, Activation) and second.ndim > 2:
        second = constant_input(call, 1, first)
    if isinstance(first, Activation) and isinstance(second, Activation):
        return first, second
    return None


def _multiplied(call: Call, value: Activation, weight: Array, axis: int) -> Activation:
    """The channels of every pixel, or features, times a matrix; another axis is made the channels.

    Args:
        call: node.
        value: the activation.
        weight: the matrix, (in_features, out_features).
        axis: the axis that the matrix multiplies.
    """
    count = weight.shape[1]
    # The scales of an int8 weight, which multiplies from the right.
    scale = call.weight_scale(1, count) if axis == len(value.axes) - 1 else None
    if len(value.axes) == 2:
        return dense(call, value, weight, None, scale)
    if atoms_of(value, [axis]) != set(value.whole("C")):
        value = rows_of(call.network, value, [axis])
    integers = scale is not None
    layer: Any = layers.Dense(count, bias=False, int8_weight=integers)
    kernels = weight
    if len(value.shape) == 3:
        layer = layers.Conv2d(count, 1, bias=False, int8_weight=integers)
        kernels = weight[np.newaxis, np.newaxis]
    arrays = _given(weight=kernels, weight_scale=scale)
    symbol = call.network.add(layer, value.symbol, name=call.name(), **arrays)
    axes = list(value.axes)
    axes[axis] = whole("C", count)
    return value.computed(symbol, (*value.shape[:-1], count), axes)


def _averaged(call: Call, value: Activation, matrix: Array, axis: int) -> Activation | None:
    """A product with the means of adaptive pooling along the height or the width, if it is one.

    cnnx writes an adaptive pooling so whose windows differ in size.
    """
    label = "W" if axis == len(value.axes) - 1 else "H"
    size = value.size(label)
    if value.axes[axis] != value.whole(label) or (size == 1 and call.network.folds):
        return None  # one pixel of another file may be one channel, which a matrix repeats
    count = matrix.shape[0]
    first = np.arange(count) * size // count
    last = -(-np.arange(1, count + 1) * size // count)
    index = np.arange(size)
    inside = (index >= first[:, np.newaxis]) & (index < last[:, np.newaxis])
    means = inside / inside.sum(axis=1, keepdims=True)
    if not np.allclose(matrix, means, atol=1e-6):
        return None
    height, width = value.size("H"), value.size("W")
    output_size = (height, count) if label == "W" else (count, width)
    source = value.symbol
    if label == "H" and source in call.network.pooled_along_width:
        source = source.inputs[0]  # one layer pools both axes
    symbol = call.network.add(layers.AdaptiveAvgPool2d(output_size), source)
    if label == "W":
        call.network.pooled_along_width.add(symbol)
    axes = list(value.axes)
    axes[axis] = whole(label, count)
    return value.computed(symbol, (*output_size, value.channels), axes)


OPERATORS: dict[str, Operator] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _mat_mul,
}
