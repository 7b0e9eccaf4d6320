"""Normalisations of ONNX as layers."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from cnnx import layers
from cnnx._core import FormatError
from cnnx.layers import Layer
from cnnx.onnx.affine import scaled, shifted
from cnnx.onnx.arrangement import image_of, rows_of
from cnnx.onnx.axes import (
    Activation,
    Atom,
    atoms_of,
    axis_index,
    per_channel,
    reshaped,
)
from cnnx.onnx.call import Call, Operator, integers_in
from cnnx.onnx.graph import Array
from cnnx.onnx.layout import channels_first, flat
from cnnx.onnx.norm_patterns import LOCAL_RESPONSE_NORM, RESPONSE_NORM
from cnnx.onnx.operators.shapes import resolved_shape
from cnnx.onnx.refusal import RefusedError

# Epsilon of an L2 norm without one. A norm of float32 is 0, whose quotient is to be 0, or larger.
_LEAST_NORM = 1e-23


def _batch_norm(call: Call) -> Activation:
    """Batch norm with its statistics, so that the network can be fine-tuned."""
    call.only_output()
    value = call.activation()
    if call.integer("spatial", 1) != 1:
        raise RefusedError("normalises every pixel by itself, expected spatial 1")
    if call.integer("training_mode", 0) != 0:
        raise RefusedError(
            "normalises by the statistics of the batch, expected training_mode 0: export the "
            "network for inference"
        )
    epsilon = call.number("epsilon", 1e-5)
    count = value.onnx_shape[1] if len(value.axes) > 1 else 1
    has_pixels = len(value.shape) == 3 and count == value.channels
    if has_pixels and all(atom.label == "C" for atom in value.axes[1]):
        weight, bias, mean, variance = _statistics(call, value, count)
        # cnnx's momentum is the weight of the batch, ONNX's that of the average before.
        momentum = round(1 - call.number("momentum", 0.9), 7)  # the digits of a float32
        layer = layers.BatchNorm2d(momentum=momentum, epsilon=epsilon)
        return call.elementwise(
            layer, weight=weight, bias=bias, running_mean=mean, running_variance=variance
        )
    # Features have no batch norm in cnnx: their statistics become a scale and a shift.
    features = flat(call.network, value)
    weight, bias, mean, variance = _statistics(call, features, count)
    scale = weight / np.sqrt(np.float64(1) * variance + epsilon)
    return shifted(call.network, scaled(call.network, features, scale), bias - mean * scale)


def _statistics(call: Call, value: Activation, count: int) -> list[Array]:
    """Weight, bias, mean and variance of a batch norm, in the order of the layer's channels."""
    return [
        per_channel(value, _along_second(value, call.constant(index), count))
        for index in range(1, 5)
    ]


def _along_second(value: Activation, vector: Array, count: int) -> Array:
    """A vector over the second axis, in a shape that broadcasts to the whole array."""
    if vector.shape != (count,):
        raise FormatError(f"reads statistics of shape {vector.shape} for {count} channels")
    return vector.reshape((count,) + (1,) * max(0, len(value.axes) - 2))


def _instance_norm(call: Call) -> Activation:
    value = call.activation()
    rank = len(value.axes)
    done = normalised(call, value, range(2, rank), call.number("epsilon", 1e-5))
    count = value.onnx_shape[1] if rank > 1 else 1
    return _affine(
        call,
        done,
        _along_second(value, call.constant(1), count),
        _along_second(value, call.constant(2), count),
    )


def _layer_norm(call: Call) -> Activation:
    call.only_output()
    value = call.activation()
    rank = len(value.axes)
    first = axis_index(call.integer("axis", -1), rank)
    done = normalised(call, value, range(first, rank), call.number("epsilon", 1e-5))
    return _affine(call, done, call.constant(1), call.optional(2))


