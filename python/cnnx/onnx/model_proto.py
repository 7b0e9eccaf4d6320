"""Encoding of a graph as ONNX's ModelProto, one weight at a time.

Reference:
    The field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from cnnx.onnx.graph import PRODUCER, Array, Attribute, Graph, Node, Value
from cnnx.onnx.protobuf import float_field, header_of, integer_field, message_field, text_field

# TensorProto.DataType of NumPy's dtypes.
DATA_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "bool": 9}
DATA_TYPES |= {"uint16": 4, "int16": 5, "float16": 10, "float64": 11}
_STRING = 8
# Version of the format that came with each operator set (docs/Versioning.md of ONNX).
_IR_VERSIONS = {15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11}
LEAST_OPSET, MOST_OPSET = min(_IR_VERSIONS), max(_IR_VERSIONS)
# A message is smaller than 2 GiB.
_MOST_BYTES = 2**31 - 1


def encoded(graph: Graph, producer_version: str) -> Iterator[bytes | memoryview]:
    """Encode a graph as a ModelProto.

    Args:
        graph: graph whose opset is from LEAST_OPSET to MOST_OPSET.
        producer_version: version of cnnx.

    Yields:
        The bytes of the file, in order.

    Raises:
        ValueError: if the file would be larger than the format allows.
    """
    before = b"".join(message_field(1, _node(node)) for node in graph.nodes) + text_field(2, "cnnx")
    after = b"".join(message_field(11, _value_info(value)) for value in graph.inputs)
    after += b"".join(message_field(12, _value_info(value)) for value in graph.outputs)
    # The arrays are read twice: a file has the size of a message before its content.
    headers = {name: _tensor_header(name, array) for name, array in graph.initializers.items()}
    size = len(before) + len(after)
    size += sum(len(header) + content for header, content in headers.values())
    if size > _MOST_BYTES:
        raise ValueError(
            f"save: the model takes {size:,} bytes, expected at most {_MOST_BYTES:,}, the limit of "
            "an ONNX file"
        )
    yield integer_field(1, _IR_VERSIONS[graph.opset])
    yield text_field(2, PRODUCER) + text_field(3, producer_version)
    yield header_of(7, size) + before
    for name, (header, _) in headers.items():
        yield header
        yield from _raw_data(graph.initializers[name])
    yield after
    yield message_field(8, text_field(1, "") + integer_field(2, graph.opset))
    for key, text in graph.metadata.items():
        yield message_field(14, text_field(1, key) + text_field(2, text))


def _node(node: Node) -> bytes:
    parts = [text_field(1, name) for name in node.inputs]
    parts += [text_field(2, name) for name in node.outputs]
    parts += [text_field(3, node.name), text_field(4, node.op_type)]
    parts += [message_field(5, _attribute(*each)) for each in node.attributes.items()]
    return b"".join(parts)


def _attribute(name: str, value: Attribute) -> bytes:
    """AttributeProto: its type, an enumeration, stands in field 20."""
    head = text_field(1, name)
    if isinstance(value, float):
        return head + float_field(2, value) + integer_field(20, 1)
    if isinstance(value, int):
        return head + integer_field(3, value) + integer_field(20, 2)
    if isinstance(value, str):
        return head + text_field(4, value) + integer_field(20, 3)
    assert isinstance(value, list), "the exporter has no other attributes"
    integers = b"".join(integer_field(8, int(each)) for each in value)
    return head + integers + integer_field(20, 7)


def _value_info(value: Value) -> bytes:
    dimensions = b"".join(
        message_field(
            1, text_field(2, size) if isinstance(size, str) else integer_field(1, size or 0)
        )
        for size in value.shape or ()
    )
    tensor = integer_field(1, _data_type(value.dtype)) + message_field(2, dimensions)
    return text_field(1, value.name) + message_field(2, message_field(1, tensor))


def _data_type(dtype: np.dtype[Any]) -> int:
    return _STRING if dtype.kind in "OU" else DATA_TYPES[dtype.name]


def _tensor_header(name: str, array: Array) -> tuple[bytes, int]:
    """Beginning of an initializer, up to its data, and the bytes of the data that follow."""
    head = b"".join(integer_field(1, size) for size in array.shape)
    head += integer_field(2, _data_type(array.dtype)) + text_field(8, name)
    size = array.nbytes
    if array.dtype.kind in "OU":
        size = sum(len(part) for part in _raw_data(array))
    else:
        head += header_of(9, size)
    return header_of(5, len(head) + size) + head, size


def _raw_data(array: Array) -> Iterator[bytes | memoryview]:
    """Data of an initializer: raw bytes, or one field for each string."""
    if array.dtype.kind in "OU":
        yield from (message_field(6, str(text).encode()) for text in array.ravel())
    elif array.size:
        yield np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data.cast("B")
