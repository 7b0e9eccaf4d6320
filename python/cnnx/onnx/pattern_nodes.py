"""Nodes of an ONNX graph by what they compute: products and sums flattened, and constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from cnnx.onnx.graph import Array, Attribute, Node

_BINARY = frozenset({"Add", "Div", "Mul", "Pow", "Sub"})
_MOST_STEPS = 32  # of the nodes of one product


class Product(NamedTuple):
    """A constant times values."""

    constant: float
    factors: tuple[str, ...]


class Sum(NamedTuple):
    """A constant plus values."""

    constant: float
    terms: tuple[str, ...]


@dataclass
class Nodes:
    """Nodes by their outputs, the number of readers of every value, and the constants."""

    makers: Mapping[str, Node]
    readers: Mapping[str, int]
    constants: Mapping[str, Array]

    def maker(self, name: str, *operators: str) -> Node | None:
        """The node that computes a value, if it is one of `operators`."""
        node = self.makers.get(name)
        if node is None or node.op_type not in operators or not node.inputs:
            return None
        return None if node.op_type in _BINARY and len(node.inputs) != 2 else node

    def number(self, name: str) -> float | None:
        """A constant of one number."""
        array = self.constants.get(name)
        if array is None or array.size != 1 or array.dtype.kind not in "fiu":
            return None
        return float(array.reshape(-1)[0])

    def axes(self, node: Node) -> list[int] | None:
        """Axes of a node, a constant that is its second input or an attribute; None without."""
        given = node.attributes.get("axes")
        if len(node.inputs) > 1 and node.inputs[1] in self.constants:
            given = [int(each) for each in self.constants[node.inputs[1]].reshape(-1)]
        return given if isinstance(given, list) and given else None  # type: ignore[return-value]

    def only_number(self, node: Node) -> tuple[str, float] | None:
        """The other input of a commutative node, and the number that is one of its inputs."""
        for value, constant in (node.inputs, node.inputs[::-1]):
            number = self.number(constant)
            if number is not None and value not in self.constants:
                return value, number
        return None

    def product(self, name: str) -> Product:
        """The value as a product, its factors in alphabetical order.

        A product that other nodes read, too, is one factor.
        """
        constant, factors, waiting = 1.0, [], [name]
        for _ in range(_MOST_STEPS):
            if not waiting:
                break
            each = waiting.pop()
            node = self.maker(each, "Mul", "Div")
            node = node if each == name or self.readers[each] == 1 else None
            number = self.number(each)
            divisor = self.number(node.inputs[1]) if node and node.op_type == "Div" else None
            if number is not None:
                constant *= number
            elif node is None or (node.op_type == "Div" and not divisor):
                factors.append(each)
            elif divisor:
                constant /= divisor
                waiting.append(node.inputs[0])
            else:
                waiting += node.inputs
        return Product(constant, tuple(sorted([*factors, *waiting])))

    def operands(self, name: str, operator: str) -> list[str]:
        """The inputs of nested nodes of a commutative operator.

        A node that other nodes read, too, is one of them.
        """
        found: list[str] = []
        waiting = [name]
        while waiting and len(found) + len(waiting) < _MOST_STEPS:
            each = waiting.pop()
            node = self.maker(each, operator)
            if node is None or (each != name and self.readers[each] != 1):
                found.append(each)
            else:
                waiting += node.inputs
        return [*found, *waiting]

    def with_one_constant(self, name: str, operator: str) -> tuple[str, list[str]] | None:
        """The constant among such inputs and the other ones; products with 1 do not count."""
        inputs = self.operands(name, operator)
        constants = [each for each in inputs if each in self.constants]
        ones = [each for each in constants if operator == "Mul" and self.number(each) == 1]
        for each in ones[: len(constants) - 1]:
            constants.remove(each)
        if len(constants) != 1:
            return None
        return constants[0], [each for each in inputs if each not in self.constants]

    def constant_axes(self, node: Node, value: str) -> int:
        """The most axes of a constant that a node, or one between it and `value`, reads."""
        most, seen, waiting = 0, {value}, [*node.inputs]
        while waiting:
            each = waiting.pop()
            maker = self.makers.get(each)
            if each in self.constants:
                most = max(most, self.constants[each].ndim)
            elif maker is not None and each not in seen and maker.op_type != "Shape":
                waiting += maker.inputs  # not of a Shape, which may be that of any other value
            seen.add(each)
        return most

    def sum(self, name: str) -> Sum:
        """The value as a sum of a constant and at most one addition."""
        node = self.maker(name, "Add")
        found = self.only_number(node) if node else None
        return Sum(found[1], (found[0],)) if found else Sum(0.0, (name,))


Match: TypeAlias = "tuple[str, dict[str, Attribute], str]"  # operator, attributes, input
