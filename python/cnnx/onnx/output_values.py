"""The values of an ONNX graph that a model of it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cnnx._core import FormatError
from cnnx.arguments import shown
from cnnx.onnx.graph import Graph, Node
from cnnx.onnx.metadata import exported_heads, exported_probabilities, exported_temperature

_MOST_ROUNDINGS = 4  # of one value: to bytes and back, twice
# Operators that make probabilities of outputs, by kind.
FUNCTIONS = {"softmax": "Softmax", "sigmoid": "Sigmoid"}


class OutputValue(NamedTuple):
    """An output of a model.

    Attributes:
        name: its name in the file.
        value: value of the graph that the model returns: the one before the probabilities, in files
            that cnnx wrote.
        probabilities: how it becomes probabilities, as cnnx wrote it, or None.
    """

    name: str
    value: str
    probabilities: str | None = None


def output_values(graph: Graph, outputs: Sequence[str] | None) -> list[OutputValue]:
    """The outputs of the model of a graph.

    Args:
        graph: the graph.
        outputs: names of values, or None for the outputs of the file.

    Raises:
        FormatError: if the metadata name other outputs than the graph has.
        TypeError: if outputs is not a list of names.
        ValueError: if they are not values of the graph.
    """
    names = [value.name for value in graph.outputs]
    makers = {name: node for node in graph.nodes for name in node.outputs}
    heads = exported_heads(graph.metadata)
    if outputs is not None:
        chosen = _chosen(outputs, makers, names)
        known = heads if len(chosen) > 1 else {}
        return [_head(makers, name, known.get(name)) for name in chosen]
    if heads:
        if set(heads) != set(names):
            raise FormatError(f"its cnnx.heads names {', '.join(heads)}, not its outputs")
        return [_head(makers, name, kind) for name, kind in heads.items()]
    if exported_probabilities(graph.metadata) is not None:
        names = names[:1]  # the others are names of classes
    if not names:
        raise FormatError("has no outputs")
    if len(names) > 1:
        return [OutputValue(name, name) for name in names]
    return [OutputValue(names[0], _before_probabilities(graph, makers, names[0]))]


def _chosen(
    outputs: Sequence[str], makers: Mapping[str, Node], names: Sequence[str]
) -> Sequence[str]:
    if isinstance(outputs, str) or not all(isinstance(each, str) for each in outputs):
        raise TypeError(f"load: outputs is {shown(outputs)}, expected a list of names")
    if not outputs or len(set(outputs)) < len(outputs):
        raise ValueError(f"outputs is {shown(list(outputs))}, expected different names")
    if not set(outputs) <= set(makers):
        raise ValueError(
            f"outputs is {shown(list(outputs))}, expected the name of a value, such as "
            f"outputs={names[:1]}"
        )
    return outputs


def _head(makers: Mapping[str, Node], name: str, probabilities: str | None) -> OutputValue:
    """A head, before the function that makes probabilities of it in a file of cnnx."""
    last = _without_rounding(makers, name)
    maker = makers.get(last)
    function = None if probabilities is None else FUNCTIONS.get(probabilities)
    has_function = maker is not None and maker.op_type == function
    return OutputValue(name, _source(makers, last) if has_function else name, probabilities)


def _before_probabilities(graph: Graph, makers: Mapping[str, Node], name: str) -> str:
    """The only output, before the temperature and the function of the probabilities."""
    probabilities = exported_probabilities(graph.metadata)
    if probabilities in ("softmax", "sigmoid") and name == "probabilities":
        divides = exported_temperature(graph.metadata) != 1
        for _ in range(2 if divides else 1):
            name = _source(makers, _without_rounding(makers, name))
    return name


def _source(makers: Mapping[str, Node], name: str) -> str:
    """The first input of the node that computes a value."""
    maker = makers.get(name)
    return maker.inputs[0] if maker is not None and maker.inputs else name


def _without_rounding(makers: Mapping[str, Node], name: str) -> str:
    """A value before its rounding, which ONNX Runtime's quantization adds to every value."""
    for _ in range(_MOST_ROUNDINGS):
        if name in makers and makers[name].op_type in ("QuantizeLinear", "DequantizeLinear"):
            name = _source(makers, name)
    return name
