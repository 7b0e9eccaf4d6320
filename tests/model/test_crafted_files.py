"""Malformed model files of every kind, and the sentence that refuses each.

Each file is made of bytes, not by editing a good file as in test_malformed_model_file.py, and each
has one fault. Findings of the fuzzer are added to the table.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cnnx
import pytest

ONE, ZERO = struct.pack("<f", 1), struct.pack("<f", 0)


def file_of(header: str | bytes, data: bytes = b"", *, length: int | None = None) -> bytes:
    """A file with this header, preceded by its length or a wrong `length`."""
    text = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(name: str, dtype: str, shape: str, offsets: str) -> str:
    """One member of a header, as any text."""
    return f'"{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}'


def tensors(*entries: str, size: int) -> bytes:
    """A file of these tensors, refused before their meaning is read."""
    return file_of("{" + ",".join(entries) + "}", bytes(size))


def model(graph: str, **metadata: str) -> bytes:
    """A model file without parameters whose graph is this text."""
    texts = {
        "cnnx.format": "1",
        "cnnx.graph": graph,
        "cnnx.preprocessing": '{"resize":"stretch"}',
        "cnnx.classes": "[]",
        **metadata,
    }
    mean = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    std = {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}
    header = {"__metadata__": texts, "preprocessing.mean": mean, "preprocessing.std": std}
    return file_of(json.dumps(header), ZERO + ONE)


def node(name: str, *inputs: str, kind: str = "relu", **settings: Any) -> dict[str, Any]:
    return {"name": name, "kind": kind, "inputs": list(inputs), **settings}


def graph(*nodes: dict[str, Any], shape: tuple[int, ...] = (4, 4, 2), **other: Any) -> str:
    output = nodes[-1]["name"] if nodes else ""
    known = {"input_shape": shape, "nodes": nodes, "output": output, "probabilities": "outputs"}
    return json.dumps({**known, **other})


def one(kind: str, shape: tuple[int, ...] = (4, 4, 2), **settings: Any) -> bytes:
    """A model of one layer."""
    return model(graph(node("a", "input", kind=kind, **settings), shape=shape))


def convolution(**settings: Any) -> bytes:
    usual = {"kernel_size": [1, 1], "stride": [1, 1], "dilation": [1, 1], "padding": "valid"}
    more = {"out_channels": 2, "groups": 1, "bias": False}
    return one("conv2d", **{**usual, **more, **settings})


GOOD = model(graph(node("a", "input")))
IN_GRAPH = '"input_shape":[4,4,2],"nodes":[],"output":"","probabilities":"outputs"'
HUGE = 2**60

# Name -> the file, and a part of the sentence.
LENGTHS: dict[str, tuple[bytes, str]] = {
    "no bytes": (b"", "not a safetensors file, it has only 0 bytes"),
    "seven bytes": (bytes(7), "it has only 7 bytes"),
    "no header": (file_of(""), "header: does not begin with '{'"),
    "header past the end": (file_of("{}", length=3), "its header should end at byte 11"),
    "header of 2^64 - 1 bytes": (file_of("{}", length=2**64 - 1), "18446744073709551615 bytes"),
    "header of 2^64 - 8 bytes": (file_of("{}", length=2**64 - 8), "it announces a header of"),
    "header beyond 16 MiB": (file_of("{}", length=2**24 + 1), "header of 16777217 bytes, at most"),
    "a byte too many": (GOOD + b"x", "1 bytes at the end belong to no tensor"),
    "a byte too few": (GOOD[:-1], "ends at byte 8 of the data, which has only 7"),
}
PLACES: dict[str, tuple[bytes, str]] = {
    "hole before": (tensors(entry("a", "U8", "[2]", "[1,3]"), size=3), "1 bytes of the data befo"),
    "hole between": (
        tensors(entry("a", "U8", "[1]", "[0,1]"), entry("b", "U8", "[1]", "[2,3]"), size=3),
        '1 bytes of the data before tensor "b" belong to no tensor',
    ),
    "hole behind": (tensors(entry("a", "U8", "[1]", "[0,1]"), size=2), "1 bytes at the end"),
    "overlap": (
        tensors(entry("a", "U8", "[2]", "[0,2]"), entry("b", "U8", "[2]", "[1,3]"), size=3),
        'tensor "b" begins at byte 1 of the data, inside another tensor',
    ),
    "the same place twice": (
        tensors(entry("a", "U8", "[2]", "[0,2]"), entry("b", "U8", "[2]", "[0,2]"), size=2),
        'tensor "b" begins at byte 0 of the data, inside another tensor',
    ),
    "nothing inside something": (
        tensors(entry("a", "U8", "[2]", "[0,2]"), entry("b", "U8", "[0]", "[1,1]"), size=2),
        'tensor "b" begins at byte 1 of the data, inside another tensor',
    ),
    "end before begin": (tensors(entry("a", "U8", "[1]", "[1,0]"), size=1), "offsets are 1 and 0"),
    "negative place": (tensors(entry("a", "U8", "[1]", "[-1,0]"), size=1), "of at least 0"),
    "place beyond 64 bits": (
        tensors(entry("a", "U8", "[1]", f"[0,{2**64 - 1}]"), size=1),
        "an integer does not fit in 64 bits",
    ),
    "place beyond the file": (
        tensors(entry("a", "U8", f"[{2**63 - 1}]", f"[0,{2**63 - 1}]"), size=8),
        f"ends at byte {2**63 - 1} of the data, which has only 8",
    ),
    "place too short": (
        tensors(entry("a", "F32", "[2]", "[0,7]"), size=7),
        "is 8 bytes, but its data_offsets are 0 and 7",
    ),
    "three places": (tensors(entry("a", "U8", "[1]", "[0,1,1]"), size=1), "an array of 2"),
}
SHAPES: dict[str, tuple[bytes, str]] = {
    "bytes that wrap to none": (
        tensors(entry("a", "F32", f"[{2**62}]", "[0,0]"), size=0),
        f"has the impossible shape ({2**62},)",
    ),
    "elements that wrap to none": (
        tensors(entry("a", "U8", f"[{2**32},{2**32}]", "[0,0]"), size=0),
        "has the impossible shape",
    ),
    "an overflow behind zero": (
        tensors(entry("a", "F64", f"[0,{2**63 - 1},3]", "[0,0]"), size=0),
        "has the impossible shape",
    ),
    "negative size": (tensors(entry("a", "U8", "[-1,-1]", "[0,1]"), size=1), "shape (-1, -1)"),
    "nine axes": (
        tensors(entry("a", "U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]"), size=1),
        "has 9 axes, at most 8 are read",
    ),
    "shape of text": (tensors(entry("a", "U8", '["1"]', "[0,1]"), size=1), "shape[0]: expected an"),
    "shape of reals": (tensors(entry("a", "U8", "[1.0]", "[0,1]"), size=1), "found a real number"),
    "no shape": (file_of('{"a":{"dtype":"U8","data_offsets":[0,0]}}'), '"shape", which is missing'),
    "unknown dtype": (
        tensors(entry("a", "BF16", "[1]", "[0,2]"), size=2),
        'has dtype "BF16", only',
    ),
    "dtype of another case": (
        tensors(entry("a", "f32", "[1]", "[0,4]"), size=4),
        '"f32", only F32',
    ),
    "more about a tensor": (
        file_of('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"run":"rm"}}'),
        'has an unknown member "run"',
    ),
}
DUPLICATES: dict[str, tuple[bytes, str]] = {
    "tensor": (
        tensors(entry("a", "U8", "[1]", "[0,1]"), entry("a", "U8", "[1]", "[1,2]"), size=2),
        'has two members named "a"',
    ),
    "tensor by an escape": (
        tensors(entry("a", "U8", "[1]", "[0,1]"), entry("\\u0061", "U8", "[1]", "[1,2]"), size=2),
        'has two members named "a"',
    ),
    "metadata": (file_of('{"__metadata__":{},"__metadata__":{}}'), 'named "__metadata__"'),
    "key": (file_of('{"__metadata__":{"cnnx.format":"1","cnnx.format":"2"}}'), '"cnnx.format"'),
    "member of a graph": (model("{" + IN_GRAPH + ',"output":""}'), 'two members named "output"'),
    "layer": (
        model(graph(node("a", "input"), node("a", "a"))),
        'model: two layers are named "a"',
    ),
    "class": (
        model(graph(node("a", "input", kind="flatten")), **{"cnnx.classes": '["X","X"]'}),
        "classes has 2 names of which only 1 differ",
    ),
}
TEXTS: dict[str, tuple[bytes, str]] = {
    "header nests deeply": (file_of('{"a":' + "[" * 10**6), "nest deeper than 32 levels"),
    "graph nests deeply": (model("[" * 10**6), "cnnx.graph: byte 32: arrays and objects nest"),
    "classes nest deeply": (
        model(graph(node("a", "input")), **{"cnnx.classes": '{"a":' * 10**5}),
        "cnnx.classes: byte 160: arrays and objects nest",
    ),
    "no UTF-8": (file_of(b'{"\xff":1}'), "header: byte 2: the text is not valid UTF-8"),
    "overlong UTF-8": (file_of(b'{"\xc0\xaf":1}'), "byte 2: the text is not valid UTF-8"),
    "surrogate in UTF-8": (file_of(b'{"\xed\xa0\x80":1}'), "byte 2: the text is not valid UTF-8"),
    "beyond Unicode": (file_of(b'{"\xf4\x90\x80\x80":1}'), "byte 2: the text is not valid UTF-8"),
    "half a character": (file_of(b'{"\xe2\x98'), "byte 2: the text is not valid UTF-8"),
    "half a surrogate": (file_of(r'{"\ud83d":1}'), "half of a surrogate pair"),
    "the other half": (file_of(r'{"\ude00":1}'), "half of a surrogate pair"),
    "half in a graph": (model(r'{"\ud83d":1}'), "cnnx.graph: byte 2: a string holds half of a"),
    "unknown escape": (file_of(r'{"\x41":1}'), "unknown escape"),
    "control character": (file_of('{"\n":1}'), "unescaped control character"),
    "NUL": (file_of("{\0}"), "expected a member's name in quotes"),
    "real number": (model("{" + IN_GRAPH + ',"a":1.5}'), "found a real number, only integers"),
    "exponent": (model("[1e400]"), "found a real number, only integers"),
    "needless zero": (model("[01]"), "an integer begins with a needless zero"),
    "plus": (model("[+1]"), 'expected a value, found "+"'),
    "not a number": (model("[NaN]"), 'expected a value, found "N"'),
    "beyond 64 bits": (model(f"[{2**63}]"), "an integer does not fit in 64 bits"),
    "last comma": (model("[1,]"), 'expected a value, found "]"'),
    "comment": (model("[] // none"), 'expected the end of the text, found "/"'),
    "unclosed": (model('{"nodes":['), "expected a value, found the end"),
    "unclosed string": (file_of('{"a'), "the string that begins here is not closed"),
    "too many values": (
        model("[" + "0," * 131072 + "0]"),
        "the text holds more than 131072 values",
    ),
    "100,000 layers": (
        model(graph(*(node(f"n{i}", f"n{i - 1}" if i else "input") for i in range(100_000)))),
        "cnnx.graph: byte",
    ),
    "metadata of numbers": (file_of('{"__metadata__":{"cnnx.format":1}}'), "expected a string"),
    "newer format": (
        model(graph(node("a", "input")), **{"cnnx.format": "2"}),
        'has cnnx format "2", but this version of cnnx reads "1" only',
    ),
    "newer format with what it has": (
        model('{"units":[]}', **{"cnnx.format": "2"}),
        'has cnnx format "2", but this version of cnnx reads "1" only',
    ),
}
GRAPHS: dict[str, tuple[bytes, str]] = {
    "no layers": (model(graph()), "layers is empty, expected at least one layer"),
    "itself": (model(graph(node("a", "a"))), 'layer a: its input "a" is no layer before it'),
    "cycle": (
        model(graph(node("a", "b"), node("b", "a"))),
        'layer a: its input "b" is no layer before it',
    ),
    "dangling input": (model(graph(node("a", "b"))), 'its input "b" is no layer before it'),
    "unread layer": (
        model(graph(node("a", "input"), node("b", "input"))),
        "layer a: no layer after it reads its output",
    ),
    "no inputs": (model(graph(node("a"))), "nodes[0].inputs: is empty"),
    "two inputs": (model(graph(node("a", "input", "input"))), "relu: has 2 inputs, expected one"),
    "65 inputs": (
        model(graph(node("a", *["input"] * 65, kind="concat"))),
        "concat: has 65 inputs, expected 2 to 64",
    ),
    "name of the file's own": (
        model(graph(node("cnnx.trainer", "input"))),
        'layer name "cnnx.trainer" begins with "cnnx."',
    ),
    "name with a quote": (model(graph(node('a"', "input"))), "must be 1 to 100 letters"),
    "name of 101 letters": (model(graph(node("n" * 101, "input"))), "must be 1 to 100 letters"),
    "unknown kind": (one("eval"), 'layer kind "eval" is unknown to this version of cnnx'),
    "block": (one("residual"), "layer a: residual: body is empty, expected at least one layer"),
    "block of branches": (
        one("parallel", merge="add"),
        "layer a: parallel: branches has 0 of them, expected at least 2",
    ),
    "unknown setting": (one("relu", slope=1), "relu: has no setting named slope"),
    "what a model forgets": (
        one("prelu", initial=1),
        'nodes[0]: has a setting "initial", which no file holds',
    ),
    "no rows": (one("relu", (0, 4, 2)), "input_shape is (0, 4, 2), expected (height"),
    "negative rows": (one("relu", (-4, 4, 2)), "input_shape is (-4, 4, 2), expected (height"),
    "two axes": (one("relu", (4, 4)), "cnnx.graph.input_shape: expected an array of 3 integers"),
    "image that overflows": (
        one("relu", (2**62, 4, 2)),
        "input_shape is (4611686018427387904, 4, 2), expected at most 2^40 numbers",
    ),
    "image beyond any memory": (
        one("relu", (2**20, 2**20, 2)),
        "input_shape is (1048576, 1048576, 2), expected at most 2^40 numbers",
    ),
    "no channels": (convolution(out_channels=0), "out_channels is 0, expected an integer from 1"),
    "2^40 channels": (convolution(out_channels=2**40), f"out_channels is {2**40}, expected"),
    "2^24 channels": (convolution(out_channels=2**24), 'tensor "a.weight" is missing'),
    "no kernel": (convolution(kernel_size=[0, 1]), "kernel_size is (0, 1), expected two integers"),
    "huge kernel": (convolution(kernel_size=[HUGE, HUGE]), "kernel_size is (1152921504606846976"),
    "kernel beyond the image": (convolution(kernel_size=[5, 1]), "expected at most the input's"),
    "huge stride": (convolution(stride=[HUGE, 1]), "stride is (1152921504606846976, 1), expected"),
    "no stride": (convolution(stride=[0, 0]), "stride is (0, 0), expected two integers >= 1"),
    "huge dilation": (convolution(dilation=[HUGE, 1]), "dilation is (1152921504606846976, 1)"),
    "large dilation": (
        convolution(dilation=[2**24, 2**24], kernel_size=[2**24, 2**24]),
        "conv2d: weight of shape (16777216, 16777216, 2, 2) has too many elements",
    ),
    "huge padding": (convolution(padding=[HUGE, 0, 0, 0]), "padding is (1152921504606846976, 0"),
    "large padding": (convolution(padding=[2**24] * 4), "conv2d: the padded input of shape"),
    "no groups": (convolution(groups=0), "groups is 0, expected an integer from 1"),
    "groups that do not divide": (convolution(groups=3), "groups is 3, expected a divisor of in"),
    "huge scale": (one("upsample2d", scale_factor=[HUGE, 1], mode="nearest"), "scale_factor is ("),
    "large scale": (
        one("upsample2d", scale_factor=[2**24] * 2, mode="nearest"),
        "upsample2d: the output of shape (1, 67108864, 67108864, 2) has too many elements",
    ),
    "no scale": (one("upsample2d", scale_factor=[0, 1], mode="nearest"), "scale_factor is (0, 1)"),
    "scale that overflows": (
        one("upsample2d", (2**40, 1, 1), scale_factor=[2**24, 1], mode="nearest"),
        "x has shape (1, 1099511627776, 1, 1) and scale_factor is (16777216, 1), expected fewer",
    ),
    "scale and size": (
        one("upsample2d", scale_factor=[2, 2], size=[3, 3], mode="nearest"),
        "scale_factor is (2, 2) and size is (3, 3), expected one of them",
    ),
    "large size": (
        one("upsample2d", scale_factor=[1, 1], size=[2**24] * 2, mode="nearest"),
        "upsample2d: the output of shape (1, 16777216, 16777216, 2) has too many elements",
    ),
    "no block": (one("depth_to_space", block_size=0, mode="DCR"), "block_size is 0, expected an"),
    "large block": (
        one("space_to_depth", block_size=2**24, mode="DCR"),
        "expected height and width that block_size = 16777216 divides",
    ),
    "slice beyond the channels": (
        one("slice_channels", start=1, stop=3),
        "start is 1 and stop is 3, expected 0 <= start < stop <= 2",
    ),
    "shuffle of groups that do not divide": (
        one("channel_shuffle", groups=3),
        "groups is 3, expected a divisor of the 2 channels",
    ),
    "reflection beyond the image": (
        one("pad2d", padding=[4, 0, 0, 0], mode="reflect"),
        "padding at the top is 4, expected 0 to 3",
    ),
    "large edge": (one("pad2d", padding=[2**24] * 4, mode="edge"), "pad2d: the output of shape"),
    "dilated pool beyond the image": (
        one(
            "max_pool2d",
            kernel_size=[2, 2],
            stride=[1, 1],
            padding="valid",
            dilation=[2**24, 1],
        ),
        "kernel_size is (2, 2) with dilation (16777216, 1), expected at most the input's",
    ),
    "large border": (one("zero_pad2d", padding=[2**24] * 4), "zero_pad2d: the output of shape"),
    "border beyond any memory": (
        one("zero_pad2d", padding=[2**21, 0, 2**20, 0]),
        "its output is (2097156, 1048580, 2), expected at most 2^40 numbers",
    ),
    "no rows left": (one("crop2d", cropping=[2, 2, 0, 0]), "cropping is ((2, 2), (0, 0)) and x"),
    "large cropping": (one("crop2d", cropping=[2**24] * 4), "expected at least one row and one"),
    "large pool": (one("adaptive_avg_pool2d", output_size=[2**24] * 2), "has too many elements"),
    "no outputs": (one("dense", out_features=0, bias=False), "out_features is 0, expected an int"),
    "dense on an image": (one("dense", out_features=1, bias=False), "put Flatten before it"),
    "long dense": (
        model(
            graph(
                node("f", "input", kind="flatten"),
                node("d", "f", kind="dense", out_features=2**24, bias=False),
                shape=(2**13, 2**13, 4),
            )
        ),
        "dense: x has shape (1, 268435456), expected fewer elements",
    ),
    "sum of two shapes": (
        model(
            graph(
                node("f", "input", kind="flatten"),
                node("s", "input", "f", kind="add"),
            )
        ),
        "add: its inputs have shapes (1, 4, 4, 2) and (1, 32), expected equal ones",
    ),
}
TABLES = {
    "lengths": LENGTHS,
    "places": PLACES,
    "shapes": SHAPES,
    "duplicates": DUPLICATES,
    "texts": TEXTS,
    "graphs": GRAPHS,
}
CRAFTED = {f"{table}: {name}": row for table, rows in TABLES.items() for name, row in rows.items()}


def test_valid_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "m.cnnx"
    good: list[tuple[bytes, Callable[[cnnx.Model], bool]]] = [
        (GOOD, lambda read: read.output_shape == (4, 4, 2)),
        (one("flatten"), lambda read: read.output_shape == (32,)),
        (one("upsample2d", scale_factor=[2, 3], mode="nearest"), lambda read: True),
        (one("relu", (2**20, 2**20, 1)), lambda read: read.input_shape == (2**20, 2**20, 1)),
    ]
    for content, holds in good:
        path.write_bytes(content)
        assert holds(cnnx.load(path))


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_file_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    path = tmp_path / "m.cnnx"
    content, part = CRAFTED[name]
    path.write_bytes(content)
    with pytest.raises(cnnx.FormatError) as caught:
        cnnx.load(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: ")
    assert part in sentence
    assert "\n" not in sentence
    assert len(sentence) < 500 + len(str(path))
