"""Layers of a model with their arrays in float64, to be changed and built again."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnx.layers.graph import LayerTuple
from cnnx.model.build import built
from cnnx.model.model import Model
from cnnx.preprocessing import preprocessing_of

Array: TypeAlias = NDArray[np.float64]

INPUT = "input"
WEIGHTED = ("conv2d", "dense")


@dataclass
class Node:
    """A layer of a network.

    Attributes:
        name: name of the layer and of its output.
        kind: kind of layer, such as "conv2d".
        settings: settings of the layer.
        inputs: names of the layers that it reads, or "input".
        trainable: whether training updates it.
        arrays: parameters and buffers by name.
    """

    name: str
    kind: str
    settings: dict[str, Any]
    inputs: list[str]
    trainable: bool
    arrays: dict[str, Array]

    @property
    def is_depthwise(self) -> bool:
        """Whether it is a convolution of every channel by itself."""
        groups = self.settings.get("groups", 1)
        return bool(
            self.kind == "conv2d"
            and groups > 1
            and self.arrays["weight"].shape[2] == 1
            and self.arrays["weight"].shape[3] == groups
        )


class Network:
    """Layers in order by name; each reads layers before it.

    Args:
        nodes: layers in order.
        output: name of the layer whose output is that of the network.
    """

    def __init__(self, nodes: Iterable[Node], output: str) -> None:
        self.nodes = {node.name: node for node in nodes}
        self.output = output

    @classmethod
    def of(cls, model: Model) -> Network:
        """The layers of a model."""
        core = model._core
        arrays: dict[str, dict[str, Array]] = {name: {} for _, _, name, _, _ in core.layers}
        for infos, read in (
            (core.parameter_infos, core.get_parameter),
            (core.buffer_infos, core.get_buffer),
        ):
            for full_name, _, _ in infos:
                layer, _, name = full_name.rpartition(".")
                arrays[layer][name] = read(full_name).astype(np.float64)
        nodes = [
            Node(name, kind, dict(settings), list(inputs), trainable, arrays[name])
            for kind, settings, name, inputs, trainable in core.layers
        ]
        return cls(nodes, nodes[-1].name)

    def copy(self) -> Network:
        """The network with arrays of its own."""
        return Network(copy.deepcopy(list(self.nodes.values())), self.output)

    def readers(self, name: str) -> list[Node]:
        """Layers that read the output of a layer, in order."""
        return [node for node in self.nodes.values() if name in node.inputs]

    def only_reader(self, name: str) -> Node | None:
        """The layer that alone reads the output of a layer, once; None for the network's output."""
        readers = self.readers(name)
        if name == self.output or len(readers) != 1 or readers[0].inputs.count(name) != 1:
            return None
        return readers[0]

    def remove(self, name: str) -> None:
        """Remove a layer of one input; its readers read that."""
        node = self.nodes.pop(name)
        (source,) = node.inputs
        for reader in self.readers(name):
            reader.inputs = [source if each == name else each for each in reader.inputs]
        if self.output == name:
            self.output = source

    def built(self, like: Model) -> Model:
        """The model of the layers, with all else of another one but its precision."""
        core = like._core
        height, width, channels = core.input_shape
        tuples: list[LayerTuple] = [
            (node.kind, node.settings, node.name, node.inputs, node.trainable, [])
            for node in self.nodes.values()
        ]
        classes, how = core.classes, preprocessing_of(core)
        model = Model._of(built(tuples, (height, width, channels), classes, how, 0))
        for node in self.nodes.values():
            arrays = {f"{node.name}.{name}": array for name, array in node.arrays.items()}
            # Buffers first: the scale of int8 weights is set before the weights.
            for target in (model.buffers, model.parameters):
                for name in arrays.keys() & target.keys():
                    target[name] = arrays[name].astype(np.float32)
        if core.probability_kind != model._core.probability_kind:
            model._core.probability_kind = core.probability_kind
        if core.temperature != 1:
            model.temperature = core.temperature
        model.metadata = like.metadata
        return model
