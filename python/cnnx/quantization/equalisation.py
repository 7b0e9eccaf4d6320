"""Equal ranges of channels: their makers divide by numbers, by which their readers multiply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cnnx.quantization.network import INPUT, WEIGHTED, Array, Network, Node

# Layers f with f(s * x) = s * f(x) for every s > 0 per channel. ReLU6 is not one of them.
_PASSES_SCALES = (
    *("relu", "leaky_relu", "prelu", "add", "flatten", "zero_pad2d", "crop2d"),
    *("max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "global_avg_pool2d"),
)
# Channels whose values or weights are smaller than this part of the largest are not scaled.
_LEAST = 1e-6


@dataclass(frozen=True)
class SharedChannels:
    """Values whose channels can be scaled together, such as those along residual connections.

    Attributes:
        makers: layers with weights that make the values.
        readers: layers with weights that read them.
        held: names of the values that may be held in bytes: those that the readers or sums read.
    """

    makers: tuple[str, ...]
    readers: tuple[str, ...]
    held: tuple[str, ...]


def shared_channels(network: Network) -> list[SharedChannels]:
    """The channels of a network that can be scaled, in order of the layers that make them."""
    members: dict[str, list[str]] = {}
    for name, root in _roots(network).items():
        members.setdefault(root, []).append(name)
    found = (_checked(network, values) for values in members.values())
    return [each for each in found if each is not None]


def _roots(network: Network) -> dict[str, str]:
    """A name for every value, the same for those that layers join that pass scales on."""
    roots = {INPUT: INPUT}
    for node in network.nodes.values():
        roots[node.name] = node.name
        if node.kind in _PASSES_SCALES:
            joined = {roots[each] for each in node.inputs}
            roots |= {name: node.name for name, root in roots.items() if root in joined}
    return roots


def _checked(network: Network, values: Sequence[str]) -> SharedChannels | None:
    """The layers around joined values; None if a layer reads or makes them that cannot scale."""
    if INPUT in values or network.output in values:
        return None
    inside = {*values}
    makers = [name for name in values if network.nodes[name].kind not in _PASSES_SCALES]
    outside = {
        reader.name: value
        for value in values
        for reader in network.readers(value)
        if reader.name not in inside
    }
    nodes = [network.nodes[name] for name in (*makers, *outside)]
    if not makers or not outside or any(node.kind not in WEIGHTED for node in nodes):
        return None
    channels = network.nodes[makers[0]].arrays["weight"].shape[-1]
    can_scale = all(
        network.nodes[name].arrays["weight"].shape[-1] == channels for name in makers
    ) and all(_reads_channels(network.nodes[name], channels) for name in outside)
    if not can_scale:
        return None
    sums = (network.nodes[name] for name in values if network.nodes[name].kind == "add")
    held = dict.fromkeys([*outside.values(), *(each for node in sums for each in node.inputs)])
    return SharedChannels(tuple(makers), tuple(outside), tuple(held))


def _reads_channels(node: Node, channels: int) -> bool:
    """Whether each weight of a layer belongs to one of the channels of its input."""
    if node.is_depthwise:
        return True
    inputs = node.arrays["weight"].shape[-2]
    return bool(node.settings.get("groups", 1) == 1 and inputs % channels == 0)


def equalise(
    network: Network, shared: Sequence[SharedChannels], largest: Mapping[str, Array]
) -> None:
    """Divide each channel by a number, and multiply the weights that read it.

    The outputs of the network are the same except for rounding. The largest values of all channels
    become equal, at the cost of weights that differ more: weights can be rounded well for the
    outputs, values cannot.

    Args:
        network: the network, which changes.
        shared: its shared channels.
        largest: largest absolute value of each channel of the values that may be held in bytes.

    References:
        M. Nagel and others: Data-Free Quantization Through Weight Equalization and Bias Correction,
        2019, section 4.1; G. Xiao and others: SmoothQuant, 2023, for values in place of weights.
    """
    for each in reversed(shared):
        makers = [network.nodes[name] for name in each.makers]
        readers = [network.nodes[name] for name in each.readers]
        channels = makers[0].arrays["weight"].shape[-1]
        values = np.max([largest[name].reshape(-1, channels).max(axis=0) for name in each.held], 0)
        dense = [_by_input(node, channels) for node in readers if not node.is_depthwise]
        weights = np.max([np.abs(array).max(axis=(0, 2)) for array in dense], 0) if dense else None
        numbers = _numbers(values, weights)
        for node in makers:
            for name in node.arrays:
                node.arrays[name] = node.arrays[name] / numbers
        for node in readers:
            node.arrays["weight"] = _multiplied(node, numbers)


def _numbers(values: Array, weights: Array | None) -> Array:
    """The number of each channel, whose geometric mean is 1."""
    is_used = values > _LEAST * values.max()
    if weights is not None:
        is_used &= weights > _LEAST * weights.max()
    numbers = np.ones_like(values)
    if is_used.any():
        numbers[is_used] = values[is_used] / np.exp(np.log(values[is_used]).mean())
    return numbers


def _by_input(node: Node, channels: int) -> Array:
    """The weights as (taps or pixels, input channels, output channels)."""
    weight = node.arrays["weight"]
    return weight.reshape(-1, channels, weight.shape[-1])


def _multiplied(node: Node, numbers: Array) -> Array:
    """The weights of a layer times a number per input channel."""
    weight = node.arrays["weight"]
    if node.is_depthwise:
        return weight * numbers
    scaled = _by_input(node, len(numbers)) * numbers[np.newaxis, :, np.newaxis]
    return scaled.reshape(weight.shape)
