"""Brings the numbers of an activation into any order, by layers that reshape and shuffle.

cnnx has no transposition of axes. It has one of two factors of the channels, which is a channel
shuffle, and any transposition is a row of those with other factors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from cnnx import layers
from cnnx.layers.base import Symbol
from cnnx.onnx.axes import Activation, Atom, Axis, is_batch, memory_step, merged, transposed, whole
from cnnx.onnx.network import Network
from cnnx.onnx.refusal import RefusedError

# Axes of an array of 3 or 4 axes in the order in which an image has them, without the batch.
_AS_IMAGE = {3: (2, 1), 4: (2, 3, 1)}


def arranged(
    network: Network,
    value: Activation,
    order: Sequence[Atom],
    shape: tuple[int, int, int],
    name: str | None = "",
) -> Symbol:
    """The numbers of an activation in another order, as an image.

    Args:
        network: network to which layers are added.
        value: the activation.
        order: all its atoms but the batch, in the order that its numbers are to have.
        shape: (height, width, channels) of the image.
        name: name of the last layer that is added, as in `Network.add`.

    Raises:
        RefusedError: if the order lacks atoms that an axis has together with the batch.
    """
    if sorted(order) != sorted(in_memory_order(value)):
        raise RefusedError("does not have the batch as its first axis alone")
    form = ("order", tuple(order), shape)

    def add() -> Symbol:
        symbol, now = _shuffled(network, value, order)
        return symbol if now == shape else image_of(network, symbol, shape, name)

    return network.arranged(value.symbol, form, add)


def shuffles_to(value: Activation, order: Sequence[Atom]) -> int:
    """Number of channel shuffles that bring the numbers of an activation into another order."""
    left, count = in_memory_order(value), 0
    for atom in order:
        place = left.index(atom)
        count += place > 0
        left = left[place + 1 :] + left[:place]
    return count


def _shuffled(
    network: Network, value: Activation, order: Sequence[Atom]
) -> tuple[Symbol, tuple[int, ...]]:
    """The numbers in another order, and the shape of the layer's output."""
    symbol, now = value.symbol, value.shape
    left = in_memory_order(value)
    pixels = 1  # counted by the atoms that are in their place
    for atom in order:
        place = left.index(atom)
        if place > 0:
            channels = count_of(left)
            if now[-1] != channels:
                now = (1, pixels, channels)
                symbol = image_of(network, symbol, now)
            shuffle = layers.ChannelShuffle(count_of(left[:place]))
            symbol = network.add(shuffle, symbol, name="")
            network.transpositions += 1
            left = left[place:] + left[:place]
        pixels *= left.pop(0).size
    return symbol, now


def listed(network: Network, value: Activation, shape: Sequence[int]) -> Activation:
    """The numbers in the order of the ONNX array, as an ONNX array of another shape.

    Raises:
        RefusedError: if the batch is not the first axis of both.
    """
    if tuple(shape[:1]) != value.onnx_shape[:1]:
        raise RefusedError("divides the batch")
    numbers = (1, 1, math.prod(shape[1:]))
    symbol = arranged(network, value, atoms_in(value), numbers)
    return value.computed(symbol, numbers, (value.axes[0], *axes_of("C", shape[1:])))


def image_with(
    network: Network,
    value: Activation,
    rows: Sequence[int],
    columns: Sequence[int],
    channels: Sequence[int],
) -> Activation:
    """The activation as an image, the axes of whose height, width and channels are given.

    Together they are all axes but the batch. Those that are joined with the batch are rows.
    """
    axes, sizes = (*rows, *columns, *channels), outer_sizes(value)
    joined, *of_rows = axes_of("H", [sizes[0], *(sizes[axis] for axis in rows)])
    notes = [
        *of_rows,
        *axes_of("W", [sizes[axis] for axis in columns]),
        *axes_of("C", [sizes[axis] for axis in channels]),
    ]
    height, width, count = (
        math.prod(sizes[axis] for axis in part) for part in ((0, *rows), columns, channels)
    )
    shape = (height, width, count)
    symbol = arranged(network, value, image_atoms(value, axes), shape)
    batch = merged((value.axes[0][0], *joined))
    return value.computed(symbol, shape, placed(batch, axes, notes))


def rows_of(network: Network, value: Activation, axes: Sequence[int]) -> Activation:
    """The activation with some axes as the channels, and all others but the batch as the height."""
    batch = next((k for k, axis in enumerate(value.axes) if is_batch(axis[:1])), 0)
    if batch in axes:
        raise RefusedError("works along the batch, expected one image at a time")
    if batch > 0:  # as in PyTorch's attention, whose first axis is that of the tokens
        order = [batch, *(k for k in range(len(value.axes)) if k != batch)]
        done = rows_of(network, transposed(value, order), [order.index(axis) for axis in axes])
        return transposed(done, [order.index(axis) for axis in range(len(order))])
    others = [each for each in axes_as_stored(value) if each not in axes]
    return image_with(network, value, others, (), axes)


def with_width(network: Network, value: Activation, axis: int) -> Activation:
    """The activation with an axis as the width, between those that are stored before and after."""
    order = axes_as_stored(value)
    if axis not in order:
        raise RefusedError("works along the batch, expected one image at a time")
    place = order.index(axis)
    return image_with(network, value, order[:place], (axis,), order[place + 1 :])


def stored_alike(network: Network, value: Activation, other: Activation) -> Activation | None:
    """The activation with its axes in the order in which another image of its shape has them.

    None if the other is no image, or has parts of its axes apart.
    """
    order = axes_as_stored(other)
    if len(other.shape) != 3 or image_atoms(other, order) != in_memory_order(other):
        return None
    height, width, channels = other.shape
    symbol = arranged(network, value, image_atoms(value, order), (height, width, channels))
    return value.computed(symbol, other.shape, other.axes)


