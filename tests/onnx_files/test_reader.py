"""Files that are not ONNX, damaged or hostile, and weights in a second file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from onnx_models import OnnxModel, onnx


def network(values: Any = None) -> OnnxModel:
    """One convolution with a large weight, `big`."""
    model = OnnxModel(1, 3, 8, 8)
    weight = model.constant(np.ones((16, 3, 5, 5)) if values is None else values, "big")
    model.node("Conv", "x", weight)
    return model


OUTPUT = "Conv_0_0"


def with_data_file(folder: Path, location: str = "weights.bin", **entries: int) -> Path:
    """A file whose weight lies in another one."""
    proto = network().proto(OUTPUT)
    tensor = proto.graph.initializer[0]
    content = tensor.raw_data
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
    folder.mkdir(exist_ok=True)
    (folder / "weights.bin").write_bytes(b"\0\0\0\0" + content)
    path = folder / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def test_weights_beside_the_file(tmp_path: Path) -> None:
    model = cnnx.onnx.load(with_data_file(tmp_path, offset=4, length=4800))
    assert np.all(model.parameters["conv2d_1.weight"] == 1)


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/hostname", "", "a\\..\\b", "link"])
def test_weights_elsewhere_are_refused(tmp_path: Path, location: str) -> None:
    path = with_data_file(tmp_path / "model", location, offset=4)
    (tmp_path / "weights.bin").write_bytes(bytes(4804))
    (tmp_path / "model" / "link").symlink_to(tmp_path / "weights.bin")
    with pytest.raises(cnnx.FormatError, match=r"outside the folder|expected a relative path"):
        cnnx.onnx.load(path)


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"offset": 8}, "takes 4800 bytes from 8 of weights.bin, expected 4800 within its 4804"),
        ({"offset": 4, "length": 4}, "takes 4 bytes from 4 of weights.bin, expected 4800"),
        ({"offset": -4}, "the offset of external data is '-4', expected a number from 0"),
        ({"offset": 10**30}, "the offset of external data is .*, expected a number from 0"),
    ],
)
def test_weights_that_the_second_file_does_not_have(
    tmp_path: Path, entries: dict[str, int], sentence: str
) -> None:
    with pytest.raises(cnnx.FormatError, match=sentence):
        cnnx.onnx.load(with_data_file(tmp_path, **entries))


def test_a_missing_second_file_is_named(tmp_path: Path) -> None:
    path = with_data_file(tmp_path, "gone.bin")
    with pytest.raises(cnnx.FormatError, match=r"the data file 'gone.bin' is missing"):
        cnnx.onnx.load(path)


@pytest.mark.parametrize("content", [b"", b"no model", bytes(100), b"\x08\x08"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(cnnx.FormatError, match=r"net\.onnx: "):
        cnnx.onnx.load(path)


def test_a_weight_of_another_size_than_its_shape_is_refused(tmp_path: Path) -> None:
    proto = network().proto(OUTPUT)
    proto.graph.initializer[0].dims[0] = 1 << 40
    path = tmp_path / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(cnnx.FormatError, match=r"array 'big' has 4800 bytes, expected \d+"):
        cnnx.onnx.load(path)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32, np.uint8])
def test_weights_of_other_types_become_float32(tmp_path: Path, dtype: Any) -> None:
    values = np.arange(1200).reshape(16, 3, 5, 5) % 7
    for raw in (True, False):
        proto = network(values).proto(OUTPUT)
        kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        content = values.astype(dtype)
        tensor = onnx.helper.make_tensor(
            "big", kind, values.shape, content.tobytes() if raw else content.reshape(-1), raw=raw
        )
        proto.graph.initializer[0].CopyFrom(tensor)
        path = tmp_path / "net.onnx"
        path.write_bytes(proto.SerializeToString())
        loaded = cnnx.onnx.load(path).parameters["conv2d_1.weight"]
        assert np.array_equal(loaded, values.transpose(2, 3, 1, 0))


def test_bfloat16_weights(tmp_path: Path) -> None:
    values = np.arange(1200).reshape(16, 3, 5, 5) % 7
    proto = network(values).proto(OUTPUT)
    halves = (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    tensor = onnx.TensorProto(
        name="big", data_type=16, dims=values.shape, raw_data=halves.tobytes()
    )
    proto.graph.initializer[0].CopyFrom(tensor)
    path = tmp_path / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    loaded = cnnx.onnx.load(path).parameters["conv2d_1.weight"]
    assert np.array_equal(loaded, values.transpose(2, 3, 1, 0))


def test_constants_far_larger_than_the_file_are_refused(tmp_path: Path) -> None:
    model = OnnxModel(1, 3, 8, 8)
    weight = model.node("ConstantOfShape", model.constant(np.array([1 << 30, 3, 1, 1])))
    path = model.save(tmp_path / "net.onnx", model.node("Conv", "x", weight))
    with pytest.raises(cnnx.FormatError, match=r"node_0.*far larger than its weights"):
        cnnx.onnx.load(path)


def test_an_old_operator_set_is_refused_with_the_line_that_converts_it(tmp_path: Path) -> None:
    model = OnnxModel(1, 3, 8, 8, opset=5)
    path = model.save(tmp_path / "net.onnx", model.node("Relu", "x"))
    with pytest.raises(cnnx.FormatError, match=r"operator set 5.*version_converter"):
        cnnx.onnx.load(path)


def test_local_functions_are_inlined(tmp_path: Path) -> None:
    """As PyTorch's exporter writes modules."""
    body = [onnx.helper.make_node("Relu", ["a"], ["b"]), onnx.helper.make_node("Neg", ["b"], ["c"])]
    opsets = [onnx.helper.make_opsetid("", 17)]
    function = onnx.helper.make_function("local", "Block", ["a"], ["c"], body, opsets)
    model = OnnxModel(1, 3, 8, 8)
    call = model.node("Block", "x", domain="local")
    proto = model.proto(call)
    proto.functions.append(function)
    proto.opset_import.append(onnx.helper.make_opsetid("local", 1))
    path = tmp_path / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    kinds = [layer.kind for layer in cnnx.onnx.load(path).layers]
    assert kinds == ["relu", "scale2d"]


