"""Brings an activation into the form that a layer reads: an image, or flat features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from cnnx import layers
from cnnx.layers import Layer
from cnnx.layers.base import Symbol
from cnnx.onnx.arrangement import arranged, atoms_in, axes_as_image, broadcast
from cnnx.onnx.axes import Activation, Atom, Axis, is_batch, memory_step, merged, whole
from cnnx.onnx.network import Network
from cnnx.onnx.refusal import RefusedError

_MOST_BLOCK_SIZE = 16


def flat(network: Network, value: Activation, name: str = "") -> Activation:
    """The activation as features; its note then has parts of one axis, in the order of ONNX.

    Args:
        network: network to which a layer is added.
        value: the activation.
        name: name of that layer.
    """
    if len(value.shape) == 1:
        return value
    height, width, channels = value.shape
    axes = [
        merged(
            atom if atom.label == "N" else Atom("C", memory_step(value, atom), atom.size)
            for atom in axis
        )
        for axis in value.axes
    ]
    source = value.symbol.layer

    def add() -> Symbol:
        if source is not None and source.kind == "adaptive_avg_pool2d" and height == width == 1:
            return network.add(layers.GlobalAvgPool2d(), *value.symbol.inputs, name=name)
        return network.add(layers.Flatten(), value.symbol, name=name)

    symbol = network.arranged(value.symbol, "flat", add)
    return replace(value, symbol=symbol, shape=(height * width * channels,), axes=tuple(axes))


def features_if_one_pixel(network: Network, value: Activation) -> Activation:
    """An image of one pixel with the axes of features as features; anything else as it is.

    A pooling over the whole image and a reshape are then one layer, and an activation after them
    is the last layer of a classifier.
    """
    if len(value.axes) == 2 and value.shape[:-1] == (1, 1) and network.folds:
        return flat(network, value)
    return value


def channels_first(network: Network, value: Activation) -> Activation:
    """The activation with ONNX axes (batch, channels, height, width), or without the width.

    Axes that the graph shuffled or moved by Reshape and Transpose are brought into order by layers.

    Raises:
        RefusedError: if it has not the axes of images, or the batch is not the first.
    """
    rank = len(value.axes)
    if rank not in (3, 4):
        raise RefusedError(f"reads an array of {rank} axes, expected images of 4")
    labels = "CHW"[: rank - 1]
    if value.axes[1:] == _expected(value, labels) and is_batch(value.axes[0]):
        return value
    moved = channels_in_order(network, value)
    if moved is not None:
        return moved
    width = value.onnx_shape[3] if rank == 4 else 1
    shape = (value.onnx_shape[2], width, value.onnx_shape[1])
    symbol = arranged(network, value, atoms_in(value, axes_as_image(rank)), shape, name=None)
    done = value.computed(symbol, shape)
    return replace(done, axes=(value.axes[0], *_expected(done, labels)))


def channels_in_order(network: Network, value: Activation) -> Activation | None:
    """As `channels_first`, by one layer that moves channels, or None if there is none."""
    labels = "CHW"[: len(value.axes) - 1]
    for layer, shape, axes in _rearrangements(value, labels):
        if value.axes[1:] == axes and is_batch(value.axes[0]):
            symbol = network.arranged(value.symbol, axes, partial(network.add, layer, value.symbol))
            done = value.computed(symbol, shape)
            return replace(done, axes=(value.axes[0], *_expected(done, labels)))
    return None


def channels_first_image(network: Network, value: Activation) -> Activation:
    """As `channels_first`, for layers that do not read features."""
    image = channels_first(network, value)
    if len(image.shape) == 3:
        return image
    shape = (1, 1, image.channels)
    return image.computed(arranged(network, image, atoms_in(image), shape), shape)


def repeated(network: Network, value: Activation) -> Activation:
    """The activation as an Expand repeats it."""
    shape = value.repeated_to
    if shape is None:
        return value
    return broadcast(network, value, shape, axes_as_image(len(shape)))


def order_of(value: Activation) -> str:
    """The order of the axes in words."""
    words = {"N": "batch", "C": "channels", "H": "height", "W": "width"}
    axes = [" * ".join(words[atom.label] for atom in axis) or "1" for axis in value.axes]
    return f"({', '.join(axes)})"


def _expected(value: Activation, labels: str) -> tuple[Axis, ...]:
    return tuple(value.whole(label) for label in labels)


def _rearrangements(
    value: Activation, labels: str
) -> Iterator[tuple[Layer, tuple[int, ...], tuple[Axis, ...]]]:
    """Layers that move elements between axes: layer, its output's shape, the note before it."""
    channels = value.channels
    mixed = value.axes[1]
    if len(mixed) == 2 and mixed[0].stride == 1 and mixed[1].label == "C":
        groups, within = mixed[1].size, mixed[0].size
        if mixed == (Atom("C", 1, within), Atom("C", within, groups)):
            axes = tuple(mixed if label == "C" else value.whole(label) for label in labels)
            yield layers.ChannelShuffle(groups), value.shape, axes
    if len(value.shape) != 3 or len(labels) != 3:
        return
    height, width, _ = value.shape
    for block in range(2, _MOST_BLOCK_SIZE + 1):
        if channels % block**2 == 0:
            left = channels // block**2
            shape = (height * block, width * block, left)
            # (stride of the channels left, of the rows and of the columns within a block)
            for mode, strides in (
                ("DCR", (1, block * left, left)),
                ("CRD", (block**2, block, 1)),
            ):
                kept, rows, columns = strides
                yield (
                    layers.DepthToSpace(block, mode=mode),
                    shape,
                    (
                        () if left == 1 else (Atom("C", kept, left),),
                        (*value.whole("H"), Atom("C", rows, block)),
                        (*value.whole("W"), Atom("C", columns, block)),
                    ),
                )
        if height % block == 0 and width % block == 0:
            shape = (height // block, width // block, channels * block**2)
            moved: Axis = (Atom("H", 1, block), Atom("W", 1, block))
            for mode, mixed in (
                ("DCR", (*moved, *value.whole("C"))),
                ("CRD", (*value.whole("C"), *moved)),
            ):
                yield (
                    layers.SpaceToDepth(block, mode=mode),
                    shape,
                    (
                        mixed,
                        _strided("H", block, height // block),
                        _strided("W", block, width // block),
                    ),
                )


def _strided(label: str, stride: int, size: int) -> Axis:
    return tuple(Atom(label, stride, each.size) for each in whole(label, size))
