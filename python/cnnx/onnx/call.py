"""Node of an ONNX graph with the values that it reads, as operators get it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, cast

import numpy as np

from cnnx._core import FormatError
from cnnx.arguments import shown
from cnnx.layers.base import Layer
from cnnx.onnx.axes import Activation
from cnnx.onnx.graph import Array, Node
from cnnx.onnx.layer_names import layer_name
from cnnx.onnx.network import Network
from cnnx.onnx.refusal import RefusedError
from cnnx.onnx.weight_scales import WeightScale

Operand: TypeAlias = "Activation | Array | None"


@dataclass
class Call:
    """Node to convert.

    Attributes:
        node: the node.
        opset: version of the operator set.
        inputs: value of each input; None for one that is left out.
        network: network to which layers are added.
        used: whether anything reads each output of the node.
        weight_scales: scales of the constants that are int8 times a scale, by name.
        producer: name of the program that wrote the file last.
    """

    node: Node
    opset: int
    inputs: Sequence[Operand]
    network: Network
    used: Sequence[bool]
    weight_scales: Mapping[str, WeightScale] = field(default_factory=dict)
    producer: str = ""

    def operand(self, index: int) -> Operand:
        """An input; None if it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def activation(self, index: int = 0) -> Activation:
        """An input that the network computes."""
        value = self.operand(index)
        if not isinstance(value, Activation):
            raise RefusedError(f"its input {index + 1} is a constant, expected an activation")
        return value

    def constant(self, index: int) -> Array:
        """An input that does not depend on the image."""
        value = self.optional(index)
        if value is None:
            raise FormatError(f"has no input {index + 1}")
        return value

    def optional(self, index: int) -> Array | None:
        """A constant input that may be left out."""
        value = self.operand(index)
        if isinstance(value, Activation):
            raise RefusedError(f"its input {index + 1} depends on the image, expected a constant")
        return value

    def only_output(self) -> None:
        """Refuse outputs after the first that are read."""
        if any(self.used[1:]):
            raise RefusedError("its second output is read, which no layer of cnnx computes")

    def integer(self, name: str, default: int) -> int:
        """Attribute that is an integer."""
        value = self.node.attributes.get(name, default)
        if not isinstance(value, int):
            raise self._malformed(name, "an integer")
        return value

    def number(self, name: str, default: float) -> float:
        """Attribute that is a real number."""
        value = self.node.attributes.get(name, default)
        if not isinstance(value, (int, float)):
            raise self._malformed(name, "a number")
        return float(value)

    def word(self, name: str, default: str) -> str:
        """Attribute that is text."""
        value = self.node.attributes.get(name, default)
        if not isinstance(value, str):
            raise self._malformed(name, "text")
        return value

    def integers(self, name: str, default: Sequence[int] | None = None) -> list[int]:
        """Attribute that is a list of integers.

        Raises:
            FormatError: if it is missing without a default.
        """
        value = self.node.attributes.get(name, None if default is None else list(default))
        if not isinstance(value, list) or not all(isinstance(each, int) for each in value):
            raise self._malformed(name, "integers")
        return cast("list[int]", value)

    def integers_of(self, index: int, name: str) -> list[int] | None:
        """Integers from an input or, in earlier operator sets, from an attribute."""
        given = self.optional(index)
        if given is not None:
            return integers_in(given)
        return self.integers(name) if name in self.node.attributes else None

    def _malformed(self, name: str, expected: str) -> FormatError:
        value = self.node.attributes.get(name)
        found = "missing" if value is None else shown(value)
        return FormatError(f"its attribute {name} is {found}, expected {expected}")

    def name(self, weight: int = 1) -> str | None:
        """Name for the layer, by the name of its weight, input `weight`."""
        if not self.network.folds:
            return None
        inputs = self.node.inputs
        array = inputs[weight] if weight < len(inputs) else ""
        scale = self.weight_scales.get(array)
        return layer_name(self.node, array if scale is None else scale.name)

    def weight_scale(self, axis: int, count: int) -> Array | None:
        """One scale for each output of a layer whose weight, input 1, is int8; else None.

        Args:
            axis: axis of the outputs in the weight.
            count: number of outputs.
        """
        name = self.node.inputs[1] if len(self.node.inputs) > 1 else ""
        scale = self.weight_scales.get(name)
        return None if scale is None else scale.along(axis, count)

    def elementwise(self, layer: Layer, **arrays: Array) -> Activation:
        """Output of a layer that computes every element by itself."""
        value = self.activation()
        name = self.name() if arrays else None
        return value.computed(self.network.add(layer, value.symbol, name=name, **arrays))


Operator: TypeAlias = "Callable[[Call], Activation | Array | list[Activation] | list[Array]]"


def integers_in(array: Array) -> list[int]:
    """Elements of a constant as integers.

    Raises:
        FormatError: if they are not integers.
    """
    if array.dtype.kind not in "iu" or array.size > np.iinfo(np.int16).max:
        raise FormatError(f"reads {shown(array)} of {array.dtype}, expected a few integers")
    return [int(each) for each in array.reshape(-1)]
