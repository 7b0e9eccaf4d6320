"""A contradictory or damaged model file, or one of another kind: `FormatError` in one sentence."""

from __future__ import annotations

import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import cnnx
import pytest
from model_file_parts import make_graph_model, make_model, read_parts, write_parts

Graph: TypeAlias = dict[str, Any]
Edit: TypeAlias = Callable[[dict[str, Any]], None]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "m.cnnx"
    make_model().save(path)
    return path


def refusal(path: Path) -> str:
    """The sentence that `cnnx.load` refuses the file with."""
    with pytest.raises(cnnx.FormatError) as caught:
        cnnx.load(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: "), sentence
    assert "\n" not in sentence
    assert len(sentence) < 500 + len(str(path))
    return sentence.removeprefix(f"{path}: ")


def test_format_error_is_a_value_error() -> None:
    assert issubclass(cnnx.FormatError, ValueError)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a safetensors file"),
        (b"X or O", "not a safetensors file"),
        (b"A note that was renamed.\n", "this is a text file, expected a model or a checkpoint"),
        (pickle.dumps({"weight": [1.0] * 100}), "a Python pickle, which can run code"),
        (b"PK\x03\x04\x00\x00\x08\x08" + bytes(64), "a zip archive"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "this is a PNG image"),
        (bytes(1000), "header: does not begin with '{'"),
        (struct.pack("<Q", 2**63) + b"{}", "not a safetensors file"),
    ],
    ids=["empty", "short", "text", "pickle", "zip", "png", "zeros", "huge header"],
)
def test_a_file_of_another_kind(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "m.cnnx"
    path.write_bytes(content)
    assert reason in refusal(path)


def test_every_truncation_is_refused(saved: Path) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content + b"x")
    assert "belong to no tensor" in refusal(saved)
    for length in reversed(range(len(content))):
        os.truncate(saved, length)
        refusal(saved)


def test_every_flipped_bit_of_the_header_is_read_or_refused(saved: Path) -> None:
    content = saved.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    refused = 0
    with saved.open("r+b", buffering=0) as file:
        for position in range(8 + size):
            for bit in range(8):
                file.seek(position)
                file.write(bytes([content[position] ^ (1 << bit)]))
                try:
                    cnnx.load(saved)
                except cnnx.FormatError:
                    refused += 1
            file.seek(position)
            file.write(content[position : position + 1])
    assert refused > 4 * size
    cnnx.load(saved)


def edit_text(key: str, value: str | None) -> Edit:
    def edit(header: dict[str, Any]) -> None:
        if value is None:
            del header["__metadata__"][key]
        else:
            header["__metadata__"][key] = value

    return edit


def edit_graph(change: Callable[[Graph], None]) -> Edit:
    def edit(header: dict[str, Any]) -> None:
        graph = json.loads(header["__metadata__"]["cnnx.graph"])
        change(graph)
        header["__metadata__"]["cnnx.graph"] = json.dumps(graph)

    return edit


def edit_node(index: int, **members: Any) -> Edit:
    return edit_graph(lambda graph: graph["nodes"][index].update(members))


def edit_tensor(name: str, **members: Any) -> Edit:
    return lambda header: header[name].update(members)


def rename_tensor(old: str, new: str) -> Edit:
    def edit(header: dict[str, Any]) -> None:
        header[new] = header.pop(old)

    return edit


