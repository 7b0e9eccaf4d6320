"""Operators of ONNX that split, select, join or move channels, or select pixels, as layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cnnx import layers
from cnnx._core import FormatError
from cnnx.onnx.arrangement import axes_as_stored, axes_of, image_with, rows_of
from cnnx.onnx.axes import Activation, Atom, axis_index, pixel_label, reshaped, whole
from cnnx.onnx.call import Call, Operator, integers_in
from cnnx.onnx.layout import channels_first, channels_first_image, flat
from cnnx.onnx.operators.cropping import selected
from cnnx.onnx.operators.resampling import repeated_pixels
from cnnx.onnx.refusal import RefusedError
from cnnx.onnx.trained_constants import activations

_MOST_PARTS = 64  # as a concat takes


def _concat(call: Call) -> Activation:
    if len(call.inputs) == 1:
        return call.activation()
    images = next(each for each in call.inputs if isinstance(each, Activation))
    axis = axis_index(call.integer("axis", 0), len(images.axes))
    if any(atom.label == "N" for atom in images.axes[axis]):
        raise RefusedError("joins the images of several batches")
    ranks = {
        each.ndim if isinstance(each, np.ndarray) else len(call.activation(k).axes)
        for k, each in enumerate(call.inputs)
    }
    if len(ranks) > 1:
        raise FormatError("joins arrays of different numbers of axes")
    values = activations(call, range(len(call.inputs)))
    values = [_in_order(call, value, axis) for value in values]
    if any(len(value.shape) == 1 or _is_flattened(value, axis) for value in values):
        values = [flat(call.network, value) for value in values]
    others = {value.axes[:axis] + value.axes[axis + 1 :] for value in values}
    if len(others) > 1 or any(value.axes[axis] != value.whole("C") for value in values):
        return _joined_along(call, values, axis)
    symbol = call.network.add(layers.Concat(), *(value.symbol for value in values))
    channels = sum(value.channels for value in values)
    axes = list(values[0].axes)
    axes[axis] = whole("C", channels)
    return values[0].computed(symbol, (*values[0].shape[:-1], channels), axes)


def _joined_along(call: Call, values: list[Activation], axis: int) -> Activation:
    """Arrays joined along any axis: that one and those stored after it are made the channels."""
    first = values[0]
    order = axes_as_stored(first)
    if axis not in order:
        raise RefusedError("joins the images of several batches")
    place = order.index(axis)
    before, after = order[:place], order[place + 1 :]
    for value in values:
        if any(value.onnx_shape[each] != first.onnx_shape[each] for each in (0, *before, *after)):
            shapes = " and ".join(str(value.onnx_shape) for value in values)
            raise FormatError(f"joins arrays of shapes {shapes} along axis {axis}")
    images = [image_with(call.network, value, before, (), (axis, *after)) for value in values]
    symbol = call.network.add(layers.Concat(), *(image.symbol for image in images))
    count = sum(value.onnx_shape[axis] for value in values)
    inner = axes_of("C", [count, *(first.onnx_shape[each] for each in after)])
    notes = list(images[0].axes)
    for each, note in zip((axis, *after), inner, strict=True):
        notes[each] = note
    channels = sum(image.channels for image in images)
    return first.computed(symbol, (*images[0].shape[:-1], channels), notes)


def _in_order(call: Call, value: Activation, axis: int) -> Activation:
    """The activation with channels that the graph shuffled brought into order by a layer."""
    is_shuffled = len(value.axes[axis]) > 1 and not _is_flattened(value, axis)
    return channels_first(call.network, value) if is_shuffled else value


def _is_flattened(value: Activation, axis: int) -> bool:
    """Whether an axis counts pixels, too."""
    return any(atom.label in "HW" for atom in value.axes[axis])


def _between(call: Call, value: Activation, axis: int, start: int, stop: int) -> Activation:
    """Part of an axis: rows, columns, channels, or the slowest part of the channels."""
    size = value.onnx_shape[axis]
    if (start, stop) == (0, size):
        return value
    if start >= stop:
        raise RefusedError(f"selects {start} to {stop} of an axis, which is nothing")
    if pixel_label(value, axis) is not None:
        return selected(call, value, {axis: range(start, stop)})
    value = _in_order(call, value, axis)
    atoms = value.axes[axis]
    if any(atom.label == "N" for atom in atoms):
        raise RefusedError("selects images of the batch")
    if len(atoms) != 1 or atoms[0].label != "C" or atoms[0].stride * size != value.channels:
        value = rows_of(call.network, value, [axis])
    stride = value.channels // size
    layer = layers.SliceChannels(start * stride, stop * stride)
    symbol = call.network.add(layer, value.symbol)
    axes = list(value.axes)
    count = stop - start
    axes[axis] = () if count == 1 else (Atom("C", stride, count),)
    return value.computed(symbol, (*value.shape[:-1], count * stride), axes)


def _split(call: Call) -> list[Activation]:
    value = call.activation()
    axis = axis_index(call.integer("axis", 0), len(value.axes))
    value = _in_order(call, value, axis)
    size = value.onnx_shape[axis]
    sizes = call.integers_of(1, "split")
    outputs = len(call.node.outputs)
    if sizes is None:
        count = call.integer("num_outputs", outputs)
        each = -(-size // max(1, count))
        sizes = [min(each, size - k * each) for k in range(count)]
    if len(sizes) != outputs:
        raise _impossible_split(size, sizes)
    return _pieces(call, value, axis, sizes, range(outputs))


def _split_to_sequence(call: Call) -> list[Activation]:
    """The pieces at the places that its inputs from the third on are (`cnnx.onnx.sequences`)."""
    if len(call.inputs) < 3:
        raise RefusedError("its sequence is read by more than SequenceAt at constant positions")
    value = call.activation()
    axis = axis_index(call.integer("axis", 0), len(value.axes))
    if any(atom.label == "N" for atom in value.axes[axis]):
        raise RefusedError("splits the batch")
    value = _in_order(call, value, axis)
    size, split = value.onnx_shape[axis], call.optional(1)
    sizes = [1] if split is None else integers_in(split)
    if (split is None or split.ndim == 0) and sizes[0] > 0:  # the last piece may be smaller
        sizes = [min(sizes[0], size - start) for start in range(0, size, sizes[0])]
    places = [integers_in(call.constant(index))[0] for index in range(2, len(call.inputs))]
    pieces = _pieces(call, value, axis, sizes, places)
    if split is None and call.integer("keepdims", 1) == 0:
        return [_without_axis(piece, axis) for piece in pieces]
    return pieces


def _pieces(
    call: Call, value: Activation, axis: int, sizes: Sequence[int], places: Sequence[int]
) -> list[Activation]:
    """Those at some places of the pieces of these sizes; negative places count from the end."""
    size = value.onnx_shape[axis]
    if sum(sizes) != size or min(sizes) < 1:
        raise _impossible_split(size, sizes)
    for place in places:
        if not -len(sizes) <= place < len(sizes):
            raise FormatError(f"has {len(sizes)} pieces, and number {place} of them is read")
    ends = np.cumsum(sizes).tolist()
    return [
        _between(call, value, axis, ends[place] - sizes[place], ends[place]) for place in places
    ]


def _impossible_split(size: int, sizes: Sequence[int]) -> FormatError:
    return FormatError(f"splits an axis of {size} into {sizes}")


def _without_axis(value: Activation, axis: int) -> Activation:
    """The activation without an axis of size 1."""
    return replace(value, axes=value.axes[:axis] + value.axes[axis + 1 :])


def _slice(call: Call) -> Activation:
    """Parts of axes: attributes before operator set 10, inputs since then."""
    value = call.activation()
    rank = len(value.axes)
    starts = call.integers_of(1, "starts") or []
    ends = call.integers_of(2, "ends") or []
    axes = call.integers_of(3, "axes") or list(range(len(starts)))
    steps = call.integers_of(4, "steps") or [1] * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise FormatError(f"has {len(starts)} starts for {len(axes)} axes")
    indices = [axis_index(axis, rank) for axis in axes]
    if len(set(indices)) < len(indices):
        raise FormatError(f"its axes are {axes}, expected each once")
    pixels: dict[int, range] = {}  # that stay of the rows and of the columns
    others: dict[int, range] = {}
    for start, end, axis, index, step in zip(starts, ends, axes, indices, steps, strict=True):
        size = value.onnx_shape[index]
        first, last, by = slice(start, end, step or 1).indices(size)
        part = range(first, last, by)
        if part == range(size):
            continue
        has_pixels = pixel_label(value, index) is not None
        if by != 1 and (not part or (by < 0 and has_pixels)):
            beyond = "the end" if by > 0 else "the beginning"
            until = end if -size <= end < size else beyond
            raise RefusedError(f"selects {start} to {until} of axis {axis} in steps of {step}")
        (pixels if part and has_pixels else others)[index] = part
    for index, part in others.items():
        value = _in_steps(call, value, index, part)
    # The layers of the others may have joined the rows and the columns.
    apart = {index: part for index, part in pixels.items() if pixel_label(value, index) is not None}
    if apart:
        value = selected(call, value, apart)
    for index, part in pixels.items():
        if index not in apart:
            value = _in_steps(call, value, index, part)
    return value


def _in_steps(call: Call, value: Activation, axis: int, part: range) -> Activation:
    """Parts of an axis in equal steps."""
    if part.step == 1:
        return _between(call, value, axis, part.start, part.stop)
    return _chosen(call, value, axis, part)


def _gather(call: Call) -> Activation:
    """One channel, a range of channels or any list of them; rows or columns as upsampling does."""
    value, indices = call.activation(), call.constant(1)
    axis = axis_index(call.integer("axis", 0), len(value.axes))
    size = value.onnx_shape[axis]
    if np.array_equal(indices.reshape(-1), np.arange(size)):
        # PyTorch writes strides so.
        shape = [*value.onnx_shape[:axis], *indices.shape, *value.onnx_shape[axis + 1 :]]
        return reshaped(value, shape)
    wanted = integers_in(indices)
    if indices.ndim > 1 or not wanted or any(not -size <= each < size for each in wanted):
        raise RefusedError(f"selects {wanted} of an axis of {size}")
    repeated = repeated_pixels(call, value, axis, wanted) if indices.ndim else None
    if repeated is not None:
        return repeated
    wanted = [each % size for each in wanted]
    if pixel_label(value, axis) is not None:
        step = wanted[1] - wanted[0] if len(wanted) > 1 else 1
        part = range(wanted[0], wanted[-1] + 1, max(step, 1))
        if list(part) != wanted:
            raise RefusedError(f"selects rows or columns {wanted}, expected them in equal steps")
        done = selected(call, value, {axis: part})
    else:
        done = _chosen(call, value, axis, wanted)
    return _without_axis(done, axis) if indices.ndim == 0 else done


def _gather_nd(call: Call) -> Activation:
    """The elements of the first axis in a list, as PyTorch selects those of any axis."""
    indices = call.constant(1)
    if call.integer("batch_dims", 0) != 0 or indices.shape[-1:] != (1,):
        raise RefusedError("selects along several axes at once, expected one")
    node = replace(call.node, attributes={"axis": 0})
    return _gather(replace(call, node=node, inputs=[call.activation(), indices[..., 0]]))


def _tile(call: Call) -> Activation:
    """An array joined with itself along its axes; those of one element are repeated."""
    value, counts = call.activation(), integers_in(call.constant(1))
    if len(counts) != len(value.axes):
        raise FormatError(f"repeats {len(value.axes)} axes {counts} times")
    if counts[0] != 1:
        raise RefusedError("repeats the images of the batch")
    if any(not 1 <= each <= _MOST_PARTS for each in counts):
        raise RefusedError(f"repeats axes {counts} times, expected 1 to {_MOST_PARTS} times")
    shape = [size * count for size, count in zip(value.onnx_shape, counts, strict=True)]
    for axis, count in enumerate(counts):
        if count > 1 and value.onnx_shape[axis] > 1:
            node = replace(call.node, attributes={"axis": axis})
            value = _concat(replace(call, node=node, inputs=[value] * count))
    return value if value.onnx_shape == tuple(shape) else replace(value, repeated_to=tuple(shape))


def _chosen(call: Call, value: Activation, axis: int, wanted: Sequence[int]) -> Activation:
    """Some channels, or parts of any other axis, in any order."""
    runs = _runs(wanted)
    if len(runs) > _MOST_PARTS:
        raise RefusedError(f"selects {len(runs)} parts of an axis, expected at most {_MOST_PARTS}")
    value = _in_order(call, value, axis)
    parts = [_between(call, value, axis, start, stop) for start, stop in runs]
    return parts[0] if len(parts) == 1 else _joined(call, parts, axis)


def _runs(indices: Sequence[int]) -> list[tuple[int, int]]:
    """Ranges that hold the indices in their order."""
    runs: list[tuple[int, int]] = []
    for index in indices:
        if runs and runs[-1][1] == index:
            runs[-1] = (runs[-1][0], index + 1)
        else:
            runs.append((index, index + 1))
    return runs


def _joined(call: Call, parts: list[Activation], axis: int) -> Activation:
    return _concat(
        replace(
            call,
            inputs=parts,
            node=replace(call.node, attributes={"axis": axis}),
        )
    )


def _depth_to_space(call: Call) -> Activation:
    block = call.integer("blocksize", 0)
    mode = call.word("mode", "DCR")
    value = channels_first_image(call.network, call.activation())
    symbol = call.network.add(layers.DepthToSpace(block, mode=mode), value.symbol)
    height, width, channels = value.shape
    return _moved(value, symbol, (height * block, width * block, channels // block**2))


def _space_to_depth(call: Call) -> Activation:
    block = call.integer("blocksize", 0)
    value = channels_first_image(call.network, call.activation())
    layer = layers.SpaceToDepth(block, mode=call.word("mode", "DCR"))
    symbol = call.network.add(layer, value.symbol)
    height, width, channels = value.shape
    return _moved(value, symbol, (height // block, width // block, channels * block**2))


def _moved(value: Activation, symbol: Any, shape: tuple[int, int, int]) -> Activation:
    height, width, channels = shape
    axes = (value.axes[0], whole("C", channels), whole("H", height), whole("W", width))
    return value.computed(symbol, shape, axes)


OPERATORS: dict[str, Operator] = {
    "Concat": _concat,
    "DepthToSpace": _depth_to_space,
    "Gather": _gather,
    "GatherND": _gather_nd,
    "Slice": _slice,
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "SplitToSequence": _split_to_sequence,
    "Tile": _tile,
}