def _group_norm(call: Call) -> Activation:
    """Scale and bias are per group in operator set 18 and per channel since 21."""
    value = channels_first(call.network, call.activation())
    groups = call.integer("num_groups", 0)
    channels = value.channels
    if groups < 1 or channels % groups:
        raise FormatError(f"has {groups} groups for {channels} channels")
    layer = layers.GroupNorm(groups, epsilon=call.number("epsilon", 1e-5))
    weight, bias = call.constant(1), call.constant(2)
    if weight.shape == bias.shape == (groups,):
        weight, bias = (np.repeat(each, channels // groups) for each in (weight, bias))
    if not weight.shape == bias.shape == (channels,):
        raise FormatError(f"its scale has shape {weight.shape}, expected ({channels},)")
    symbol = call.network.add(layer, value.symbol, name=call.name(), weight=weight, bias=bias)
    return value.computed(symbol)


def _mean_variance(call: Call) -> Activation:
    """MeanVarianceNormalization, and the one that the pattern of a layer norm leaves."""
    value = call.activation()
    rank = len(value.axes)
    axes = [axis_index(axis, rank) for axis in call.integers("axes", [0, 2, 3])]
    return normalised(call, value, axes, call.number("epsilon", 1e-9))


def normalised(call: Call, value: Activation, axes: Iterable[int], epsilon: float) -> Activation:
    """The activation with mean 0 and variance 1 along some axes, by a norm without an affine.

    Its weight of 1 and bias of 0 take a scale and a shift that follow.
    """
    axes = list(axes)
    inside = atoms_of(value, axes)
    if any(atom.label == "N" for atom in inside):
        raise RefusedError("normalises along the batch, expected one image at a time")
    layer = _norm_along(value, inside, epsilon)
    if layer is None:
        value, layer = rows_of(call.network, value, axes), layers.LayerNorm(epsilon=epsilon)
    ones = np.ones(value.channels, np.float32)
    symbol = call.network.add(layer, value.symbol, name=call.name(), weight=ones, bias=0 * ones)
    call.network.open_for(symbol, "scale", "shift")
    return value.computed(symbol)


def _norm_along(value: Activation, inside: set[Atom], epsilon: float) -> Layer | None:
    """The norm along the atoms `inside`; None if no norm of the image computes it."""
    everything = atoms_of(value, range(len(value.axes)))
    outside = {atom for atom in everything - inside if atom.label != "N"}
    channels_outside = [atom for atom in outside if atom.label == "C"]
    pixels_outside = [atom for atom in outside if atom.label != "C"]
    if not channels_outside and (pixels_outside or value.size("H") * value.size("W") == 1):
        channels_alone = all(atom.label == "C" for atom in inside)
        return layers.LayerNorm(epsilon=epsilon) if channels_alone else None
    if pixels_outside:
        return None
    if not channels_outside:
        return layers.GroupNorm(1, epsilon=epsilon)
    # One atom outside counts the groups if it is the slowest part of the channels.
    atom = channels_outside[0]
    if len(channels_outside) > 1 or atom.stride * atom.size != value.channels:
        return None
    return layers.GroupNorm(atom.size, epsilon=epsilon)


def _affine(call: Call, value: Activation, weight: Array, bias: Array | None) -> Activation:
    """The scale and the shift that belong to a norm."""
    try:
        arrays = {"weight": per_channel(value, weight)}
        if bias is not None:
            arrays["bias"] = per_channel(value, bias)
    except RefusedError:  # they vary within a channel
        done = flat(call.network, value)
        done = scaled(call.network, done, per_channel(done, weight))
        return done if bias is None else shifted(call.network, done, per_channel(done, bias))
    symbol = call.network.changed(value.symbol, {}, **arrays)
    plain = np.all(arrays["weight"] == 1) and not np.any(arrays.get("bias", np.zeros(1)))
    if plain:
        call.network.open_for(symbol, "scale", "shift")
    return value.computed(symbol)


def _global_response_norm(call: Call) -> Activation:
    """The one that its pattern leaves, of images."""
    value = call.activation()
    rank = len(value.axes)
    axes, mean_axes = (
        [axis_index(axis, rank) for axis in call.integers(name, [])]
        for name in ("axes", "mean_axes")
    )
    everything = atoms_of(value, range(rank))
    pixels = {atom for atom in everything if atom.label in "HW"}
    channels = {atom for atom in everything if atom.label == "C"}
    if atoms_of(value, axes) != pixels or atoms_of(value, mean_axes) != channels:
        raise RefusedError(
            "takes norms along other axes than all of an image's height and width, or their mean "
            "along other ones than the channels"
        )
    layer = layers.GlobalResponseNorm(epsilon=call.number("epsilon", 1e-6))
    weight, bias = (per_channel(value, call.constant(index)) for index in (1, 2))
    symbol = call.network.add(layer, value.symbol, name=call.name(), weight=weight, bias=bias)
    return value.computed(symbol)


def _l2_norm(call: Call) -> Activation:
    """LpNormalization, and the one that the pattern of an L2 norm leaves."""
    value = call.activation()
    rank, p = len(value.axes), call.integer("p", 2)
    if p != 2:
        raise RefusedError(f"is a norm with p {p}, expected 2")
    shape = value.onnx_shape
    repeated_to = call.optional(1)
    if repeated_to is not None and tuple(integers_in(repeated_to)) != shape:
        sizes = tuple(integers_in(repeated_to))
        raise RefusedError(f"repeats its divisor to {sizes}, expected {shape}")
    axes = call.integers("axes", [call.integer("axis", -1)])
    epsilon = max(call.number("epsilon", 0.0), 0.0) or _LEAST_NORM
    return _over_rows(
        call, value, {axis_index(axis, rank) for axis in axes}, layers.L2Norm(epsilon=epsilon)
    )


def _rms_norm(call: Call) -> Activation:
    """RMSNormalization, also by its earlier name, and the one that the pattern leaves."""
    call.only_output()
    network, value = call.network, call.activation()
    rank = len(value.axes)
    last = range(axis_index(call.integer("axis", -1), rank), rank)
    axes = {axis_index(axis, rank) for axis in call.integers("axes", last)}
    epsilon, is_sum = call.number("epsilon", 1e-5), call.integer("is_sum", 0)
    # A sum and epsilon are count times a mean and epsilon / count.
    count = math.prod(value.onnx_shape[axis] for axis in axes) if is_sum else 1
    layer = layers.RMSNorm(epsilon=epsilon / count, affine=False)
    takes_scale = call.integer("takes_scale", 0) == 1  # and its name
    done = _over_rows(call, value, axes, layer, "" if takes_scale else call.name())
    if is_sum:
        return scaled(network, done, np.full(done.channels, count**-0.5))
    if takes_scale:
        network.open_for(done.symbol, "scale")
    weight = call.optional(1)
    if weight is None:
        return done
    try:
        factors = per_channel(done, weight)
    except RefusedError:  # they vary within a channel
        done = flat(network, done)
        factors = per_channel(done, weight)
    norm = done.symbol.layer
    if norm is None or norm.kind != "rms_norm":
        return scaled(network, done, factors)
    return done.computed(network.changed(done.symbol, {"affine": True}, weight=factors))


def _over_rows(
    call: Call, value: Activation, axes: set[int], layer: Layer, name: str | None = None
) -> Activation:
    """The output of a layer over the channels, applied along some axes."""
    network, inside = call.network, atoms_of(value, axes)
    if any(atom.label == "N" for atom in inside):
        raise RefusedError("normalises along the batch, expected one image at a time")
    everything = atoms_of(value, range(len(value.axes)))
    outside = {atom for atom in everything - inside if atom.label != "N"}
    if all(atom.label == "C" for atom in inside) and all(atom.label != "C" for atom in outside):
        return value.computed(network.add(layer, value.symbol, name=name))
    if outside:
        value = rows_of(network, value, sorted(axes))
        return value.computed(network.add(layer, value.symbol, name=name))
    height, width, channels = value.shape
    row = image_of(network, value.symbol, (1, 1, height * width * channels))
    return value.computed(
        image_of(network, network.add(layer, row, name=name), (height, width, channels))
    )


def _norm(call: Call) -> Activation:
    raise RefusedError(
        "is a part of no global response norm, expected x + weight * x * norm / (mean of the "
        "norms + epsilon) + bias, and of no L2 norm, expected x / max(norm, epsilon)"
    )


def _local_response_norm(call: Call) -> Activation:
    value = channels_first(call.network, call.activation())
    layer = layers.LocalResponseNorm(
        call.integer("size", 0),
        alpha=call.number("alpha", 1e-4),
        beta=call.number("beta", 0.75),
        k=call.number("bias", 1.0),
    )
    return value.computed(call.network.add(layer, value.symbol))


def _pooled_response_norm(call: Call) -> Activation:
    """As PyTorch writes it: refused if the pooled axis was not that of all channels."""
    value = channels_first(call.network, call.activation())
    shape, given = value.onnx_shape, integers_in(call.constant(1))
    sizes = resolved_shape(shape, given, call.integer("allowzero", 0))
    after = [sizes[0], *sizes[2:]]
    if call.optional(2) is not None:
        after = resolved_shape(after, integers_in(call.constant(2)), 0)
    are_channels = len(sizes) == 5 and reshaped(value, sizes).axes[2] == value.axes[1]
    if not are_channels or sizes[1] != 1 or tuple(after) != shape:
        raise RefusedError(
            f"pools squares of shape {shape} along axis 2 of {tuple(sizes)}, expected the channels"
        )
    return _local_response_norm(call)


OPERATORS: dict[str, Operator] = {
    "BatchNormalization": _batch_norm,
    "GroupNormalization": _group_norm,
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "LRN": _local_response_norm,
    "LpNormalization": _l2_norm,
    "MeanVarianceNormalization": _mean_variance,
    "ReduceL2": _norm,
    "RMSNormalization": _rms_norm,
    "SimplifiedLayerNormalization": _rms_norm,
    LOCAL_RESPONSE_NORM: _pooled_response_norm,
    RESPONSE_NORM: _global_response_norm,
}
