"""Layers of a model that have arrays, in PyTorch's order of definition, and their conversion."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cnnx import _core
from cnnx.arguments import FloatArray
from cnnx.weights.feature_order import FeatureOrders, feature_orders
from cnnx.weights.stored_array import StoredArray

Shape = tuple[int, ...]


@dataclass(frozen=True)
class LayerArrays:
    """Layer of a model with its arrays.

    Attributes:
        name: name of the layer.
        kind: kind of the layer.
        shapes: shape of each array by its name within the layer, such as "weight".
        orders: order of the features that the layer reads, and of those that it computes.
    """

    name: str
    kind: str
    shapes: dict[str, Shape]
    orders: FeatureOrders

    def pytorch_shape(self, array: str) -> Shape:
        """Shape of an array in PyTorch's order of axes."""
        shape = self.shapes[array]
        if self.kind == "parameter":
            return shape
        if len(shape) == 4:
            height, width, inner, outer = shape
            return outer, inner, height, width
        return shape[::-1]

    def accepts(self, array: str, stored: Shape) -> bool:
        """Whether `converted` takes an array of this shape from a file.

        Weights of 1x1 convolutions and of dense layers are interchangeable. Axes of size 1 around
        a vector do not count, and a PReLU of one slope stands for all channels.
        """
        expected = self.pytorch_shape(array)
        if len(expected) == 1:
            size = math.prod(stored)
            is_vector = len(stored) > 0 and size == max(stored)
            return is_vector and (size == expected[0] or (self.kind == "prelu" and size == 1))
        return stored == expected or (
            expected[2:] in ((), (1, 1)) and stored in (expected[:2], (*expected[:2], 1, 1))
        )

    def converted(self, array: str, stored: StoredArray) -> FloatArray:
        """Values of a stored array, whose shape is accepted, in the model's order.

        Raises:
            ValueError: if the values are no floats.
        """
        shape, values = self.shapes[array], stored.values()
        if len(shape) == 4:
            values = values.reshape(self.pytorch_shape(array)).transpose(2, 3, 1, 0)
        elif self.kind == "parameter":
            values = values.reshape(shape)
        elif len(shape) == 2:
            values = values.reshape(self.pytorch_shape(array)).T
        else:
            values = np.broadcast_to(values.reshape(-1), shape)
        is_bias_of_dense = self.kind == "dense" and len(shape) == 1
        read, computed = self.orders
        if read is not None and not is_bias_of_dense:
            values = values[read]
        if computed is not None:
            values = values[..., computed]
        return np.ascontiguousarray(values)


def layers_in_order(core: _core.Model) -> list[LayerArrays]:
    """Layers that have arrays, in the order in which PyTorch's modules usually define them.

    That is the order of computation in which a layer with several inputs comes after the layers of
    its first input, then of its second, and so on: the body of a residual block before its
    shortcut, although the model computes the shortcut first.

    Raises:
        ValueError: as `feature_orders`.
    """
    shapes: dict[str, dict[str, Shape]] = {}
    for name, shape, _ in (*core.parameter_infos, *core.buffer_infos):
        layer, _, array = name.rpartition(".")
        shapes.setdefault(layer, {})[array] = tuple(shape)
    orders = feature_orders(core)
    return [
        LayerArrays(name, kind, shapes[name], orders[name])
        for name, kind in _in_order_of_inputs(core)
        if name in shapes
    ]


def _in_order_of_inputs(core: _core.Model) -> Iterator[tuple[str, str]]:
    """Names and kinds of the layers, each after all layers of its inputs in turn."""
    sources = {name: (kind, inputs) for kind, _, name, inputs, _ in core.layers}
    seen = {"input"}
    waiting = [core.layers[-1][2]]
    while waiting:
        name = waiting[-1]
        kind, inputs = sources[name]
        missing = [each for each in inputs if each not in seen]
        if missing:
            waiting.append(missing[0])
        else:
            waiting.pop()
            seen.add(name)
            yield name, kind
