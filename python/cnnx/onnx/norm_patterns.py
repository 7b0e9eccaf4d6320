"""Norms that exporters write as several nodes, recognised by what they compute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from cnnx.onnx.graph import Attribute, Node
from cnnx.onnx.pattern_nodes import Match, Nodes

# Operator of the norm that a pattern leaves, without scale and bias.
STANDARDIZE = "MeanVarianceNormalization"
# Operator that the pattern of a global response norm leaves, which ONNX does not have.
RESPONSE_NORM = "GlobalResponseNorm"
# Operator that PyTorch's pattern of a local response norm leaves, with the shapes to which the
# squares are reshaped before and after their pooling; the second may be left out.
LOCAL_RESPONSE_NORM = "LocalResponseNorm"
# Operator that the pattern of an L2 norm leaves, with axes and epsilon, and the shape to which an
# Expand repeats the divisor.
L2_NORM = "LpNormalization"
# Operator that the pattern of an RMS norm leaves, without scale: with its axes, whether squares are
# added up instead of averaged, and whether files of cnnx have a scale after it.
RMS_NORM = "RMSNormalization"
# A number that is added to a norm changes a quotient of float32 by less than rounding does, unless
# the norm is below 0.1; PyTorch's exporter leaves such numbers out.
_NEGLIGIBLE = 1e-8


def standardized(nodes: Nodes, name: str) -> Match | None:
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


def response_norm(nodes: Nodes, node: Node) -> Node | None:
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


def _relative_norms(nodes: Nodes, name: str, value: str) -> dict[str, Attribute] | None:
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


def _axes_of_norms(nodes: Nodes, name: str, value: str) -> list[int] | None:
    """Axes of `sqrt(sum(x**2))`."""
    node = nodes.maker(name, "ReduceL2", "Sqrt")
    if node is None or node.op_type == "Sqrt":
        return _axes_of_sum(nodes, node.inputs[0], value) if node else None
    return _reduced_axes(nodes, node) if node.inputs[0] == value else None


def _axes_of_sum(nodes: Nodes, name: str, value: str) -> list[int] | None:
    """Axes of `sum(x**2)`."""
    total = nodes.maker(name, "ReduceSum", "ReduceSumSquare")
    if total is None:
        return None
    is_sum = total.op_type == "ReduceSum"
    squares = _is_square(nodes, total.inputs[0], value) if is_sum else total.inputs[0] == value
    return _reduced_axes(nodes, total) if squares else None


def l2_norm(nodes: Nodes, node: Node) -> Node | None:
    """`x / max(norm(x), epsilon)`, the divisor also repeated to the shape of x.

    A small number that is added to the norm instead is taken as its bound, and so is the root of a
    bound of the sum of squares.
    """
    for value, divisor in _quotients(nodes, node):
        expand = nodes.maker(divisor, "Expand")
        norms, epsilon = _at_least(nodes, expand.inputs[0] if expand else divisor)
        root = nodes.maker(norms, "Sqrt")
        if root is not None and nodes.maker(root.inputs[0], "Max", "Clip"):
            squares, bound = _at_least(nodes, root.inputs[0])
            axes = _axes_of_sum(nodes, squares, value)
            epsilon = max(epsilon, max(bound, 0.0) ** 0.5)
        else:
            axes = _axes_of_norms(nodes, norms, value)
        if axes is not None:
            inputs = [value, *expand.inputs[1:]] if expand else [value]
            found: dict[str, Attribute] = {"axes": axes, "epsilon": epsilon}
            return replace(node, op_type=L2_NORM, inputs=inputs, attributes=found)
    return None


def rms_norm(nodes: Nodes, node: Node) -> Node | None:
    """`x / sqrt(mean(x**2) + epsilon)`, or with a sum instead of the mean."""
    for value, divisor in _quotients(nodes, node):
        root = nodes.maker(divisor, "Sqrt")
        epsilon, terms = nodes.sum(root.inputs[0]) if root else (0.0, ())
        mean = (
            nodes.maker(terms[0], "ReduceMean", "ReduceSum", "ReduceSumSquare") if terms else None
        )
        axes = _reduced_axes(nodes, mean) if mean else None
        if mean is None or axes is None or epsilon <= 0:
            continue
        of, is_square = mean.inputs[0], mean.op_type == "ReduceSumSquare"
        if of == value if is_square else _is_square(nodes, of, value):
            is_sum, takes_scale = mean.op_type != "ReduceMean", node.op_type == "Div"
            found: dict[str, Attribute] = {"axes": axes, "epsilon": epsilon}
            found.update(is_sum=int(is_sum), takes_scale=int(takes_scale))
            return replace(node, op_type=RMS_NORM, inputs=[value], attributes=found)
    return None


def local_response_norm(nodes: Nodes, node: Node) -> Node | None:
    """`x / (k + alpha * mean)**beta`, where mean is that of squares in a window of channels.

    PyTorch gives the squares one axis more, pads the channels and pools along them.
    """
    for value, divisor in _quotients(nodes, node):
        power = nodes.maker(divisor, "Pow")
        beta = nodes.number(power.inputs[1]) if power else 1.0
        k, terms = nodes.sum(power.inputs[0] if power else divisor)
        alpha, factors = nodes.product(terms[0])
        if beta is None or len(factors) != 1:
            continue
        after = nodes.maker(factors[0], "Reshape")
        pooled = _without_axis_1(nodes, after.inputs[0] if after else factors[0])
        window = _window_of_channels(nodes, pooled) if pooled else None
        before = nodes.maker(window[1], "Reshape") if window else None
        if window is None or before is None or not _is_square(nodes, before.inputs[0], value):
            continue
        found: dict[str, Attribute] = {"size": window[0], "alpha": alpha, "beta": beta, "bias": k}
        found["allowzero"] = before.attributes.get("allowzero", 0)
        shapes = [each.inputs[1] for each in (before, after) if each]
        return replace(node, op_type=LOCAL_RESPONSE_NORM, inputs=[value, *shapes], attributes=found)
    return None


def _without_axis_1(nodes: Nodes, name: str) -> str | None:
    """The array whose axis 1 a Squeeze drops, also in the If that PyTorch puts around it."""
    node = nodes.maker(name, "Squeeze", "If")
    if node is None:
        return None
    if node.op_type == "Squeeze":
        return node.inputs[0] if nodes.axes(node) == [1] else None
    condition = nodes.maker(node.inputs[0], "Equal")
    size = nodes.maker(condition.inputs[0], "Gather") if condition else None
    shape = nodes.maker(size.inputs[0], "Shape") if size else None
    if condition is None or size is None or shape is None:
        return None
    is_axis_1 = nodes.number(condition.inputs[1]) == nodes.number(size.inputs[1]) == 1
    return shape.inputs[0] if is_axis_1 else None


def _window_of_channels(nodes: Nodes, name: str) -> tuple[int, str] | None:
    """Size of the windows along axis 2 of 5 in which an array is averaged, and that array.

    There is one for each place, and an odd number of zeros counts beyond the axis.
    """
    pool = nodes.maker(name, "AveragePool")
    pad = nodes.maker(pool.inputs[0], "Pad") if pool else None
    if pool is None or pad is None:
        return None
    kernel, settings = pool.attributes.get("kernel_shape"), pool.attributes
    if not isinstance(kernel, list) or not isinstance(kernel[0], int) or kernel[1:] != [1, 1]:
        return None
    plain = {"strides": [1] * 3, "dilations": [1] * 3, "pads": [0] * 6, "auto_pad": "NOTSET"}
    if any(settings.get(key, value) != value for key, value in plain.items()):
        return None
    pads = pad.attributes.get("pads")
    if len(pad.inputs) > 1 and pad.inputs[1] in nodes.constants:
        pads = nodes.constants[pad.inputs[1]].reshape(-1).tolist()
    given = pad.inputs[2:3]
    zeros = given in ([], [""]) or nodes.number(given[0]) == 0
    zeros = zeros and pad.attributes.get("value", 0.0) == 0
    half = kernel[0] // 2
    is_centred = kernel[0] % 2 == 1 and pads == [0, 0, half, 0, 0] * 2
    is_plain = pad.attributes.get("mode", "constant") == "constant"
    return (kernel[0], pad.inputs[0]) if zeros and is_centred and is_plain else None


def _quotients(nodes: Nodes, node: Node) -> Iterator[tuple[str, str]]:
    """Dividend and divisor of a quotient, also as a product with a reciprocal."""
    first, second = node.inputs
    if node.op_type == "Div":
        yield first, second
        return
    for value, factor in ((first, second), (second, first)):
        inverse = nodes.maker(factor, "Reciprocal", "Div")
        if inverse is None:
            continue
        if inverse.op_type == "Reciprocal" or nodes.number(inverse.inputs[0]) == 1:
            yield value, inverse.inputs[-1]


def _at_least(nodes: Nodes, name: str) -> tuple[str, float]:
    """Of `max(x, bound)` both, the bound 0 without one: a norm is at least 0."""
    node = nodes.maker(name, "Max", "Clip", "Add")
    if node is None:
        return name, 0.0
    if node.op_type == "Add":
        total = nodes.only_number(node)
        return total if total and 0 <= total[1] <= _NEGLIGIBLE else (name, 0.0)
    if node.op_type == "Max":
        found = nodes.only_number(node) if len(node.inputs) == 2 else None
        return found or (name, 0.0)
    low, high = (_bound(nodes, node, *each) for each in ((1, "min"), (2, "max")))
    if low is None or np.isnan(low) or high is not None:
        return name, 0.0
    return node.inputs[0], low


def _bound(nodes: Nodes, node: Node, index: int, key: str) -> float | None:
    """A bound of a Clip, an input or an attribute; NaN if it is no constant."""
    if index < len(node.inputs) and node.inputs[index]:
        number = nodes.number(node.inputs[index])
        return np.nan if number is None else number
    given = node.attributes.get(key)
    return given if isinstance(given, float) else None


def _is_square(nodes: Nodes, name: str, value: str) -> bool:
    node = nodes.maker(name, "Pow", "Mul")
    if node is None or node.inputs[0] != value:
        return False
    return node.inputs[1] == value if node.op_type == "Mul" else nodes.number(node.inputs[1]) == 2


def _reduced_axes(nodes: Nodes, node: Node) -> list[int] | None:
    """Axes of a reduction that keeps its axes."""
    return nodes.axes(node) if node.attributes.get("keepdims", 1) == 1 else None
