"""Network of cnnx layers under construction, with the arrays that its layers get."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cnnx.layers.base import Layer, Symbol
from cnnx.layers.graph import Input, LayerTuple, is_layer_name
from cnnx.model.build import built
from cnnx.model.input_parts import flat_inputs
from cnnx.model.model import Model
from cnnx.onnx.graph import Array
from cnnx.preprocessing import Preprocessing

BUFFERS = ("running_mean", "running_variance", "weight_scale")
# Kinds of layers whose output has only values of their input.
KEEP_VALUES = ("crop2d", "dropout", "flatten", "max_pool2d")


class Selection(NamedTuple):
    """Rows and columns of an image that layers select.

    Attributes:
        source: the image.
        size: its height and width.
        rows: rows that are selected.
        columns: columns that are selected.
    """

    source: Symbol
    size: tuple[int, int]
    rows: range
    columns: range


class Network:
    """Layers with arrays; symbols that nothing reads at the end are not part of the model.

    Attributes:
        inputs: inputs of the network by their names in the model; "input" is a single one.
        folds: whether layers take a constant scale or shift of their output into their arrays. It
            is False for files that cnnx wrote, whose layers must come back as they were.
        transpositions: number of layers that transpose axes.
        node_name: name for the layers of the node that is being converted, in files that cnnx
            wrote.
        selections: rows and columns of another image that a symbol consists of.
        pooled_along_width: outputs of adaptive pools that keep the height.
    """

    def __init__(self, inputs: Mapping[str, Input], *, folds: bool) -> None:
        self.inputs = inputs
        self.folds = folds
        self.transpositions = 0
        self.node_name = ""
        self.selections: dict[Symbol, Selection] = {}
        self.pooled_along_width: set[Symbol] = set()
        self._arrays: dict[Layer, dict[str, Array]] = {}
        self._wished: dict[Layer, str] = {}
        self._open: dict[Layer, set[str]] = {}
        self._arranged: dict[tuple[Symbol, Hashable], Symbol] = {}

    def add(
        self, layer: Layer, *inputs: Symbol, name: str | None = None, **arrays: Array
    ) -> Symbol:
        """Add a layer that reads `inputs`.

        Args:
            layer: the layer.
            inputs: outputs of other layers, or the image.
            name: its name, if the model can have it; None for that of the node.
            arrays: parameters and buffers by name, in cnnx's shapes.
        """
        self._arrays[layer] = arrays
        wish = self.node_name if name is None else name
        if wish:
            self._wished[layer] = wish
        return layer(*inputs)

    def arranged(self, symbol: Symbol, form: Hashable, add: Callable[[], Symbol]) -> Symbol:
        """The output of `symbol` in another form, by one layer for all its readers.

        Args:
            symbol: output of a layer.
            form: what distinguishes the form from others.
            add: adds the layer, on the first call with this form.
        """
        key = (symbol, form)
        if key not in self._arranged:
            self._arranged[key] = add()
        return self._arranged[key]

    def name_of(self, symbol: Symbol) -> str:
        """The name that the layer of `symbol` is to have; empty for a default one."""
        return "" if symbol.layer is None else self._wished.get(symbol.layer, "")

    def name_if_none(self, symbol: Symbol, name: str) -> None:
        """Give the layer of `symbol` a name, unless it has one."""
        if symbol.layer is not None and name:
            self._wished.setdefault(symbol.layer, name)

    def arrays(self, symbol: Symbol) -> dict[str, Array]:
        """Arrays of the layer that computes `symbol`."""
        return {} if symbol.layer is None else self._arrays[symbol.layer]

    def changed(self, symbol: Symbol, settings: dict[str, Any], **arrays: Array) -> Symbol:
        """The layer of `symbol` once more, with some settings and arrays changed."""
        old = symbol.layer
        assert old is not None
        layer = copy.copy(old)
        layer.settings = {**old.settings, **settings}
        name = self.name_of(symbol)
        return self.add(layer, *symbol.inputs, name=name, **{**self._arrays[old], **arrays})

    def open_for(self, symbol: Symbol, *parts: str) -> None:
        """Note that the "scale" or "shift" of the layer of `symbol` follows in the file."""
        assert symbol.layer is not None
        self._open[symbol.layer] = set(parts)

    def takes(self, symbol: Symbol, part: str) -> bool:
        """Whether the layer of `symbol` may take a "scale" or "shift" of its output."""
        if symbol.layer is None:
            return False
        return self.folds or part in self._open.get(symbol.layer, ())

    def inputs_of(self, output: Symbol) -> dict[str, Input]:
        """The inputs that `output` depends on; a single one is the "input" of its model."""
        before = {id(symbol) for symbol in symbols_before(output)}
        needed = {name: each for name, each in self.inputs.items() if id(each) in before}
        return {"input": next(iter(needed.values()))} if len(needed) == 1 else needed

    def built(
        self, output: Symbol, classes: Sequence[str] | None, preprocessing: Preprocessing
    ) -> Model:
        """The model of the layers that `output` depends on, with their arrays.

        Raises:
            ValueError: if the layers do not fit each other.
        """
        needed = {symbol.layer: symbol for symbol in symbols_before(output)}
        inputs = self.inputs_of(output)
        order = [layer for layer in self._arrays if layer in needed]
        names = dict(zip(order, self._names(order, inputs), strict=True))
        symbols = {id(each): name for name, each in inputs.items()}
        symbols |= {id(needed[layer]): name for layer, name in names.items()}
        tuples: list[LayerTuple] = [
            (
                layer.kind,
                layer.settings,
                name,
                [symbols[id(each)] for each in needed[layer].inputs],
                True,
                [],
            )
            for layer, name in names.items()
        ]
        parts, shape = flat_inputs({name: each.shape for name, each in inputs.items()})
        given = [
            f"{name}.{array_name}"
            for layer, name in names.items()
            for array_name in self._arrays[layer]
            if array_name not in BUFFERS
        ]
        model = Model._of(built([*parts, *tuples], shape, classes, preprocessing, 0, given))
        parameters, buffers = model.parameters, model.buffers
        for layer, name in names.items():
            arrays = self._arrays.pop(layer)
            # Scales precede the weights that are multiples of them.
            for array_name in sorted(arrays, key=lambda each: each not in BUFFERS):
                array = arrays.pop(array_name)  # each is freed once it is copied
                target = buffers if array_name in BUFFERS else parameters
                target[f"{name}.{array_name}"] = np.asarray(array, np.float32)
        return model

    def _names(self, layers: Sequence[Layer], inputs: Collection[str]) -> list[str]:
        """Name of each layer: its own in the ONNX file if that is free, else kind and ordinal."""
        taken = {"input", *inputs}
        names: list[str] = []
        for layer in layers:
            wish = self._wished.get(layer, "")
            good = is_layer_name(wish) and wish not in taken
            names.append(wish if good else "")
            taken.add(names[-1])
        ordinals: Counter[str] = Counter()
        for k, layer in enumerate(layers):
            while not names[k]:
                ordinals[layer.kind] += 1
                candidate = f"{layer.kind}_{ordinals[layer.kind]}"
                names[k] = "" if candidate in taken else candidate
        return names


def symbols_before(output: Symbol) -> Iterator[Symbol]:
    """Every symbol that `output` depends on, once, each after its inputs, and `output` itself."""
    seen: set[int] = set()
    waiting: list[tuple[Symbol, bool]] = [(output, False)]
    while waiting:
        symbol, inputs_done = waiting.pop()
        if inputs_done:
            yield symbol
        elif id(symbol) not in seen:
            seen.add(id(symbol))
            waiting.append((symbol, True))
            waiting += [(each, False) for each in reversed(symbol.inputs)]