def test_a_node_that_reads_an_unknown_value_is_malformed(tmp_path: Path) -> None:
    model = OnnxModel(1, 3, 8, 8)
    path = model.save(tmp_path / "net.onnx", model.node("Add", "x", "gone"))
    with pytest.raises(cnnx.FormatError, match=r"'node_0' \(Add\): reads 'gone'"):
        cnnx.onnx.load(path)


def test_a_name_that_is_not_utf8_is_malformed(tmp_path: Path) -> None:
    content = network().proto(OUTPUT).SerializeToString()
    path = tmp_path / "net.onnx"
    path.write_bytes(content.replace(b"node_0", b"node\xff0"))
    with pytest.raises(cnnx.FormatError, match=r"has the name b'node\\xff0', expected UTF-8"):
        cnnx.onnx.load(path)


@pytest.mark.parametrize("operator", ["Sigmoid", "Div", "Erf", "Clip"])
def test_a_node_without_inputs_ends_in_an_error(tmp_path: Path, operator: str) -> None:
    """Before a product, where patterns look for activations."""
    model = OnnxModel(1, 3, 8, 8)
    path = model.save(tmp_path / "net.onnx", model.node("Mul", "x", model.node(operator)))
    with pytest.raises(ValueError, match=r"net\.onnx: "):
        cnnx.onnx.load(path)


def test_an_image_larger_than_any_model_takes_is_refused(tmp_path: Path) -> None:
    model = OnnxModel(1, 1 << 31, 8, 8)
    path = model.save(tmp_path / "net.onnx", model.node("Neg", "x"))
    with pytest.raises(ValueError, match=r"its input has shape \(1, 2147483648, 8, 8\)"):
        cnnx.onnx.load(path)
