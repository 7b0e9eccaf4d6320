"""Operators of ONNX that reshape or measure an array: most change only the note on its axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cnnx._core import FormatError
from cnnx.onnx.arrangement import atoms_in, axes_as_image, image_of, in_memory_order, listed
from cnnx.onnx.axes import Activation, axis_index, is_batch, reshaped, transposed, whole
from cnnx.onnx.call import Call, Operator, integers_in
from cnnx.onnx.graph import Array
from cnnx.onnx.layout import channels_in_order, features_if_one_pixel, flat
from cnnx.onnx.refusal import RefusedError


def _reshape(call: Call) -> Activation:
    value = call.activation()
    wanted = integers_in(call.constant(1))
    shape = resolved_shape(value.onnx_shape, wanted, call.integer("allowzero", 0))
    try:
        done = reshaped(value, shape)
    except RefusedError:  # divides an axis at no factor of it
        done = listed(call.network, value, shape)
    if call.network.folds or len(shape) != 4:
        return features_if_one_pixel(call.network, done)
    if atoms_in(done) == in_memory_order(done):  # in a file of cnnx it may belong to a reshape
        return done
    # It may be the end of a channel shuffle.
    return channels_in_order(call.network, done) or done


def resolved_shape(shape: Sequence[int], wanted: Sequence[int], allow_zero: int) -> list[int]:
    """The wanted shape with its 0, the size of the same axis, and its -1, the rest, as numbers.

    Raises:
        FormatError: if it does not fit the number of elements.
    """
    sizes = list(wanted)
    for k, size in enumerate(sizes):
        if size == 0 and not allow_zero:
            if k >= len(shape):
                raise FormatError(f"reshapes {tuple(shape)} to {sizes}")
            sizes[k] = shape[k]
    if -1 in sizes:
        known = math.prod(size for size in sizes if size != -1)
        if sizes.count(-1) > 1 or known <= 0 or math.prod(shape) % known:
            raise FormatError(f"reshapes {tuple(shape)} to {list(wanted)}")
        sizes[sizes.index(-1)] = math.prod(shape) // known
    if any(size < 0 for size in sizes) or math.prod(sizes) != math.prod(shape):
        raise FormatError(f"reshapes {tuple(shape)} to {list(wanted)}")
    return sizes


def _flatten(call: Call) -> Activation:
    value = call.activation()
    if not call.network.folds:  # in a file of cnnx it is a layer
        value = flat(call.network, value, call.network.node_name)
    shape = value.onnx_shape
    axis = call.integer("axis", 1)
    axis = axis if axis == len(shape) else axis_index(axis, len(shape))
    done = reshaped(value, [math.prod(shape[:axis]), math.prod(shape[axis:])])
    return features_if_one_pixel(call.network, done)


def _transpose(call: Call) -> Activation:
    value = call.activation()
    order = call.integers("perm", range(len(value.axes))[::-1])
    done = transposed(value, order)
    if call.network.folds or order != [0, 3, 1, 2]:
        return done
    return _end_of_reshape(call, done)


def _end_of_reshape(call: Call, value: Activation) -> Activation:
    """The image that a Transpose in a file of cnnx leaves, by the layer that it may be."""
    _, channels, height, width = value.onnx_shape
    shape = (height, width, channels)
    axes = (value.axes[0], whole("C", channels), whole("H", height), whole("W", width))
    is_image = value.axes == axes and len(value.shape) == 3
    numbers = atoms_in(value, axes_as_image(4))
    if is_image or not is_batch(axes[0]) or numbers != in_memory_order(value):
        return value
    symbol = image_of(call.network, value.symbol, shape, name=None)
    return value.computed(symbol, shape, axes)


def _squeeze(call: Call) -> Activation:
    value = call.activation()
    rank = len(value.axes)
    given = call.integers_of(1, "axes")
    if given is None:
        gone = {k for k, axis in enumerate(value.axes) if axis == ()}
    else:
        gone = {axis_index(axis, rank) for axis in given}
    for axis in gone:
        if is_batch(value.axes[axis]):
            raise RefusedError("drops the axis of the batch")
        if value.axes[axis] != ():
            raise FormatError(f"drops axis {axis} of {value.onnx_shape}")
    done = replace(value, axes=tuple(a for k, a in enumerate(value.axes) if k not in gone))
    return features_if_one_pixel(call.network, done)


def _unsqueeze(call: Call) -> Activation:
    value = call.activation()
    given = call.integers_of(1, "axes") or []
    rank = len(value.axes) + len(given)
    added = {axis_index(axis, rank) for axis in given}
    rest = iter(value.axes)
    axes = tuple(() if k in added else next(rest) for k in range(rank))
    return replace(value, axes=axes)


def _shape(call: Call) -> Array:
    """Sizes of an activation, which are known."""
    sizes = np.array(call.activation().onnx_shape, np.int64)
    rank = len(sizes)
    start, end = call.integer("start", 0), call.integer("end", rank)
    return sizes[slice(start, end)]


def _size(call: Call) -> Array:
    return np.array(math.prod(call.activation().onnx_shape), np.int64)


def _expand(call: Call) -> Activation:
    value = call.activation()
    shape = tuple(integers_in(call.constant(1)))
    repeated = np.broadcast_shapes(shape, value.onnx_shape)
    return value if repeated == value.onnx_shape else replace(value, repeated_to=repeated)


OPERATORS: dict[str, Operator] = {
    "Expand": _expand,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Shape": _shape,
    "Size": _size,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