def image_of(
    network: Network, symbol: Symbol, shape: tuple[int, int, int], name: str | None = ""
) -> Symbol:
    """The same numbers as an image of a shape, from before views without a name."""
    while (
        symbol.layer is not None
        and symbol.layer.kind in ("flatten", "reshape")
        and not network.name_of(symbol)
    ):
        symbol = symbol.inputs[0]
    height, width, channels = shape
    return network.add(layers.Reshape((height, width), channels), symbol, name=name)


def atoms_in(value: Activation, axes: Sequence[int] | None = None) -> list[Atom]:
    """The atoms of some axes of the ONNX array in their order, by default all after the first."""
    chosen = range(1, len(value.axes)) if axes is None else axes
    return [atom for axis in chosen for atom in value.axes[axis]]


def in_memory_order(value: Activation) -> list[Atom]:
    """All atoms but the batch in the order in which the layer's output has them."""
    atoms = [atom for axis in value.axes for atom in axis if atom.label != "N"]
    return sorted(atoms, key=lambda atom: -memory_step(value, atom))


def joined_with_batch(value: Activation) -> Axis:
    """The atoms that the first axis counts beside the batch.

    Raises:
        RefusedError: if it does not count the batch, as the slowest of them, or another axis does.
    """
    first, others = value.axes[0], atoms_in(value)
    if not is_batch(first[:1]) or any(atom.label == "N" for atom in (*first[1:], *others)):
        raise RefusedError("does not have the batch as its first axis")
    return first[1:]


def image_atoms(value: Activation, axes: Sequence[int]) -> list[Atom]:
    """The atoms of one image: those that are joined with the batch, then those of some axes."""
    return [*joined_with_batch(value), *atoms_in(value, axes)]


def outer_sizes(value: Activation) -> list[int]:
    """Sizes of the axes, of the first without the batch."""
    return [count_of(joined_with_batch(value)), *value.onnx_shape[1:]]


def count_of(atoms: Sequence[Atom]) -> int:
    """Numbers that atoms count."""
    return math.prod(atom.size for atom in atoms)


def axes_as_image(rank: int) -> tuple[int, ...]:
    """The axes but the batch in the order in which an image has them, if there are 3 or 4."""
    return _AS_IMAGE.get(rank, tuple(range(1, rank)))


def axes_as_stored(value: Activation) -> tuple[int, ...]:
    """The axes but the batch in the order of the layer's output, the slowest first.

    That of an image if the output has parts of an axis apart.
    """
    rank = len(value.axes)
    natural = tuple(range(1, rank))
    image = axes_as_image(rank)
    stored = [atom for atom in in_memory_order(value) if atom not in value.axes[0]]
    places = {
        axis: max((stored.index(each) for each in value.axes[axis] if each in stored), default=-1)
        for axis in natural
    }
    orders = (natural, image, tuple(sorted(natural, key=places.__getitem__)))
    return next((each for each in orders if atoms_in(value, each) == stored), image)


def axes_of(label: str, sizes: Sequence[int]) -> list[Axis]:
    """The notes of axes that count one axis of an image together, the slowest first.

    Args:
        label: axis of the image.
        sizes: of the axes.
    """
    return [
        () if size == 1 else (Atom(label, math.prod(sizes[k + 1 :]), size),)
        for k, size in enumerate(sizes)
    ]


def placed(batch: Axis, order: Sequence[int], notes: Sequence[Axis]) -> list[Axis]:
    """The notes of all axes of an ONNX array, of those in `order` and of the batch before them."""
    by_axis = dict(zip(order, notes, strict=True))
    return [batch, *(by_axis[axis] for axis in sorted(by_axis))]


def broadcast(
    network: Network, value: Activation, shape: Sequence[int], order: Sequence[int]
) -> Activation:
    """The activation repeated along axes of size 1, to the shape of an ONNX array.

    Args:
        network: network to which layers are added.
        value: the activation.
        shape: the shape.
        order: the axes but the batch in the order that the numbers are to have.

    Raises:
        RefusedError: if the batch is not the first axis of both, or it has other axes.
    """
    if value.onnx_shape == tuple(shape):
        return value
    if len(shape) != len(value.axes) or shape[0] != value.onnx_shape[0]:
        raise RefusedError(f"repeats an activation of shape {value.onnx_shape} to {tuple(shape)}")
    sizes, wanted = ([each[axis] for axis in order] for each in (value.onnx_shape, shape))
    image, places = (math.prod(wanted[:-1]), 1, wanted[-1]), axes_of("H", wanted[:-1])
    if tuple(order) == _AS_IMAGE[4]:
        image = (wanted[0], wanted[1], wanted[2])
        places = [whole("H", image[0]), whole("W", image[1])]
    symbol = arranged(network, value, atoms_in(value, order), (1, 1, math.prod(sizes)))
    if math.prod(sizes[:-1]) == 1 and sizes[-1] == wanted[-1]:
        symbol = network.add(layers.Upsample2d(image[:2]), symbol)
    else:
        for k, (size, count) in enumerate(zip(sizes, wanted, strict=True)):
            if size != count:
                before, after = math.prod(wanted[:k]), math.prod(sizes[k + 1 :])
                symbol = image_of(network, symbol, (before, 1, after))
                symbol = network.add(layers.Upsample2d((1, count)), symbol)
        symbol = image_of(network, symbol, image)
    notes = placed(value.axes[0], order, (*places, whole("C", image[2])))
    return replace(value.computed(symbol, image, notes), repeated_to=None)
