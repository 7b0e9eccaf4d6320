"""Encodings of Protocol Buffers, against their specification and the package onnx."""

from __future__ import annotations

import numpy as np
import pytest
from cnnx.onnx.graph import Graph, Node, Value
from cnnx.onnx.model_proto import encoded
from cnnx.onnx.protobuf import float_field, integer_field, message_field, text_field, varint


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (0, "00"),
        (1, "01"),
        (127, "7f"),
        (128, "8001"),
        (150, "9601"),
        (300, "ac02"),
        (2**63 - 1, "ff" * 8 + "7f"),
        (-1, "ff" * 9 + "01"),
        (-(2**63), "80" * 9 + "01"),
    ],
)
def test_integers(value: int, content: str) -> None:
    assert varint(value).hex() == content


def test_fields() -> None:
    assert integer_field(1, 150).hex() == "089601"
    assert integer_field(16, 1).hex() == "800101"
    assert text_field(2, "testing").hex() == "120774657374696e67"
    assert message_field(3, bytes.fromhex("089601")).hex() == "1a03089601"
    assert float_field(2, 1.5).hex() == "150000c03f"


def test_onnx_reads_every_part_of_a_graph() -> None:
    pytest.importorskip("onnx.checker")
    import onnx

    attributes = {"axis": -1, "alpha": 0.25, "mode": "linear", "pads": [1, -2, 2**40]}
    arrays = {
        "floats": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "pixels": np.arange(4, dtype=np.uint8),
        "sizes": np.array([-1, 2**40]),
        "number": np.array(2.5, np.float32),
        "empty": np.zeros((0, 3), np.float32),
        "names": np.array(["X", "Ø\0", ""], object),
    }
    graph = Graph(
        nodes=[Node("Some", ["x", "", "floats"], ["y"], attributes, "first")],
        inputs=[Value("x", np.dtype(np.uint8), ("batch", 3))],
        outputs=[Value("y", np.dtype(object), ())],
        initializers=arrays,
        opset=18,
        metadata={"key": "Wörter"},
    )
    proto = onnx.load_model_from_string(b"".join(encoded(graph, "1.2.3")))
    (node,) = proto.graph.node
    assert (node.op_type, node.name, [*node.input]) == ("Some", "first", ["x", "", "floats"])
    values = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    assert values == {**attributes, "mode": b"linear"}
    for tensor in proto.graph.initializer:
        read = onnx.numpy_helper.to_array(tensor)
        own = arrays[tensor.name]
        assert read.shape == own.shape
        if own.dtype == object:
            assert [*tensor.string_data] == [text.encode() for text in own]
        else:
            assert read.dtype == own.dtype
            assert read.tobytes() == own.tobytes()
    (given,), (result,) = proto.graph.input, proto.graph.output
    assert given.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert given.type.tensor_type.shape.dim[0].dim_param == "batch"
    assert given.type.tensor_type.shape.dim[1].dim_value == 3
    assert result.type.tensor_type.elem_type == onnx.TensorProto.STRING
    assert [(each.key, each.value) for each in proto.metadata_props] == [("key", "Wörter")]
    assert proto.opset_import[0].version == 18
    assert (proto.producer_name, proto.producer_version) == ("cnnx", "1.2.3")


def test_the_format_version_is_that_of_the_operators() -> None:
    pytest.importorskip("onnx.checker")
    import onnx

    for opset in range(15, 24):
        graph = Graph([], [], [], {}, opset)
        proto = onnx.load_model_from_string(b"".join(encoded(graph, "1.2.3")))
        assert proto.ir_version == onnx.helper.find_min_ir_version_for(proto.opset_import)


class Huge(np.ndarray):  # type: ignore[type-arg]
    """An array that says it takes 2 GiB."""

    nbytes = 2**31


def test_a_file_beyond_the_limit_of_the_format_is_refused() -> None:
    huge = np.zeros(1, np.float32).view(Huge)
    graph = Graph([], [], [], {"weight": huge}, 18)
    with pytest.raises(
        ValueError, match=r"save: the model takes 2,147,4.*, expected at most 2,147"
    ):
        next(encoded(graph, "1.2.3"))
