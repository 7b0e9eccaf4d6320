"""Graphs of layers: the inputs and the names of their nodes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from cnnx import _core
from cnnx.advice import warn
from cnnx.arguments import is_integer, shown
from cnnx.layers.base import Layer, Symbol
from cnnx.spelling import checked_call

# kind, settings, name, names of the inputs, trainable, branches: as the core takes a layer. Where
# names are empty it numbers layers of a kind, and a layer reads the one before.
LayerTuple: TypeAlias = "tuple[str, dict[str, Any], str, list[str], bool, list[list[LayerTuple]]]"
Shape: TypeAlias = "tuple[int, int, int]"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@checked_call
class Input(Symbol):
    """Input image of a graph, or one of several.

    Args:
        shape: (height, width, channels) of one image.

    Raises:
        TypeError: if shape is not three integers.

    Example:
        >>> from cnnx import Add, Conv2d, Dense, Flatten, Input, Model, ReLU
        >>> image = Input((8, 8, 3))
        >>> edges = Conv2d(4, 3, padding="same")(image)
        >>> both = Add()(Conv2d(4, 3, padding="same")(ReLU()(edges)), edges)
        >>> model = Model.from_graph(image, Dense(2)(Flatten()(both)))
        >>> model.output_shape
        (2,)
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__(None, ())
        self.shape = input_shape_of(shape, "Input", "shape")

    def __repr__(self) -> str:
        return f"Input({self.shape})"


def input_shape_of(shape: object, function: str, argument: str) -> Shape:
    """`shape` as (height, width, channels); warns if it looks like (channels, height, width).

    Raises:
        TypeError: if it is not three integers.
    """
    if not (
        isinstance(shape, Sequence) and len(shape) == 3 and all(is_integer(size) for size in shape)
    ):
        raise TypeError(
            f"{function}: {argument} is {shown(shape)}, expected (height, width, channels)"
        )
    height, width, channels = (int(size) for size in shape)
    # Signals of height 1 have any width and number of channels.
    planes = height in (3, 4) or (height == 1 and width == channels)
    if planes and min(width, channels) >= 8:
        warn(
            f"{function}: {argument} is {shown(shape)}, expected (height, width, channels), not "
            f"channels first: {argument}={(width, channels, height)}"
        )
    return height, width, channels


def is_layer_name(text: str) -> bool:
    """Whether a layer of a graph may have this name."""
    return bool(_NAME.fullmatch(text)) and text != "input" and not text.startswith("cnnx.")


def warn_of_repeated(layers: Sequence[object]) -> None:
    """Warn of layers with parameters that stand several times in a list of them, also in blocks."""
    every = [each for layer in layers if isinstance(layer, Layer) for each in _with_inner(layer)]
    _warn_of_unshared(every, "Model: a {kind} stands in layers {count} times")


def in_order(layers: Sequence[Layer]) -> list[LayerTuple]:
    """Layer tuples of a sequence, each layer reading the one before."""
    return [_layer_tuple(layer, layer.name or "", []) for layer in layers]


def in_graph(inputs: Mapping[str, Input], output: Symbol) -> list[LayerTuple]:
    """Layer tuples of the layers that `output` depends on, in topological order.

    Args:
        inputs: inputs by the names that the tuples have for them.
        output: output of a layer.

    Raises:
        ValueError: if `output` reads another input, does not depend on one of them, or is an input
            itself.
    """
    names = {id(each): name for name, each in inputs.items()}
    made = set(names)
    order: list[tuple[Layer, Symbol]] = []
    waiting = [output]
    while waiting:
        symbol = waiting[-1]
        missing = [each for each in symbol.inputs if id(each) not in made]
        if id(symbol) in made:
            waiting.pop()
        elif missing:
            waiting.append(missing[0])
        elif symbol.layer is None:
            known = "the one" if len(inputs) == 1 else "those"
            raise ValueError(
                f"Model.from_graph: outputs reads another Input than {known} in inputs"
            )
        else:
            made.add(id(symbol))
            order.append((symbol.layer, symbol))
    if id(output) in names:
        raise ValueError("Model.from_graph: outputs is the input itself, expected a layer's result")
    read = {id(each) for _, symbol in order for each in symbol.inputs}
    for name, each in inputs.items():
        if id(each) not in read:
            raise ValueError(f"Model.from_graph: outputs does not depend on input {name!r}")
    layers = [layer for layer, _ in order]
    _warn_of_unshared(layers, "Model.from_graph: a {kind} is called {count} times")
    for name, (_, symbol) in zip(_names(layers, inputs), order, strict=True):
        names[id(symbol)] = name
    return [
        _layer_tuple(layer, names[id(symbol)], [names[id(each)] for each in symbol.inputs])
        for layer, symbol in order
    ]


def _warn_of_unshared(layers: Sequence[Layer], finding: str) -> None:
    """Warn of a layer with parameters that is there several times, which do not share them."""
    counts = Counter(map(id, layers))
    repeated = [each for each in layers if counts[id(each)] > 1]
    if not repeated:
        return
    trained = {each["name"] for each in _core.layer_kinds() if each["parameters"]}
    layer = next((each for each in repeated if _has_kind_within(each, trained)), None)
    if layer is not None:
        found = finding.format(kind=type(layer).__name__, count=counts[id(layer)])
        warn(
            f"{found}, and each is a layer with weights of its own, expected a layer for each, "
            "because they share no weights"
        )


def _with_inner(layer: Layer) -> Iterator[Layer]:
    """A layer and those inside it."""
    yield layer
    for branch in layer.branches_within():
        for each in branch:
            yield from _with_inner(each)


def _has_kind_within(layer: Layer, kinds: Collection[str]) -> bool:
    """Whether a layer or one inside it is of these kinds."""
    return any(each.kind in kinds for each in _with_inner(layer))


def _layer_tuple(layer: Layer, name: str, inputs: list[str]) -> LayerTuple:
    branches = [in_order(branch) for branch in layer.branches_within()]
    return layer.kind, layer.settings, name, inputs, layer.trainable, branches


def _names(layers: Sequence[Layer], inputs: Collection[str]) -> list[str]:
    """Names of the layers: the user's, or kind and the next free ordinal, such as "conv2d_1".

    The core numbers layers the same way. The names are needed here for the inputs of the nodes.
    """
    taken = {*inputs, *(layer.name for layer in layers)}
    ordinals: Counter[str] = Counter()
    names = []
    for layer in layers:
        name = layer.name
        while name is None:
            ordinals[layer.kind] += 1
            candidate = f"{layer.kind}_{ordinals[layer.kind]}"
            name = None if candidate in taken else candidate
        names.append(name)
    return names