# For each contradiction: the change to the header of a good file, and a part of the refusal.
LIES: dict[str, tuple[Edit, str]] = {
    "no metadata": (lambda header: header.pop("__metadata__"), "no cnnx model"),
    "no format": (edit_text("cnnx.format", None), "cnnx.format"),
    "a newer format": (edit_text("cnnx.format", "2"), '"2"'),
    "no graph": (edit_text("cnnx.graph", None), "cnnx.graph"),
    "no classes": (edit_text("cnnx.classes", None), "cnnx.classes"),
    "no preprocessing": (edit_text("cnnx.preprocessing", None), "cnnx.preprocessing"),
    "graph is no JSON": (edit_text("cnnx.graph", "layers"), "cnnx.graph: byte 0"),
    "graph is no object": (edit_text("cnnx.graph", "[]"), "cnnx.graph: expected an object"),
    "graph nests deeply": (edit_text("cnnx.graph", '{"nodes":' * 40), "nest deeper than 32"),
    "classes are numbers": (edit_text("cnnx.classes", "[1, 2, 3]"), "cnnx.classes[0]"),
    "too few classes": (edit_text("cnnx.classes", '["X", "O"]'), "classes has 2 names"),
    "two equal classes": (edit_text("cnnx.classes", '["X", "O", "X"]'), "classes has 3 names"),
    "unknown resize": (edit_text("cnnx.preprocessing", '{"resize": "zoom"}'), '"zoom"'),
    "real number": (edit_text("cnnx.preprocessing", '{"resize": 0.5}'), "real number"),
    "no nodes": (edit_graph(lambda graph: graph.update(nodes=[])), 'expected "", the last node'),
    "nodes are missing": (
        edit_graph(lambda graph: graph.pop("nodes")),
        '"nodes", which is missing',
    ),
    "unknown member": (edit_graph(lambda graph: graph.update(run="rm")), 'unknown member "run"'),
    "flat images": (edit_graph(lambda graph: graph.update(input_shape=[9, 8])), "input_shape"),
    "empty images": (
        edit_graph(lambda graph: graph.update(input_shape=[0, 8, 2])),
        "input_shape is (0, 8, 2), expected (height",
    ),
    "negative images": (
        edit_graph(lambda graph: graph.update(input_shape=[-9, 8, 2])),
        "input_shape is (-9, 8, 2), expected",
    ),
    "absurd images": (
        edit_graph(lambda graph: graph.update(input_shape=[2**62, 8, 2])),
        "expected at most 2^40 numbers",
    ),
    "largest images": (
        edit_graph(lambda graph: graph.update(input_shape=[2**63 - 1] * 3)),
        "expected at most 2^40 numbers",
    ),
    "wrong channels": (
        edit_graph(lambda graph: graph.update(input_shape=[9, 8, 4])),
        "expected (3, 2, 4, 4)",
    ),
    "other images": (
        edit_graph(lambda graph: graph.update(input_shape=[20, 8, 2])),
        "has shape (108, 3), expected (216, 3)",
    ),
    "unknown probabilities": (edit_graph(lambda graph: graph.update(probabilities="x")), '"x"'),
    "another output": (edit_graph(lambda graph: graph.update(output="relu_1")), "output"),
    "unknown kind": (edit_node(1, kind="__import__"), "__import__"),
    "endless kind": (edit_node(1, kind="k" * 100_000), "kkkk"),
    "kind of lines": (edit_node(1, kind="a\nb"), 'layer kind "a\\u000ab" is unknown'),
    "kind is a number": (edit_node(1, kind=7), "nodes[1].kind"),
    "endless name": (edit_node(8, name="n" * 100_000), "the last node"),
    "empty name": (edit_node(8, name=""), "nodes[8].name"),
    "two equal names": (edit_node(1, name="first.conv"), "two layers are named"),
    "its own input": (
        edit_node(1, inputs=["leaky_relu_1"]),
        'its input "leaky_relu_1" is no layer before it',
    ),
    "input from later": (
        edit_node(1, inputs=["dense_1"]),
        'its input "dense_1" is no layer before it',
    ),
    "dangling input": (edit_node(1, inputs=["absent"]), 'its input "absent" is no layer before it'),
    "two inputs": (edit_node(1, inputs=["first.conv", "input"]), "has 2 inputs, expected one"),
    "unknown setting": (edit_node(0, power=3), "power"),
    "missing setting": (
        edit_graph(lambda graph: graph["nodes"][0].pop("stride")),
        "stride is missing",
    ),
    "nested setting": (edit_node(0, stride={"a": 1}), "nodes[0].stride"),
    "kernel is a word": (edit_node(0, kernel_size="three"), "kernel_size"),
    "kernel of three": (edit_node(0, kernel_size=[3, 2, 1]), "kernel_size"),
    "kernel of zero": (edit_node(0, kernel_size=[0, 2]), "kernel_size"),
    "absurd kernel": (edit_node(0, kernel_size=[2**62, 2**62]), "kernel_size"),
    "kernel beyond the image": (
        edit_node(0, kernel_size=[100, 2]),
        "expected at most the input's (10, 11)",
    ),
    "stride of zero": (edit_node(0, stride=[0, 1]), "stride"),
    "negative padding": (edit_node(0, padding=[-1, 0, 0, 0]), "padding"),
    "absurd padding": (edit_node(0, padding=[2**62, 0, 0, 0]), "padding"),
    "no groups": (edit_node(3, groups=0), "groups"),
    "groups that do not divide": (edit_node(3, groups=4), "groups"),
    "absurd channels": (edit_node(3, out_channels=2**40), "out_channels"),
    "more channels than weights": (edit_node(3, out_channels=600_000), "weight"),
    "absurd features": (edit_node(8, out_features=2**24), "dense_1.weight"),
    "bias is a number": (edit_node(8, bias=1), "bias"),
    "a missing tensor": (rename_tensor("dense_1.bias", "dense_1.bia"), '"dense_1.bias" is missing'),
    "a renamed slope": (
        rename_tensor("leaky_relu_1.negative_slope", "leaky_relu_1.slope"),
        "negative_slope",
    ),
    "an unused tensor": (
        rename_tensor("leaky_relu_1.negative_slope", "other"),
        "negative_slope is missing",
    ),
    "another shape": (edit_tensor("dense_1.bias", shape=[1, 3]), "expected (3,)"),
    "another dtype": (edit_tensor("dense_1.bias", dtype="I32"), "dtype I32, expected F32"),
    "half precision": (edit_tensor("dense_1.bias", dtype="F16"), 'dtype "F16"'),
    "mean is one number": (edit_tensor("preprocessing.mean", shape=[2, 1]), "preprocessing.mean"),
    "no mean": (rename_tensor("preprocessing.mean", "m"), "preprocessing.mean"),
    "overlapping tensors": (
        edit_tensor("dense_1.bias", data_offsets=[0, 12]),
        "begins at byte 0 of the data, inside another tensor",
    ),
    "offsets past the end": (
        edit_tensor("dense_1.bias", data_offsets=[10**6, 10**6 + 12]),
        "ends at byte 1000012 of the data",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_contradiction_is_refused_in_one_sentence(lie: str, saved: Path) -> None:
    edit, reason = LIES[lie]
    header, data = read_parts(saved)
    edit(header)
    write_parts(saved, header, data)
    assert reason in refusal(saved)


# The same for a graph: nodes stem, batch_norm2d_1, residual_1.conv2d_1, residual_1.add_1,
# dropout_1, flatten_1, dense_1.
MEAN = "batch_norm2d_1.running_mean"
GRAPH_LIES: dict[str, tuple[Edit, str]] = {
    "a cycle": (
        edit_node(2, inputs=["residual_1.add_1"]),
        'layer residual_1.conv2d_1: its input "residual_1.add_1" is no layer before it',
    ),
    "a sum of itself": (
        edit_node(3, inputs=["residual_1.add_1", "stem"]),
        'layer residual_1.add_1: its input "residual_1.add_1" is no layer before it',
    ),
    "unknown input": (
        edit_node(3, inputs=["stem", "absent"]),
        'layer residual_1.add_1: its input "absent" is no layer before it',
    ),
    "a layer that nobody reads": (
        edit_node(3, inputs=["stem", "batch_norm2d_1"]),
        "layer residual_1.conv2d_1: no layer after it reads its output",
    ),
    "a sum of one": (edit_node(3, inputs=["stem"]), "add: has 1 input, expected 2 to 64"),
    "a sum of too many": (edit_node(3, inputs=["stem"] * 65), "add: has 65 inputs, expected 2 to"),
    "a sum of two shapes": (
        edit_node(3, inputs=["residual_1.conv2d_1", "input"]),
        "add: its inputs have shapes (1, 6, 5, 4) and (1, 6, 5, 3), expected equal ones",
    ),
    "two inputs to a convolution": (
        edit_node(2, inputs=["stem", "batch_norm2d_1"]),
        "layer residual_1.conv2d_1: conv2d: has 2 inputs, expected one",
    ),
    "no inputs": (edit_node(3, inputs=[]), "nodes[3].inputs: is empty"),
    "inputs are a word": (edit_node(3, inputs="stem"), "nodes[3].inputs"),
    "inputs are numbers": (edit_node(3, inputs=[0, 1]), "nodes[3].inputs[0]"),
    "named as the image": (edit_node(0, name="input"), 'no layer may be named "input"'),
    "trainable is a number": (
        edit_node(0, trainable=0),
        "nodes[0].trainable: expected true or false",
    ),
    "trainable is a word": (edit_node(1, trainable="yes"), "nodes[1].trainable: expected true or"),
    "trainable is null": (edit_node(1, trainable=None), "nodes[1].trainable"),
    "a setting of a sum": (edit_node(3, factor=2), "add: has no setting named factor"),
    "affine is a number": (edit_node(1, affine=1), "batch_norm2d: affine is "),
    "without affine": (edit_node(1, affine=False), "tensors, but its graph uses"),
    "no statistics": (lambda header: header.pop(MEAN), "belong to no tensor"),
    "renamed statistics": (rename_tensor(MEAN, "mean"), f'tensor "{MEAN}" is missing'),
    "statistics of another shape": (edit_tensor(MEAN, shape=[2, 2]), "expected (4,)"),
    "statistics of another dtype": (edit_tensor(MEAN, dtype="I32"), "dtype I32, expected F32"),
    "no momentum": (rename_tensor("batch_norm2d_1.momentum", "m"), "momentum is missing"),
    "no rate": (rename_tensor("dropout_1.rate", "dropout_1.share"), "dropout: "),
}


@pytest.mark.parametrize("lie", GRAPH_LIES)
def test_a_contradiction_in_a_graph_is_refused_in_one_sentence(lie: str, tmp_path: Path) -> None:
    path = tmp_path / "m.cnnx"
    make_graph_model().save(path)
    edit, reason = GRAPH_LIES[lie]
    header, data = read_parts(path)
    write_parts(path, header, data)
    cnnx.load(path)
    edit(header)
    write_parts(path, header, data)
    assert reason in refusal(path)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("batch_norm2d_1.momentum", 1.5),
        ("batch_norm2d_1.epsilon", 0.0),
        ("batch_norm2d_1.epsilon", float("nan")),
        ("dropout_1.rate", 1.0),
    ],
)
def test_an_impossible_setting_of_a_graph_is_refused(
    name: str, number: float, tmp_path: Path
) -> None:
    path = tmp_path / "m.cnnx"
    make_graph_model().save(path)
    header, data = read_parts(path)
    begin, _ = header[name]["data_offsets"]
    write_parts(path, header, data[:begin] + struct.pack("<f", number) + data[begin + 4 :])
    assert name.split(".")[1] in refusal(path)


