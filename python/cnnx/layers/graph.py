"""Layers connected to a graph: what reads what, and the names that they get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from cnnx.arguments import is_integer, shown
from cnnx.layers.base import INPUT, Builder, Layer, Scope, Symbol

# kind, attributes, name, names of the inputs, trainable: as the core takes a layer.
LayerTuple: TypeAlias = "tuple[str, dict[str, Any], str, list[str], bool]"
Shape: TypeAlias = "tuple[int, int, int]"


class Input(Symbol):
    """The picture that a graph begins with.

    Args:
        shape: (height, width, channels) of one picture.

    Raises:
        TypeError: if shape is not made of three integers.

    Example:
        >>> from cnnx import Add, Conv2d, Dense, Flatten, Input, Model, ReLU
        >>> picture = Input((8, 8, 3))
        >>> edges = Conv2d(4, 3, padding="same")(picture)
        >>> both = Add()(Conv2d(4, 3, padding="same")(ReLU()(edges)), edges)
        >>> model = Model.from_graph(picture, Dense(2)(Flatten()(both)))
        >>> model.output_shape
        (2,)
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__(None, ())
        self.shape = input_shape_of(shape, "Input", "shape")

    def __repr__(self) -> str:
        return f"Input({self.shape})"


def input_shape_of(shape: object, function: str, argument: str) -> Shape:
    """`shape` as (height, width, channels), or a TypeError that names `argument`."""
    if not (
        isinstance(shape, Sequence) and len(shape) == 3 and all(is_integer(size) for size in shape)
    ):
        raise TypeError(
            f"{function}: {argument} is {shown(shape)}, expected (height, width, channels)"
        )
    height, width, channels = (int(size) for size in shape)
    return height, width, channels


def connect_in_order(layers: Sequence[Layer]) -> list[LayerTuple]:
    """The layers one after another, each reading the one before."""
    builder = GraphBuilder()
    last = INPUT
    for layer in layers:
        last = layer.connect(builder, [last], None)
    return builder.layers()


def connect_graph(picture: Input, output: Symbol) -> list[LayerTuple]:
    """The layers that `output` needs, every layer after those that it reads.

    Raises:
        ValueError: if it reads another input, or none.
    """
    builder = GraphBuilder()
    made: dict[int, int] = {id(picture): INPUT}
    waiting = [output]
    while waiting:
        symbol = waiting[-1]
        missing = [each for each in symbol.inputs if id(each) not in made]
        if id(symbol) in made:
            waiting.pop()
        elif missing:
            waiting.append(missing[0])
        elif symbol.layer is None:
            raise ValueError("Model.from_graph: outputs reads another Input than the one in inputs")
        else:
            inputs = [made[id(each)] for each in symbol.inputs]
            made[id(symbol)] = symbol.layer.connect(builder, inputs, None)
    if output is picture:
        raise ValueError("Model.from_graph: outputs is the input itself, expected a layer's result")
    return builder.layers()


@dataclass
class _Node:
    layer: Layer
    inputs: list[int]
    scope: Scope | None


@dataclass
class GraphBuilder(Builder):
    """Collects layers and the blocks that they are part of, then names them.

    A name is the user's, or kind and ordinal, "conv2d_1", stepping over the user's own; within a
    block it follows the block's, "residual_1.conv2d_1".
    """

    _nodes: list[_Node] = field(default_factory=list)
    _entries: list[_Node | Scope] = field(default_factory=list)

    def add(self, layer: Layer, inputs: Sequence[int], scope: Scope | None) -> int:
        """Connects a layer; returns its number."""
        node = _Node(layer, list(inputs), scope)
        self._nodes.append(node)
        self._entries.append(node)
        return len(self._nodes) - 1

    def begin(self, block: Layer, scope: Scope | None) -> Scope:
        """The scope of a block's layers."""
        inner = Scope(block, scope)
        self._entries.append(inner)
        return inner

    def layers(self) -> list[LayerTuple]:
        """Everything in order, as the core takes it."""
        names = self._names()
        return [
            (
                node.layer.kind,
                node.layer.attributes,
                names[id(node)],
                [
                    "input" if each == INPUT else names[id(self._nodes[each])]
                    for each in node.inputs
                ],
                _trainable(node),
            )
            for node in self._nodes
        ]

    def _names(self) -> dict[int, str]:
        """The full name of every entry by its id."""
        taken: dict[int, set[str]] = {}
        for entry in self._entries:
            if entry.layer.name is not None:
                taken.setdefault(id(entry.scope), set()).add(entry.layer.name)
        ordinals: dict[tuple[int, str], int] = {}
        names: dict[int, str] = {}
        for entry in self._entries:
            name, place = entry.layer.name, id(entry.scope)
            while name is None:
                key = (place, entry.layer.kind)
                ordinals[key] = ordinals.get(key, 0) + 1
                candidate = f"{entry.layer.kind}_{ordinals[key]}"
                if candidate not in taken.get(place, ()):
                    name = candidate
            prefix = "" if entry.scope is None else f"{names[place]}."
            names[id(entry)] = prefix + name
        return names


def _trainable(node: _Node) -> bool:
    trainable, scope = node.layer.trainable, node.scope
    while scope is not None:
        trainable, scope = trainable and scope.layer.trainable, scope.scope
    return trainable
