"""Choice of the values of a network that are held in bytes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from cnnx.quantization.groups import Group, groups_of
from cnnx.quantization.network import INPUT, Network, Node

# Layers that move bytes, whose output has the scale of their input.
_MOVES = (
    *("flatten", "max_pool2d", "zero_pad2d", "upsample2d", "slice_channels", "channel_shuffle"),
    *("depth_to_space", "space_to_depth", "reshape", "crop2d"),
)
# Layers that compute in bytes, whose output has a scale of its own.
_COMPUTES = (
    *("add", "multiply", "maximum", "concat"),
    *("avg_pool2d", "adaptive_avg_pool2d", "global_avg_pool2d"),
    *("relu", "leaky_relu", "elu", "selu", "clip", "relu6", "sigmoid", "tanh", "softsign", "gelu"),
    *("silu", "mish", "hard_swish", "hard_sigmoid", "softplus", "hard_shrink", "soft_shrink"),
)


@dataclass(frozen=True)
class Placement:
    """Where a network computes in integers.

    Attributes:
        groups: groups of layers in order.
        quantized: names of the values behind which a layer quantizes; "input" is the image.
        exact: names of the layers that read values as they are before they are quantized.
    """

    groups: tuple[Group, ...]
    quantized: frozenset[str]
    exact: frozenset[str]


def placed(network: Network, in_floats: Collection[str]) -> Placement:
    """The placement in which all layers compute in integers that can, except those named.

    A value is held in bytes if a layer that computes in integers reads it. Layers that only move
    values between such layers read and write bytes, too.
    """
    groups = groups_of(network, in_floats)
    from_bytes = _made_from_bytes(network, groups)
    wanted: set[str] = set()
    for group in reversed(groups):
        wanted |= _wanted_by(network, group, from_bytes, wanted)
    quantized = {name for name in wanted if not _keeps_scale(network, name, wanted)}
    exact = _read_exactly(network, groups, in_floats, wanted)
    return Placement(tuple(groups), frozenset(quantized), frozenset(exact))


def _made_from_bytes(network: Network, groups: list[Group]) -> set[str]:
    """Values that can be had in bytes without a conversion from floats before."""
    found = {INPUT}
    for group in groups:
        node = network.nodes[group.first]
        reads_bytes = _moves(node) or node.kind in _COMPUTES
        if group.in_integers or (reads_bytes and all(each in found for each in node.inputs)):
            found.add(group.last)
    return found


def _wanted_by(network: Network, group: Group, from_bytes: set[str], wanted: set[str]) -> set[str]:
    """Values that the group reads in bytes; `wanted` has those of the groups after it."""
    node = network.nodes[group.first]
    if group.in_integers:
        return {*node.inputs, *(each for each in _addends(network, group) if each in from_bytes)}
    if group.last in wanted and (
        _moves(node) or (node.kind in _COMPUTES and group.last in from_bytes)
    ):
        return set(node.inputs)
    return set()


def _addends(network: Network, group: Group) -> list[str]:
    """Values that the group adds to its products."""
    inside = {*group.names}
    sums = (network.nodes[name] for name in group.names[1:])
    return [each for node in sums for each in node.inputs if each not in inside]


def _read_exactly(
    network: Network, groups: list[Group], in_floats: Collection[str], wanted: set[str]
) -> set[str]:
    """The layers that stay in floats, and those before them that nothing else reads."""
    exact = {*in_floats}
    for group in reversed(groups):
        readers = network.readers(group.last)
        if (
            not group.in_integers
            and group.last not in wanted
            and readers
            and all(reader.name in exact for reader in readers)
        ):
            exact.add(group.first)
    return exact


def _keeps_scale(network: Network, name: str, wanted: set[str]) -> bool:
    """Whether a layer that moves bytes makes the value."""
    node = network.nodes.get(name)
    return node is not None and _moves(node) and node.inputs[0] in wanted


def _moves(node: Node) -> bool:
    return node.kind in _MOVES and node.settings.get("mode") != "bilinear"
