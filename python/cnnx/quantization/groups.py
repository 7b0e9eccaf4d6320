"""Layers that run as one: a convolution or dense layer in integers and the layers it fuses."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from cnnx.quantization.network import WEIGHTED, Network, Node

_RECTIFIERS = ("relu", "relu6")
# Sums of so many products of two bytes fit 32 bits.
_MOST_PRODUCTS = (2**31 - 1) // 2 // (255 * 128)


@dataclass(frozen=True)
class Group:
    """Layers that run as one step.

    Attributes:
        names: the layers in order, each the only reader of the one before.
        in_integers: whether the first is a convolution or dense layer that computes in integers.
    """

    names: tuple[str, ...]
    in_integers: bool = False

    @property
    def first(self) -> str:
        """The layer that reads the group's first input."""
        return self.names[0]

    @property
    def last(self) -> str:
        """The layer whose output is that of the group."""
        return self.names[-1]


def can_run_in_integers(node: Node) -> bool:
    """Whether the core has integer arithmetic for the layer: no groups, or depthwise."""
    if node.kind not in WEIGHTED:
        return False
    is_grouped = node.settings.get("groups", 1) > 1 and not node.is_depthwise
    return not is_grouped and math.prod(node.arrays["weight"].shape[:-1]) <= _MOST_PRODUCTS


def groups_of(network: Network, in_floats: Collection[str]) -> list[Group]:
    """The groups of a network, in an order in which each reads groups before it.

    Args:
        network: the network.
        in_floats: names of convolutions and dense layers that are to compute in floats.
    """
    groups: list[Group] = []
    grouped: set[str] = set()
    for node in reversed(network.nodes.values()):  # the last of two summands takes the sum
        if can_run_in_integers(node) and node.name not in in_floats:
            names = tuple(_chain(network, node, grouped))
            grouped.update(names)
            groups.append(Group(names, in_integers=True))
    for node in network.nodes.values():
        if node.name not in grouped:
            names = tuple(_sum_and_relu(network, node))
            grouped.update(names)
            groups.append(Group(names))
    return _in_order(network, groups)


def _chain(network: Network, node: Node, grouped: set[str]) -> Iterator[str]:
    """The layer and those that it fuses: a sum, then a ReLU."""
    yield node.name
    reader = network.only_reader(node.name)
    if reader and reader.kind == "add" and len(reader.inputs) == 2 and reader.name not in grouped:
        yield reader.name
        reader = network.only_reader(reader.name)
    if reader and reader.kind in _RECTIFIERS:
        yield reader.name


def _sum_and_relu(network: Network, node: Node) -> Iterator[str]:
    """The layer and, if it is a sum, the ReLU that it fuses."""
    yield node.name
    reader = network.only_reader(node.name)
    if node.kind == "add" and reader and reader.kind in _RECTIFIERS:
        yield reader.name


def _in_order(network: Network, groups: list[Group]) -> list[Group]:
    """The groups sorted so that each reads only groups before it."""
    group_of = {name: group for group in groups for name in group.names}
    done: set[str] = set()
    ordered: list[Group] = []
    waiting = [group_of[name] for name in reversed(network.nodes)]
    while waiting:
        group = waiting[-1]
        if group.first in done:
            waiting.pop()
            continue
        read = (each for name in group.names for each in network.nodes[name].inputs)
        missing = [
            group_of[each]
            for each in read
            if each in group_of and group_of[each] is not group and group_of[each].first not in done
        ]
        if missing:
            waiting += missing
        else:
            waiting.pop()
            done.add(group.first)
            ordered.append(group)
    return ordered
