"""Operators that compute with bytes, written as those on real numbers between conversions.

ONNX Runtime's quantization has two forms. This module turns the one of QLinearConv and the like
into the other one: DequantizeLinear, Conv, QuantizeLinear.

Reference:
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from cnnx.onnx.graph import Attribute, Node

_MICROSOFT = "com.microsoft"


class _Rewriting:
    """One node that computes with bytes, and the nodes that stand for it.

    Args:
        node: the node.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.nodes: list[Node] = []

    def input(self, index: int) -> str:
        """Name of an input; empty if it is left out."""
        inputs = self.node.inputs
        return inputs[index] if index < len(inputs) else ""

    def add(self, op_type: str, *inputs: str, **attributes: Attribute) -> str:
        """Add a node, and return the name of its output."""
        return self._add(op_type, inputs, f"{self.node.outputs[0]}/{len(self.nodes)}", attributes)

    def _add(
        self, op_type: str, inputs: Sequence[str], output: str, attributes: dict[str, Attribute]
    ) -> str:
        given = list(inputs)
        while given and not given[-1]:
            given.pop()
        self.nodes.append(Node(op_type, given, [output], attributes, self.node.name))
        return output

    def real(self, first: int, axis: int = 0) -> str:
        """Real numbers of an input that its scale and zero point follow."""
        names = (self.input(index) for index in range(first, first + 3))
        return self.add("DequantizeLinear", *names, axis=axis)

    def computed(self, op_type: str, *inputs: str, scale: int, **attributes: Attribute) -> None:
        """Add the operator and the rounding of its output.

        Args:
            op_type: operator.
            inputs: real numbers.
            scale: index of the input that is the scale of the output; its zero point is the next.
            attributes: attributes of the operator.
        """
        output = self.node.outputs[0]
        if not self.input(scale):
            self._add(op_type, inputs, output, attributes)
            return
        value = self.add(op_type, *inputs, **attributes)
        how = (self.input(scale), self.input(scale + 1))
        self._add("QuantizeLinear", (value, *how), output, {})

    def attributes(self, *names: str) -> dict[str, Attribute]:
        """Some attributes of the node."""
        given = self.node.attributes
        return {name: given[name] for name in names if name in given}

    def bias(self, index: int, scales: tuple[int, int]) -> str:
        """Real numbers of a bias of int32, in units of two scales and the attribute alpha."""
        if not self.input(index):
            return ""
        units = self.add("Mul", self.input(scales[0]), self.input(scales[1]))
        if "alpha" in self.node.attributes:
            alpha = self.add("Constant", value_float=self.node.attributes["alpha"])
            units = self.add("Mul", units, alpha)
        return self.add("DequantizeLinear", self.input(index), units, axis=0)


def _conv(it: _Rewriting) -> None:
    bias = it.bias(8, (1, 4))
    it.computed("Conv", it.real(0), it.real(3), bias, scale=6, **it.node.attributes)


def _mat_mul(it: _Rewriting) -> None:
    it.computed("MatMul", it.real(0), it.real(3, axis=1), scale=6)


def _gemm(it: _Rewriting) -> None:
    axis = 0 if it.node.attributes.get("transB", 0) else 1
    weight, bias = it.real(3, axis=axis), it.bias(6, (1, 4))
    kept = it.attributes("alpha", "transA", "transB")
    it.computed("Gemm", it.real(0), weight, bias, scale=7, **kept)


def _binary(op_type: str) -> Callable[[_Rewriting], None]:
    return lambda it: it.computed(op_type, it.real(0), it.real(3), scale=6)


def _unary(op_type: str, *names: str) -> Callable[[_Rewriting], None]:
    return lambda it: it.computed(op_type, it.real(0), scale=3, **it.attributes(*names))


def _pool(op_type: str) -> Callable[[_Rewriting], None]:
    """A pool, whose input may have the channels last."""

    def rewrite(it: _Rewriting) -> None:
        attributes = dict(it.node.attributes)
        if not attributes.pop("channels_last", 0):
            it.computed(op_type, it.real(0), scale=3, **attributes)
            return
        image = it.add("Transpose", it.real(0), perm=[0, 3, 1, 2])
        pooled = it.add(op_type, image, **attributes)
        it.computed("Transpose", pooled, scale=3, perm=[0, 2, 3, 1])

    return rewrite


def _concat(it: _Rewriting) -> None:
    values = [it.real(first) for first in range(2, len(it.node.inputs), 3)]
    it.computed("Concat", *values, scale=0, **it.attributes("axis"))


_OWN: dict[str, Callable[[_Rewriting], None]] = {
    "QLinearConv": _conv,
    "QLinearMatMul": _mat_mul,
}
_OF_MICROSOFT: dict[str, Callable[[_Rewriting], None]] = {
    "QGemm": _gemm,
    "QLinearAdd": _binary("Add"),
    "QLinearAveragePool": _pool("AveragePool"),
    "QLinearConcat": _concat,
    "QLinearConv": _conv,
    "QLinearGlobalAveragePool": _pool("GlobalAveragePool"),
    "QLinearLeakyRelu": _unary("LeakyRelu", "alpha"),
    "QLinearMul": _binary("Mul"),
    "QLinearSigmoid": _unary("Sigmoid"),
    "QLinearSoftmax": _unary("Softmax", "axis"),
}
REPLACED = frozenset({*_OWN, *_OF_MICROSOFT})


def with_plain_operators(nodes: Iterable[Node]) -> list[Node]:
    """The nodes with the operators on bytes replaced by those on real numbers."""
    return [each for node in nodes for each in _plain(node)]


def _plain(node: Node) -> list[Node]:
    if node.domain == _MICROSOFT and node.op_type in ("QuantizeLinear", "DequantizeLinear"):
        return [replace(node, domain="")]
    rewrite = {"": _OWN, _MICROSOFT: _OF_MICROSOFT}.get(node.domain, {}).get(node.op_type)
    if rewrite is None:
        return [node]
    it = _Rewriting(node)
    rewrite(it)
    return it.nodes
