"""Reads an ONNX file into a `Graph`; damaged and hostile files end in `FormatError`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from cnnx._core import FormatError
from cnnx.arguments import shown
from cnnx.onnx.graph import Array, Attribute, Graph, Node, Value
from cnnx.onnx.package import onnx_module
from cnnx.onnx.quantized_operators import with_plain_operators
from cnnx.onnx.tensors import array_of, plain, value_dtype

OLDEST_OPSET = 6
_OWN_DOMAINS = ("", "ai.onnx")
# AttributeProto.AttributeType
_FLOAT, _INT, _STRING, _TENSOR, _FLOATS, _INTS, _STRINGS = 1, 2, 3, 4, 6, 7, 8


def read_graph(path: Path) -> Graph:
    """Graph of an ONNX file, with its local functions inlined.

    Raises:
        FormatError: if the file is damaged, not ONNX, or of an operator set before 7.
        ImportError: if the package onnx is not installed.
        OSError: if the file, or a data file beside it, cannot be read.
    """
    return graph_of(parsed(path.read_bytes()), path.parent)


def parsed(content: bytes) -> Any:
    """ModelProto of the bytes of a file.

    Raises:
        FormatError: if they are no such message.
    """
    onnx = onnx_module()
    decode_error = onnx_module("google.protobuf.message").DecodeError
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except decode_error:
        raise FormatError("is not an ONNX file, or is damaged") from None
    if not model.HasField("graph") or not model.graph.node:
        raise FormatError("has no nodes, expected an ONNX file with a network")
    return model


def graph_of(model: Any, folder: Path) -> Graph:
    """Graph of a ModelProto.

    Args:
        model: the message.
        folder: folder of its data files.

    Raises:
        FormatError: as `read_graph`.
    """
    if len(model.functions) > 0:
        model = _inlined(model)
    graph = model.graph
    opset = max(
        (each.version for each in model.opset_import if each.domain in _OWN_DOMAINS), default=1
    )
    if opset < OLDEST_OPSET:
        raise FormatError(
            f"uses operator set {opset}, expected {OLDEST_OPSET} or newer: convert it with "
            "onnx.version_converter.convert_version(model, 17)"
        )
    initializers = {plain(each.name): array_of(each, folder) for each in graph.initializer}
    if len(graph.sparse_initializer) > 0:
        raise FormatError("has sparse weights, expected dense ones")
    nodes = [_node(each, folder) for each in graph.node]
    return Graph(
        nodes=with_plain_operators(nodes),
        inputs=[_value(each) for each in graph.input if each.name not in initializers],
        outputs=[_value(each) for each in graph.output],
        initializers=initializers,
        opset=opset,
        metadata={plain(each.key): plain(each.value) for each in model.metadata_props},
        producer=plain(model.producer_name),
    )


def _inlined(model: Any) -> Any:
    """The model with the bodies of its functions in place of their calls."""
    inliner = onnx_module("onnx.inliner")
    try:
        return inliner.inline_local_functions(model)
    except (ValueError, TypeError, RuntimeError) as error:
        raise FormatError(f"has functions that cannot be inlined: {shown(str(error))}") from None


def _value(info: Any) -> Value:
    tensor = info.type.tensor_type
    if not info.type.HasField("tensor_type"):
        raise FormatError(f"the value {shown(info.name)} is no array, expected an array")
    shape: tuple[int | str | None, ...] | None = None
    if tensor.HasField("shape"):
        shape = tuple(_size(dimension) for dimension in tensor.shape.dim)
    return Value(plain(info.name), value_dtype(tensor.elem_type), shape)


def _size(dimension: Any) -> int | str | None:
    """Size of an axis; exporters write 0 and -1 for sizes that vary."""
    if dimension.HasField("dim_value"):
        return int(dimension.dim_value) if dimension.dim_value > 0 else None
    return plain(dimension.dim_param) or None


def _node(node: Any, folder: Path) -> Node:
    attributes = {}
    for each in node.attribute:
        value = _attribute(each, folder)
        if value is not None:
            attributes[plain(each.name)] = value
    domain = plain(node.domain)
    return Node(
        plain(node.op_type),
        [plain(each) for each in node.input],
        [plain(each) for each in node.output],
        attributes,
        plain(node.name),
        "" if domain in _OWN_DOMAINS else domain,
    )


def _attribute(attribute: Any, folder: Path) -> Attribute | None:
    """Value of an attribute; None for the graphs and types of operators that are not imported."""
    kind = attribute.type
    if kind == _FLOAT:
        return _real(attribute.f)
    if kind == _INT:
        return int(attribute.i)
    if kind == _STRING:
        return _text(attribute.s)
    if kind == _TENSOR:
        array: Array = array_of(attribute.t, folder)
        return array
    if kind == _FLOATS:
        return [_real(each) for each in attribute.floats]
    if kind == _INTS:
        return [int(each) for each in attribute.ints]
    if kind == _STRINGS:
        return _texts(attribute.strings)
    return None


def _real(value: float) -> float:
    """A float32 as the shortest number that rounds to it: 0.9, not 0.8999999761581421."""
    return float(str(np.float32(value)))


def _texts(values: Iterable[bytes]) -> list[str]:
    return [_text(each) for each in values]


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise FormatError(f"an attribute is {shown(value)}, expected UTF-8") from None