def test_trainable_is_written_only_where_it_is_false(tmp_path: Path) -> None:
    path = tmp_path / "m.cnnx"
    make_graph_model().save(path)
    nodes = json.loads(read_parts(path)[0]["__metadata__"]["cnnx.graph"])["nodes"]
    assert [node.get("trainable") for node in nodes] == [False] + [None] * 6
    assert [layer.trainable for layer in cnnx.load(path).layers] == [False] + [True] * 6


def test_the_contradictions_start_from_a_valid_file(saved: Path) -> None:
    write_parts(saved, *read_parts(saved))
    cnnx.load(saved)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("preprocessing.std", 0.0),
        ("preprocessing.std", -1.0),
        ("preprocessing.mean", float("nan")),
        ("leaky_relu_1.negative_slope", float("inf")),
    ],
)
def test_an_impossible_setting_is_refused(name: str, number: float, saved: Path) -> None:
    header, data = read_parts(saved)
    begin, _ = header[name]["data_offsets"]
    write_parts(saved, header, data[:begin] + struct.pack("<f", number) + data[begin + 4 :])
    assert name.split(".")[1] in refusal(saved)


def test_a_small_file_cannot_take_much_memory(tmp_path: Path) -> None:
    """A file of a kilobyte with a graph of a terabyte is refused before its memory is allocated."""
    path = tmp_path / "m.cnnx"
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(1)], input_shape=(1, 1, 1))
    model.save(path)
    header, data = read_parts(path)
    edit_graph(lambda graph: graph.update(input_shape=[4096, 4096, 4]))(header)
    edit_node(1, out_features=4096)(header)
    write_parts(path, header, data)
    assert 'tensor "dense_1.weight" has shape (1, 1), expected (67108864, 4096)' in refusal(path)
