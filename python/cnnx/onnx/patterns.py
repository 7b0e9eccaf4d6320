"""Activations and norms that exporters write as several nodes, replaced by their own operators.

A pattern is recognised by what it computes, not by the order of its nodes: products and sums are
flattened, `0.5 * (x * t)` and `x * (t * 0.5)` are both 0.5 times x and t.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import numpy as np

from cnnx.onnx.graph import Array, Attribute, Graph, Node

# Operator of the norm that a pattern leaves, without scale and bias.
STANDARDIZE = "MeanVarianceNormalization"
# Operator that the pattern of a global response norm leaves, which ONNX does not have.
RESPONSE_NORM = "GlobalResponseNorm"
_BINARY = frozenset({"Add", "Div", "Mul", "Pow", "Sub"})
_TOLERANCE = 1e-5  # relative, of constants with six digits
_MOST_STEPS = 32  # of the nodes of one product


class _Product(NamedTuple):
    """A constant times values."""

    constant: float
    factors: tuple[str, ...]


class _Sum(NamedTuple):
    """A constant plus values."""

    constant: float
    terms: tuple[str, ...]


@dataclass
class _Nodes:
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

    def only_number(self, node: Node) -> tuple[str, float] | None:
        """The other input of a commutative node, and the number that is one of its inputs."""
        for value, constant in (node.inputs, node.inputs[::-1]):
            number = self.number(constant)
            if number is not None and value not in self.constants:
                return value, number
        return None

    def product(self, name: str) -> _Product:
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
        return _Product(constant, tuple(sorted([*factors, *waiting])))

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

    def sum(self, name: str) -> _Sum:
        """The value as a sum of a constant and at most one addition."""
        node = self.maker(name, "Add")
        found = self.only_number(node) if node else None
        return _Sum(found[1], (found[0],)) if found else _Sum(0.0, (name,))


Match: TypeAlias = "tuple[str, dict[str, Attribute], str]"  # operator, attributes, input


def _near(value: float, expected: float) -> bool:
    """Whether a constant is this number, or is it in a file of float16."""
    halves = float(np.float16(expected)), 1 / float(np.float16(1 / expected))
    return any(abs(value - each) <= _TOLERANCE * expected for each in (expected, *halves))


def _swish(nodes: _Nodes, name: str) -> Match | None:
    """`x * sigmoid(x)`, `x * tanh(softplus(x))`, `x * hard_sigmoid(x)`."""
    constant, factors = nodes.product(name)
    for value, gate in (factors, factors[::-1]) if len(factors) == 2 else ():
        node = nodes.maker(gate, "Sigmoid", "Tanh", "HardSigmoid")
        if node is None:
            hard = _hard_gate(nodes, gate, constant)
            if hard == value:
                return "HardSwish", {}, value
            continue
        if constant != 1:
            continue
        if node.op_type == "Sigmoid" and node.inputs[0] == value:
            return "Swish", {}, value
        if node.op_type == "HardSigmoid" and node.inputs[0] == value:
            slope, offset = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
            if slope == np.float32(1 / 6) and offset == 0.5:
                return "HardSwish", {}, value
        inner = nodes.maker(node.inputs[0], "Softplus") if node.op_type == "Tanh" else None
        if inner is not None and inner.inputs[0] == value:
            return "Mish", {}, value
    return None


def _hard_gate(nodes: _Nodes, gate: str, constant: float) -> str | None:
    """X of `clip(x + 3, 0, 6)`, if the constant before it is 1/6."""
    if not _near(constant, 1 / 6):
        return None
    found = _clipped_sum(nodes, gate)
    return found[0] if found and found[1:] == (3.0, 0.0, 6.0) else None


def _clipped_sum(nodes: _Nodes, name: str) -> tuple[str, float, float, float] | None:
    """x, offset and bounds of `clip(x + offset, low, high)`."""
    node = nodes.maker(name, "Clip")
    if node is None:
        return None
    bounds = []
    for index, key in ((1, "min"), (2, "max")):
        given = node.attributes.get(key)
        if given is None and index < len(node.inputs):
            given = nodes.number(node.inputs[index])
        if not isinstance(given, float):
            return None
        bounds.append(given)
    constant, terms = nodes.sum(node.inputs[0])
    return terms[0], constant, bounds[0], bounds[1]


def _hard_sigmoid(nodes: _Nodes, name: str) -> Match | None:
    """`clip(x + 3, 0, 6) / 6`."""
    constant, factors = nodes.product(name)
    if len(factors) != 1 or factors == (name,):
        return None
    value = _hard_gate(nodes, factors[0], constant)
    return (
        ("HardSigmoid", {"alpha": float(np.float32(1 / 6)), "beta": 0.5}, value) if value else None
    )


def _gelu(nodes: _Nodes, name: str) -> Match | None:
    """`0.5 * x * (1 + erf(x / sqrt(2)))`, or with the tanh of a cubic."""
    constant, factors = nodes.product(name)
    for value, gate in (
        (factors, factors[::-1]) if len(factors) == 2 and _near(constant, 0.5) else ()
    ):
        one, terms = nodes.sum(gate)
        node = nodes.maker(terms[0], "Erf", "Tanh")
        if one != 1 or node is None:
            continue
        scale, inner = nodes.product(node.inputs[0])
        if node.op_type == "Erf" and _near(scale, 2**-0.5) and inner == (value,):
            return "Gelu", {}, value
        if node.op_type == "Tanh" and _is_cubic(nodes, scale, inner, value):
            return "Gelu", {"approximate": "tanh"}, value
    return None


def _is_cubic(nodes: _Nodes, scale: float, factors: tuple[str, ...], value: str) -> bool:
    """Whether it is `sqrt(2 / pi) * (x + 0.044715 * x**3)`, also as x times a sum."""
    if not _near(scale, (2 / np.pi) ** 0.5):
        return False
    if value in factors and len(factors) == 2:  # x * (1 + 0.044715 * x**2)
        other = factors[1 - factors.index(value)]
        one, terms = nodes.sum(other)
        return one == 1 and _is_power(nodes, terms[0], value, 2)
    node = nodes.maker(factors[0], "Add") if len(factors) == 1 else None
    if node is None or value not in node.inputs:
        return False
    other = node.inputs[1 - node.inputs.index(value)]
    return _is_power(nodes, other, value, 3)


def _is_power(nodes: _Nodes, name: str, value: str, power: int) -> bool:
    """Whether it is 0.044715 times a power of the value."""
    constant, factors = nodes.product(name)
    if not _near(constant, 0.044715):
        return False
    if factors == (value,) * power:
        return True
    node = nodes.maker(factors[0], "Pow") if len(factors) == 1 else None
    return node is not None and node.inputs[0] == value and nodes.number(node.inputs[1]) == power


def _standardized(nodes: _Nodes, name: str) -> Match | None:
    """`(x - mean) / sqrt(variance + epsilon)`."""
    node = nodes.maker(name, "Div", "Mul")
    if node is None:
        return None
    is_quotient = node.op_type == "Div"
    for centred, deviation in (node.inputs, node.inputs[::-1])[: 1 if is_quotient else 2]:
        root = nodes.maker(deviation, "Sqrt" if is_quotient else "Reciprocal")
        if root is not None and root.op_type == "Reciprocal":
            root = nodes.maker(root.inputs[0], "Sqrt")
        if root is None:
            continue
        epsilon, terms = nodes.sum(root.inputs[0])
        variance = nodes.maker(terms[0], "ReduceMean")
        difference = nodes.maker(centred, "Sub")
        if variance is None or difference is None:
            continue
        value, mean = difference.inputs[0], nodes.maker(difference.inputs[1], "ReduceMean")
        axes = _reduced_axes(nodes, variance)
        if mean is None or mean.inputs[0] != value or axes is None:
            continue
        if axes == _reduced_axes(nodes, mean) and _is_square(nodes, variance.inputs[0], centred):
            return STANDARDIZE, {"axes": axes, "epsilon": epsilon}, value
    return None


def _response_norm(nodes: _Nodes, node: Node) -> Node | None:
    """`x + (weight * (x * n) + bias)`, where n are the norms of the maps by their mean."""
    total = nodes.with_one_constant(node.outputs[0], "Add")
    if total is None or len(total[1]) != 2:
        return None
    bias, terms = total
    for value, term in (terms, terms[::-1]):
        product = nodes.with_one_constant(term, "Mul")
        if product is None or len(product[1]) != 2 or value not in product[1]:
            continue
        weight, factors = product
        found = _relative_norms(nodes, factors[1 - factors.index(value)], value)
        if found is not None:
            return replace(
                node, op_type=RESPONSE_NORM, inputs=[value, weight, bias], attributes=found
            )
    return None


def _relative_norms(nodes: _Nodes, name: str, value: str) -> dict[str, Attribute] | None:
    """Axes and epsilon of `norm(x) / (mean(norm(x)) + epsilon)`."""
    quotient = nodes.maker(name, "Div")
    if quotient is None:
        return None
    norms, divisor = quotient.inputs
    epsilon, terms = nodes.sum(divisor)
    mean = nodes.maker(terms[0], "ReduceMean")
    if mean is None or mean.inputs[0] != norms:
        return None
    axes, over = _axes_of_norms(nodes, norms, value), _reduced_axes(nodes, mean)
    if axes is None or over is None:
        return None
    return {"axes": axes, "mean_axes": over, "epsilon": epsilon}


def _axes_of_norms(nodes: _Nodes, name: str, value: str) -> list[int] | None:
    """Axes of `sqrt(sum(x**2))`."""
    node = nodes.maker(name, "ReduceL2", "Sqrt")
    if node is not None and node.op_type == "ReduceL2":
        return _reduced_axes(nodes, node) if node.inputs[0] == value else None
    total = nodes.maker(node.inputs[0], "ReduceSum", "ReduceSumSquare") if node else None
    if total is None:
        return None
    is_sum = total.op_type == "ReduceSum"
    squares = _is_square(nodes, total.inputs[0], value) if is_sum else total.inputs[0] == value
    return _reduced_axes(nodes, total) if squares else None


def _is_square(nodes: _Nodes, name: str, value: str) -> bool:
    node = nodes.maker(name, "Pow", "Mul")
    if node is None or node.inputs[0] != value:
        return False
    return node.inputs[1] == value if node.op_type == "Mul" else nodes.number(node.inputs[1]) == 2


def _reduced_axes(nodes: _Nodes, node: Node) -> list[int] | None:
    """Axes of a reduction that keeps its axes."""
    if node.attributes.get("keepdims", 1) != 1:
        return None
    given = node.attributes.get("axes")
    if len(node.inputs) > 1 and node.inputs[1] in nodes.constants:
        given = [int(each) for each in nodes.constants[node.inputs[1]].reshape(-1)]
    return given if isinstance(given, list) and given else None  # type: ignore[return-value]


_PATTERNS: dict[str, tuple[Callable[[_Nodes, str], Match | None], ...]] = {
    "Mul": (_gelu, _swish, _hard_sigmoid, _standardized),
    "Div": (_standardized, _swish, _hard_sigmoid, _gelu),
}


def with_patterns(graph: Graph, constants: Mapping[str, Array]) -> Graph:
    """The graph with its patterns replaced; nodes that nothing reads any more stay in it.

    Args:
        graph: the graph.
        constants: values that do not depend on the image, by name.
    """
    makers = {name: node for node in graph.nodes if not node.domain for name in node.outputs}
    readers = Counter(name for node in graph.nodes for name in node.inputs)
    nodes = _Nodes(makers, readers, constants)
    return replace(graph, nodes=[_replaced(nodes, node) for node in graph.nodes])


def _with_padding(nodes: _Nodes, node: Node) -> Node:
    """A max pooling with the padding by minus infinity of a node before it."""
    pad = nodes.maker(node.inputs[0], "Pad")
    if pad is None or len(pad.inputs) != 3 or nodes.number(pad.inputs[2]) != -np.inf:
        return node
    added = nodes.constants.get(pad.inputs[1])
    own = np.array(node.attributes.get("pads", [0, 0, 0, 0]))
    if added is None or added.shape != (8,) or own.shape != (4,) or own.dtype.kind != "i":
        return node
    if np.any(added[[0, 1, 4, 5]]) or node.attributes.get("auto_pad", "NOTSET") != "NOTSET":
        return node
    pads: list[int] = (own + added[[2, 3, 6, 7]]).tolist()
    return replace(
        node,
        inputs=[pad.inputs[0], *node.inputs[1:]],
        attributes={**node.attributes, "pads": pads},
    )


def _replaced(nodes: _Nodes, node: Node) -> Node:
    if node.op_type == "MaxPool" and not node.domain and node.inputs:
        return _with_padding(nodes, node)
    if node.domain or len(node.inputs) != 2 or len(node.outputs) != 1:
        return node
    if node.op_type == "Add":
        return _response_norm(nodes, node) or node
    for pattern in _PATTERNS.get(node.op_type, ()):
        match = pattern(nodes, node.outputs[0])
        if match is not None:
            operator, attributes, value = match
            return Node(operator, [value], node.outputs, attributes, node.name)
    return node
