"""Constants that a graph joins or combines with activations, as layers with trained arrays.

Class tokens, positions, learned queries and coordinates are such constants. Each becomes a
`Parameter`, which repeats its array for every image.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from cnnx import layers
from cnnx.onnx.arrangement import axes_as_image, axes_as_stored, axes_of, placed
from cnnx.onnx.axes import Activation, Atom, merged, whole
from cnnx.onnx.call import Call
from cnnx.onnx.graph import Array
from cnnx.onnx.network import Network
from cnnx.onnx.refusal import RefusedError


def activations(call: Call, places: Iterable[int]) -> list[Activation]:
    """Some inputs of a node, of which one is an activation; constants are activations, too."""
    images = next(each for each in call.inputs if isinstance(each, Activation))
    return [
        constant_input(call, index, images)
        if isinstance(call.operand(index), np.ndarray)
        else call.activation(index)
        for index in places
    ]


def constant_input(call: Call, index: int, images: Activation) -> Activation:
    """A constant that a node combines with `images`, as an activation of as many axes."""
    constant = of_rank(call.constant(index), len(images.axes))
    return parameter_of(call.network, constant, images, call.name(index))


def parameter_of(
    network: Network, constant: Array, images: Activation, name: str | None = ""
) -> Activation:
    """A constant as an activation.

    Args:
        network: network to which a layer is added.
        constant: real numbers, for each image of a batch or once for all of them.
        images: activation that the layer reads, for the number of images.
        name: name of the layer, as in `Network.add`.

    Raises:
        RefusedError: if the constant differs between the images of a batch.
    """
    batch = _batch_of(images)
    array = _of_one_image(constant, batch.size)
    # A file of cnnx has an array of its own shape, whatever that of the image is.
    alike = network.folds and constant.ndim == len(images.axes)
    order = axes_as_stored(images) if alike else axes_as_image(constant.ndim)
    joined, *sizes = (array.shape[axis] for axis in (0, *order))
    rows, (width, channels) = [joined, *sizes[:-2]], [1, 1, *sizes][-2:]
    shape = (math.prod(rows), width, channels)
    weight = array.transpose(0, *order).reshape(shape)
    layer = layers.Parameter(shape[:2], channels)
    symbol = network.add(layer, images.symbol, name=name, weight=weight)
    with_batch, *outer = axes_of("H", rows)
    inner = [whole("W", width), whole("C", channels)][2 - len(sizes[-2:]) :]
    notes = placed(merged((batch, *with_batch)), order, (*outer, *inner))
    return images.computed(symbol, shape, notes)


def _of_one_image(constant: Array, images: int) -> Array:
    """The numbers of one image; the first axis is what a constant's has beside the batch."""
    first, *sizes = constant.shape or (0,)
    joined = max(1, first // images)
    if first not in (1, joined * images) or constant.dtype.kind != "f" or constant.size == 0:
        raise RefusedError(
            f"combines {images} images with a constant of shape {constant.shape} and type "
            f"{constant.dtype}, expected real numbers for each image"
        )
    each = constant.reshape(-1, joined, *sizes)
    if np.any(each[1:] != each[:1]):
        raise RefusedError(
            f"combines images with a constant of shape {constant.shape} that differs between them"
        )
    return np.asarray(each[0])


def of_rank(constant: Array, rank: int) -> Array:
    """A constant with axes of size 1 before its own, as many as ONNX adds to combine it.

    Raises:
        RefusedError: if it has more axes.
    """
    if constant.ndim > rank:
        raise RefusedError(adds_axes(constant.ndim))
    return constant.reshape((1,) * (rank - constant.ndim) + constant.shape)


def adds_axes(count: int) -> str:
    """Why a constant of `count` axes, more than the activation's, is refused."""
    return f"combines it with a constant of {count} axes, which adds axes"


def _batch_of(images: Activation) -> Atom:
    first = images.axes[0][:1]
    if not first or first[0].label != "N":
        raise RefusedError("combines a constant with an array whose first axis is not the batch")
    return first[0]
