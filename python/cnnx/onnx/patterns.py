"""Activations and norms that exporters write as several nodes, replaced by their own operators.

A pattern is recognised by what it computes, not by the order of its nodes: products and sums are
flattened, `0.5 * (x * t)` and `x * (t * 0.5)` are both 0.5 times x and t.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from cnnx.onnx.graph import Array, Graph, Node
from cnnx.onnx.norm_patterns import (
    l2_norm,
    local_response_norm,
    response_norm,
    rms_norm,
    standardized,
)
from cnnx.onnx.pattern_nodes import Match, Nodes
from cnnx.onnx.stack_pattern import without_stack

# Operator that the pattern of a logarithm of a sigmoid leaves, which ONNX does not have.
LOG_SIGMOID = "LogSigmoid"
_TOLERANCE = 1e-5  # relative, of constants with six digits
# Comparisons of x with a bound, and whether a Where then takes its first array for a large x.
_COMPARISONS = {"Greater": True, "GreaterOrEqual": True, "Less": False, "LessOrEqual": False}
_SOFTPLUS_IS_LINEAR = 17  # from where on softplus(x) is x in float32


def _near(value: float, expected: float) -> bool:
    """Whether a constant is this number, or is it in a file of float16."""
    halves = float(np.float16(expected)), 1 / float(np.float16(1 / expected))
    return any(abs(value - each) <= _TOLERANCE * expected for each in (expected, *halves))


def _swish(nodes: Nodes, name: str) -> Match | None:
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


def _hard_gate(nodes: Nodes, gate: str, constant: float) -> str | None:
    """X of `clip(x + 3, 0, 6)`, if the constant before it is 1/6."""
    if not _near(constant, 1 / 6):
        return None
    found = _clipped_sum(nodes, gate)
    return found[0] if found and found[1:] == (3.0, 0.0, 6.0) else None


def _clipped_sum(nodes: Nodes, name: str) -> tuple[str, float, float, float] | None:
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


def _hard_sigmoid(nodes: Nodes, name: str) -> Match | None:
    """`clip(x + 3, 0, 6) / 6`."""
    constant, factors = nodes.product(name)
    if len(factors) != 1 or factors == (name,):
        return None
    value = _hard_gate(nodes, factors[0], constant)
    return (
        ("HardSigmoid", {"alpha": float(np.float32(1 / 6)), "beta": 0.5}, value) if value else None
    )


def _gelu(nodes: Nodes, name: str) -> Match | None:
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


def _is_cubic(nodes: Nodes, scale: float, factors: tuple[str, ...], value: str) -> bool:
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


def _is_power(nodes: Nodes, name: str, value: str, power: int) -> bool:
    """Whether it is 0.044715 times a power of the value."""
    constant, factors = nodes.product(name)
    if not _near(constant, 0.044715):
        return False
    if factors == (value,) * power:
        return True
    node = nodes.maker(factors[0], "Pow") if len(factors) == 1 else None
    return node is not None and node.inputs[0] == value and nodes.number(node.inputs[1]) == power


def _softsign(nodes: Nodes, name: str) -> Match | None:
    """`x / (1 + abs(x))`."""
    node = nodes.maker(name, "Div")
    one, terms = nodes.sum(node.inputs[1]) if node else (0.0, ())
    absolute = nodes.maker(terms[0], "Abs") if one == 1 else None
    if node is None or absolute is None or absolute.inputs[0] != node.inputs[0]:
        return None
    return "Softsign", {}, node.inputs[0]


def _log_sigmoid(nodes: Nodes, name: str) -> Match | None:
    """`log(sigmoid(x))`."""
    node = nodes.maker(name, "Log")
    sigmoid = nodes.maker(node.inputs[0], "Sigmoid") if node else None
    return (LOG_SIGMOID, {}, sigmoid.inputs[0]) if sigmoid else None


def _by_sign(nodes: Nodes, name: str) -> Match | None:
    """`where(x > 0, x, alpha * x)`, and `where(beta * x > 20, x, softplus(beta * x) / beta)`."""
    node = nodes.maker(name, "Where")
    condition = node and nodes.maker(node.inputs[0], *_COMPARISONS)
    if not node or not condition or len(node.inputs) != 3 or len(condition.inputs) != 2:
        return None
    value, other = node.inputs[1:] if _COMPARISONS[condition.op_type] else node.inputs[:0:-1]
    beta, compared = nodes.product(condition.inputs[0])
    bound = nodes.number(condition.inputs[1])
    if compared != (value,) or bound is None or beta <= 0:
        return None
    alpha, factors = nodes.product(other)
    if bound == 0 and factors == (value,):
        return "LeakyRelu", {"alpha": alpha}, value
    softplus = nodes.maker(factors[0], "Softplus") if len(factors) == 1 else None
    inner = nodes.product(softplus.inputs[0]) if softplus else None
    if inner != (beta, (value,)) or not _near(alpha, 1 / beta) or bound < _SOFTPLUS_IS_LINEAR:
        return None
    return "Identity", {}, other


def _shrink(nodes: Nodes, name: str) -> Match | None:
    """`where(abs(x) > t, x - b * sign(x), 0)`, b 0 or t, also as the sum of both sides."""
    total = nodes.maker(name, "Add")
    sides = []
    for each in total.inputs if total else [name]:
        node = nodes.maker(each, "Where")
        if node is None or len(node.inputs) != 3:
            return None
        condition, far, near = node.inputs
        operators: tuple[str, ...] = ("Greater", "Less")
        if nodes.maker(condition, "LessOrEqual"):
            operators, far, near = ("LessOrEqual",), near, far
        if nodes.product(near).constant != 0:
            return None
        for value, side, threshold in _sides(nodes, condition, operators):
            sides.append((side, value, threshold, _bias(nodes, far, value, side)))
    if sorted(side for side, *_ in sides) != [-1, 1] or sides[0][1:] != sides[1][1:]:
        return None
    _, value, threshold, bias = sides[0]
    return None if bias is None else ("Shrink", {"lambd": threshold, "bias": bias}, value)


def _sides(
    nodes: Nodes, condition: str, operators: tuple[str, ...]
) -> list[tuple[str, int, float]]:
    """x, its sign and t of each `x > t`, `x < -t` and `abs(x) > t`, or `abs(x) <= t`, in an Or."""
    found = []
    for each in nodes.operands(condition, "Or"):
        cast = nodes.maker(each, "Cast")
        node = nodes.maker(cast.inputs[0] if cast else each, *operators)
        bound = nodes.number(node.inputs[1]) if node and len(node.inputs) == 2 else None
        if node is None or bound is None:
            return []
        value, below = node.inputs[0], node.op_type == "Less"
        if not below and (absolute := nodes.maker(value, "Abs")):
            found += [(absolute.inputs[0], side, bound) for side in (-1, 1)]
        else:
            found.append((value, -1, -bound) if below else (value, 1, bound))
    return found


def _bias(nodes: Nodes, name: str, value: str, side: int) -> float | None:
    """The b of `x - b * sign(x)` where x has the sign `side`."""
    if name == value:
        return 0.0
    constant, terms = nodes.sum(name)
    if terms == (value,):
        return -side * constant
    node = nodes.maker(name, "Sub")
    if node is None or node.inputs[0] != value:
        return None
    constant, factors = nodes.product(node.inputs[1])
    sign = nodes.maker(factors[0], "Sign") if len(factors) == 1 else None
    if sign is not None and sign.inputs[0] == value:
        return constant
    return None if factors else side * constant


_PATTERNS: dict[str, tuple[Callable[[Nodes, str], Match | None], ...]] = {
    "Add": (_shrink,),
    "Mul": (_gelu, _swish, _hard_sigmoid, standardized),
    "Div": (standardized, _swish, _hard_sigmoid, _gelu, _softsign),
    "Log": (_log_sigmoid,),
    "Where": (_by_sign, _shrink),
}
_INPUTS = {"Log": 1, "Where": 3}  # of the node of a pattern, otherwise 2


def with_patterns(graph: Graph, constants: Mapping[str, Array]) -> Graph:
    """The graph with its patterns replaced; nodes that nothing reads any more stay in it.

    Args:
        graph: the graph.
        constants: values that do not depend on the image, by name.
    """
    makers = {name: node for node in graph.nodes if not node.domain for name in node.outputs}
    readers = Counter(name for node in graph.nodes for name in node.inputs)
    nodes = Nodes(makers, readers, constants)
    return replace(graph, nodes=[_with_pattern(nodes, node) for node in graph.nodes])


def _with_pattern(nodes: Nodes, node: Node) -> Node:
    found = _replaced(nodes, node)
    if found is node:
        return without_stack(nodes, node)
    return replace(found, constant_axes=nodes.constant_axes(node, found.inputs[0]))


def _with_padding(nodes: Nodes, node: Node) -> Node:
    """A max pooling with the padding by minus infinity of a node before it."""
    pad = nodes.maker(node.inputs[0], "Pad")
    if pad is None or len(pad.inputs) != 3 or nodes.number(pad.inputs[2]) != -np.inf:
        return node
    added = nodes.constants.get(pad.inputs[1])
    own = np.array(node.attributes.get("pads", [0, 0, 0, 0]))
    if added is None or added.shape != (8,) or own.shape != (4,) or own.dtype.kind != "i":
        return node
    if np.any(added[[0, 1, 4, 5]]) or np.any(added < 0) or np.any(own < 0):
        return node
    if pad.attributes.get("mode", "constant") != "constant":
        return node
    # With these, where the windows end depends on the padding of the pooling alone.
    if node.attributes.get("auto_pad", "NOTSET") != "NOTSET" or node.attributes.get("ceil_mode"):
        return node
    pads: list[int] = (own + added[[2, 3, 6, 7]]).tolist()
    return replace(
        node,
        inputs=[pad.inputs[0], *node.inputs[1:]],
        attributes={**node.attributes, "pads": pads},
    )


def _replaced(nodes: Nodes, node: Node) -> Node:
    if node.op_type == "MaxPool" and not node.domain and node.inputs:
        return _with_padding(nodes, node)
    if node.domain or len(node.inputs) != _INPUTS.get(node.op_type, 2) or len(node.outputs) != 1:
        return node
    if node.op_type == "Add" and (norm_of_maps := response_norm(nodes, node)):
        return norm_of_maps
    for pattern in _PATTERNS.get(node.op_type, ()):
        match = pattern(nodes, node.outputs[0])
        if match is not None:
            operator, attributes, value = match
            return Node(operator, [value], node.outputs, attributes, node.name)
    if node.op_type in ("Div", "Mul"):  # after layer norms, which are RMS norms of x - mean
        for norm in (l2_norm, rms_norm, local_response_norm):
            if found := norm(nodes, node):
                return found
    return node
