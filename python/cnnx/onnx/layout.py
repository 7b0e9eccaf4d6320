"""Brings an activation into the form that a layer reads: an image, or flat features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from cnnx import layers
from cnnx.layers import Layer
from cnnx.layers.base import Symbol
from cnnx.onnx.axes import Activation, Atom, Axis, is_batch, merged, whole
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
    steps = {"C": 1, "W": channels, "H": channels * width}
    axes = [
        merged(
            atom if atom.label == "N" else Atom("C", steps[atom.label] * atom.stride, atom.size)
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

    Channels that the graph shuffled, or moved from or to the pixels, by Reshape and Transpose are
    brought into order by a layer.

    Raises:
        RefusedError: if the axes are in another order.
    """
    rank = len(value.axes)
    if rank not in (3, 4):
        raise RefusedError(f"reads an array of {rank} axes, expected images of 4")
    labels = "CHW"[: rank - 1]
    if value.axes[1:] == _expected(value, labels) and is_batch(value.axes[0]):
        return value
    for layer, shape, axes in _rearrangements(value, labels):
        if value.axes[1:] == axes and is_batch(value.axes[0]):
            symbol = network.arranged(value.symbol, axes, partial(network.add, layer, value.symbol))
            done = value.computed(symbol, shape)
            return replace(done, axes=(value.axes[0], *_expected(done, labels)))
    raise RefusedError(
        f"reads axes in the order {order_of(value)}, expected (batch, channels, height, width)"
    )


def channels_first_image(network: Network, value: Activation) -> Activation:
    """As `channels_first`, for layers that do not read features.

    Raises:
        RefusedError: if it is an output of a fully connected layer.
    """
    image = channels_first(network, value)
    if len(image.shape) == 1:
        raise RefusedError("reads features, which cnnx cannot make an image of 1 x 1 pixels")
    return image


def over_all_pixels(network: Network, value: Activation, size: tuple[int, int]) -> Activation:
    """An image of one pixel as one of (height, width), whose pixels are all equal."""
    pixel = channels_first(network, value)
    symbol = network.add(layers.Upsample2d(size), pixel.symbol)
    done = pixel.computed(symbol, (*size, pixel.channels))
    return replace(done, axes=(pixel.axes[0], *_expected(done, "CHW")))


def repeated(network: Network, value: Activation) -> Activation:
    """The activation as an Expand repeats it.

    Raises:
        RefusedError: if no layer does so.
    """
    shape = value.repeated_to
    if shape is None:
        return value
    if value.shape[:-1] == (1, 1) and len(shape) == 4 and shape[:2] == value.onnx_shape[:2]:
        return over_all_pixels(network, replace(value, repeated_to=None), (shape[2], shape[3]))
    raise RefusedError(f"repeats an activation of shape {value.onnx_shape} to {shape}")


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
    if len(value.shape) == 1 and len(labels) == 3:
        yield from _images_of_features(value)
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


def _images_of_features(
    value: Activation,
) -> Iterator[tuple[Layer, tuple[int, ...], tuple[Axis, ...]]]:
    """Features that the graph reshapes to an image with the channels last."""
    _, channels, height, width = value.onnx_shape
    steps = {"C": (1, channels), "H": (channels * width, height), "W": (channels, width)}
    axes = tuple(() if size == 1 else (Atom("C", step, size),) for step, size in steps.values())
    yield layers.InputPart(0, (height, width), channels), (height, width, channels), axes


def _strided(label: str, stride: int, size: int) -> Axis:
    return tuple(Atom(label, stride, each.size) for each in whole(label, size))
