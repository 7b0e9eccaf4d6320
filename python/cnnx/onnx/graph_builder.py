"""Construction of an ONNX graph: nodes, names and weights, and the view of a layer on them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnx import _core
from cnnx.arguments import FloatArray
from cnnx.onnx.graph import Array, Attribute, Node

Order: TypeAlias = "NDArray[np.int64]"


@dataclass(frozen=True)
class Bytes:
    """Value of the graph that holds rounded numbers as bytes.

    Attributes:
        name: name of the value.
        scale: difference of two successive numbers.
        constants: names of the scale and of the zero point.
    """

    name: str
    scale: float
    constants: tuple[str, str]


@dataclass(frozen=True)
class Signal:
    """Value of the graph that holds the output of a layer.

    Attributes:
        name: name of the value.
        shape: shape of the layer's output for one image, in cnnx's order: (height, width, channels)
            or (features,). An image is (batch, channels, height, width) in the graph.
        order: for features that the graph has in another order, the positions that they have in
            cnnx; None for the same order.
        rounded: the same values as bytes, if a quantize layer has rounded them.
    """

    name: str
    shape: tuple[int, ...]
    order: Order | None = None
    rounded: Bytes | None = None

    @property
    def is_image(self) -> bool:
        """Whether it has the axes of an image."""
        return len(self.shape) == 3


class Initializers(Mapping[str, Array]):
    """Constants of a graph by name, each made when it is read, so that none of them stays.

    A model's weights are large, and the copies of all of them together would take as much memory
    again.
    """

    def __init__(self) -> None:
        self._makers: dict[str, Callable[[], Array]] = {}

    def add(self, name: str, make: Callable[[], Array]) -> None:
        """Add a constant."""
        self._makers[name] = make

    def __getitem__(self, name: str) -> Array:
        return self._makers[name]()

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


class GraphBuilder:
    """Graph under construction.

    Attributes:
        opset: version of ONNX's operators.
        nodes: nodes so far.
        initializers: constants so far.
    """

    def __init__(self, opset: int, reserved: Sequence[str]) -> None:
        """Begin a graph whose inputs and outputs have the reserved names."""
        self.opset = opset
        self.nodes: list[Node] = []
        self.initializers = Initializers()
        self._names = set(reserved)

    def node(
        self, op_type: str, *inputs: str, output: str | None = None, **attributes: Attribute
    ) -> str:
        """Add a node of one output, and return the name of the output, by default a new one."""
        name = self.unused(op_type.lower()) if output is None else output
        self.nodes.append(Node(op_type, list(inputs), [name], attributes, name))
        return name

    def constant(self, name: str, value: Any) -> str:
        """Add a small constant, and return its name."""
        array = np.asarray(value)
        return self.weight(name, lambda: array)

    def weight(self, name: str, make: Callable[[], Array]) -> str:
        """Add a constant that `make` returns, and return its name."""
        name = self.unused(name)
        self.initializers.add(name, make)
        return name

    def rename(self, value: str, name: str) -> str:
        """Give a value another name. The input of the graph is copied instead.

        The node that computes it keeps its name, by which the importer knows the layer.
        """
        node = next((each for each in self.nodes if value in each.outputs), None)
        if node is None:
            return self.node("Identity", value, output=name)
        for each in self.nodes:
            each.inputs = [name if read == value else read for read in each.inputs]
        node.outputs = [name]
        return name

    def unused(self, name: str) -> str:
        """`name`, or the first unused one with a number; it is used from now on."""
        names = itertools.chain([name], (f"{name}_{number}" for number in itertools.count(2)))
        name = next(each for each in names if each not in self._names)
        self._names.add(name)
        return name


@dataclass(frozen=True)
class LayerExport:
    """Layer of a model that is being exported.

    Attributes:
        builder: graph under construction.
        core: model.
        kind: kind of layer.
        name: name of the layer.
        settings: settings by name.
        inputs: values that it reads.
        output_shape: shape of its output for one image, in cnnx's order.
        order_is_absorbed: whether the layers that read its output can take features in any order.
    """

    builder: GraphBuilder
    core: _core.Model
    kind: str
    name: str
    settings: dict[str, Any]
    inputs: list[Signal]
    output_shape: tuple[int, ...]
    order_is_absorbed: bool

    @property
    def x(self) -> str:
        """Name of the first input."""
        return self.inputs[0].name

    @property
    def opset(self) -> int:
        """Version of ONNX's operators."""
        return self.builder.opset

    @property
    def channels(self) -> int:
        """Size of the last axis of the first input."""
        return self.inputs[0].shape[-1]

    def node(self, op_type: str, *inputs: str, **attributes: Attribute) -> str:
        """Add a node before the last one of the layer, and return the name of its output."""
        output = self.builder.unused(f"{self.name}.{op_type.lower()}")
        return self.builder.node(op_type, *inputs, output=output, **attributes)

    def last(self, op_type: str, *inputs: str, **attributes: Attribute) -> Signal:
        """Add the last node of the layer, which is named after it."""
        name = self.builder.unused(self.name)
        return self.signal(self.builder.node(op_type, *inputs, output=name, **attributes))

    def moved(self, op_type: str, *constants: str, **attributes: Attribute) -> Signal:
        """Add the last node of the layer, which moves or selects the elements of its input.

        Bytes are moved as bytes, because runtimes then compute the next layer in integers.
        """
        rounded = self.inputs[0].rounded
        if rounded is None:
            return self.last(op_type, self.x, *constants, **attributes)
        name = self.node(op_type, rounded.name, *constants, **attributes)
        return self.real(replace(rounded, name=name))

    def real(self, rounded: Bytes) -> Signal:
        """Add the last node of the layer, which converts bytes to real numbers."""
        done = self.last("DequantizeLinear", rounded.name, *rounded.constants)
        return replace(done, rounded=rounded)

    def signal(self, name: str, order: Order | None = None) -> Signal:
        """A value as the output of the layer."""
        return Signal(name, self.output_shape, order)

    def constant(self, name: str, value: Any) -> str:
        """Add a small constant, and return its name."""
        return self.builder.constant(f"{self.name}.{name}", value)

    def number(self, name: str, value: float) -> str:
        """Add a float32 number, and return its name."""
        return self.constant(name, np.float32(value))

    def integers(self, name: str, values: Sequence[int]) -> str:
        """Add a list of integers, such as a shape, and return its name."""
        return self.constant(name, np.array(values, np.int64))

    def parameter(self, name: str, change: Callable[[FloatArray], Array] | None = None) -> str:
        """Add a parameter, changed by a function, and return its name."""
        return self._array(name, self.core.get_parameter, change)

    def buffer(self, name: str, change: Callable[[FloatArray], Array] | None = None) -> str:
        """Add a buffer, changed by a function, and return its name."""
        return self._array(name, self.core.get_buffer, change)

    def per_channel(self, name: str) -> str:
        """Add a parameter of one number per channel in the shape that multiplies the input."""
        order = self.inputs[0].order
        if self.inputs[0].is_image:
            return self.parameter(name, lambda array: array[:, np.newaxis, np.newaxis])
        if order is not None:
            return self.parameter(name, lambda array: array[order])
        return self.parameter(name)

    def _array(
        self,
        name: str,
        read: Callable[[str], FloatArray],
        change: Callable[[FloatArray], Array] | None,
    ) -> str:
        full_name = f"{self.name}.{name}"

        def make() -> Array:
            array = read(full_name)
            return array if change is None else change(array)

        return self.builder.weight(full_name, make)
