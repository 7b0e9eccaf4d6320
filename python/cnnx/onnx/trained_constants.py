"""Constants that a graph joins or combines with activations, as layers with trained arrays.

Class tokens, positions, learned queries and coordinates are such constants. Each becomes a
`Parameter`, which repeats its array for every image.
"""

from __future__ import annotations

import math

import numpy as np

from cnnx import layers
from cnnx.onnx.arrangement import axes_as_image, axes_as_stored, axes_of, placed
from cnnx.onnx.axes import Activation, Atom, merged, whole
from cnnx.onnx.graph import Array
from cnnx.onnx.network import Network
from cnnx.onnx.refusal import RefusedError


def parameter_of(
    network: Network, constant: Array, images: Activation, name: str | None = ""
) -> Activation:
    """A constant as an activation.

    Args:
        network: network to which a layer is added.
        constant: real numbers; its first axis is the batch, or once for all images.
        images: activation that the layer reads, for the number of images.
        name: name of the layer, as in `Network.add`.

    Raises:
        RefusedError: if the constant differs between the images of a batch.
    """
    batch = _batch_of(images)
    first, *sizes = constant.shape
    joined = max(1, first // batch.size)  # what the first axis counts beside the batch
    if first not in (1, joined * batch.size) or constant.dtype.kind != "f" or constant.size == 0:
        raise RefusedError(
            f"combines {batch.size} images with a constant of shape {constant.shape} and type "
            f"{constant.dtype}, expected real numbers for each image"
        )
    each = constant.reshape(-1, joined, *sizes)
    if np.any(each != each[:1]):
        raise RefusedError(
            f"combines images with a constant of shape {constant.shape} that differs between them"
        )
    alike = constant.ndim == len(images.axes)
    order = axes_as_stored(images) if alike else axes_as_image(constant.ndim)
    sizes = [joined, *(constant.shape[axis] for axis in order)]
    width, channels = [1, *sizes[1:]][-2:] if len(sizes) > 1 else (1, 1)
    outer = sizes[: max(1, len(sizes) - 2)]
    shape = (math.prod(outer), width, channels)
    weight = each[0].transpose(0, *order).reshape(shape)
    symbol = network.add(
        layers.Parameter(shape[:2], channels), images.symbol, name=name, weight=weight
    )
    joined_atoms, *rows = axes_of("H", outer)
    inner = [whole("W", width), whole("C", channels)][-len(sizes[1:][-2:]) :]
    notes = placed(merged((batch, *joined_atoms)), order, (*rows, *inner))
    return images.computed(symbol, shape, notes)


def of_rank(constant: Array, rank: int) -> Array:
    """A constant with axes of size 1 before its own, as many as ONNX adds to combine it.

    Raises:
        RefusedError: if it has more axes.
    """
    if constant.ndim > rank:
        raise RefusedError(f"combines it with a constant of {constant.ndim} axes, which adds axes")
    return constant.reshape((1,) * (rank - constant.ndim) + constant.shape)


def _batch_of(images: Activation) -> Atom:
    first = images.axes[0][:1]
    if not first or first[0].label != "N":
        raise RefusedError("combines a constant with an array whose first axis is not the batch")
    return first[0]
