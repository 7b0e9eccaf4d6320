"""A newcomer's files: damaged ones, files of other programs, paths, models beyond any memory."""

from __future__ import annotations

import io
import json
import pickle
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx import ops
from damaged_metadata import (
    METADATA,
    metadata_of,
    replaced,
    resume,
    write_checkpoint,
    write_damaged,
)
from first_hour import Case, check, every
from model_file_parts import read_parts

X = np.ones((1, 6, 6, 16), np.float32)
WEIGHT = np.ones((3, 3, 16, 16), np.float32)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def model() -> cnnx.Model:
    layers = [cnnx.Conv2d(4, 3), cnnx.BatchNorm2d(), cnnx.Flatten(), cnnx.Dense(2)]
    return cnnx.Model(layers, input_shape=(6, 6, 1), classes=["cat", "dog"])


# Files of other programs.

EXPECTED = "expected a model or a checkpoint that cnnx saved"


def zipped(name: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name, bytes(100))
    return content.getvalue()


def array(save: Callable[..., Any]) -> bytes:
    content = io.BytesIO()
    save(content, np.zeros(9))
    return content.getvalue()


def safetensors(dtype: str) -> bytes:
    """A file of another library with one array of two numbers."""
    size = 8 if dtype == "F32" else 4
    entry = {"dtype": dtype, "shape": [2], "data_offsets": [0, size]}
    header = json.dumps({"__metadata__": {"format": "pt"}, "fc.bias": entry}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(size)


KINDS = {
    "jpeg": (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(99), "a JPEG image"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(99), "a PNG image"),
    "gif": (b"GIF89a" + bytes(99), "a GIF image"),
    "tiff": (b"II*\x00\x08\x00\x00\x00" + bytes(99), "a TIFF image"),
    "webp": (b"RIFF\x24\x01\x00\x00WEBPVP8 " + bytes(99), "a WebP image"),
    "onnx": (b"\x08\x08\x12\x07pytorch" + bytes(99), "an ONNX model"),
    "pytorch": (zipped("net/data.pkl"), "a PyTorch file"),
    "npz": (array(np.savez), "an archive of NumPy arrays (.npz)"),
    "npy": (array(np.save), "a NumPy array (.npy)"),
    "keras": (zipped("metadata.json"), "a Keras model"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file, as Keras writes it"),
    "tflite": (b"\x1c\x00\x00\x00TFL3" + bytes(99), "a TensorFlow Lite model"),
    "zip": (zipped("notes.txt"), "a zip archive"),
    "html": (b"<!DOCTYPE html><title>404</title>", "an HTML page"),
    "lfs": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "a pointer of Git LFS, which `git lfs pull` replaces",
    ),
    "text": (b"epochs: 3\nclasses: cat, dog\n", "a text file"),
    "older-pytorch": (
        b"\x80\x02\x8a\n\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." + bytes(99),
        "a PyTorch file",
    ),
    "pickle": (
        pickle.dumps({"weight": 1.0}),
        "a Python pickle, which can run code and is never read",
    ),
}

# What the sentence says then, by the kind.
WEIGHTS = "its weights go into a model of the same structure: cnnx.weights.load_into(model, 'file')"
KERAS = (
    "export it in Keras, model.export('model.onnx', format='onnx'), then: "
    "cnnx.onnx.load('model.onnx')"
)
CALLS = {
    "a PyTorch file": WEIGHTS,
    "an ONNX model": "convert it: cnnx.onnx.load('file')",
    "a Keras model": KERAS,
    "an HDF5 file, as Keras writes it": KERAS,
}


def load(content: bytes, read: Callable[[str], object] = cnnx.load) -> None:
    Path("file").write_bytes(content)
    read("file")


OTHER_KINDS = [
    Case(
        name,
        lambda file=file: load(file),
        cnnx.FormatError,
        "; ".join([f"file: this is {kind}, {EXPECTED}", *filter(None, [CALLS.get(kind)])]),
    )
    for name, (file, kind) in KINDS.items()
]
OTHER_KINDS += [
    Case(
        f"safetensors-{dtype}",
        lambda dtype=dtype: load(safetensors(dtype)),
        cnnx.FormatError,
        re.compile(f"file: .*; {re.escape(WEIGHTS)}"),
    )
    for dtype in ("F32", "F16", "BF16")
]
OTHER_KINDS.append(
    Case(
        "png-as-checkpoint",
        lambda: load(KINDS["png"][0], cnnx.Trainer.resume),
        cnnx.FormatError,
        f"file: this is a PNG image, {EXPECTED}",
    )
)

OTHER_KINDS += [
    Case(
        f"{name}-as-weights",
        lambda file=KINDS[name][0]: load(
            file, lambda path: cnnx.weights.load_into(cnnx.models.small(), path)
        ),
        cnnx.FormatError,
        "; ".join(
            [
                f"file: this is {KINDS[name][1]}, expected weights in .safetensors, .pth or .pt",
                *filter(None, [CALLS.get(KINDS[name][1])]),
            ]
        ),
    )
    for name in ("png", "onnx", "hdf5")
]

# Paths.

NOT_ITS_CONTENT = "expected the path of a file and not its content"
PATHS = [
    Case(
        "content-as-path",
        lambda: cnnx.load(b"\x89PNG\r\n\x1a\n" + bytes(10**6)),  # type: ignore[arg-type]
        OSError,
        re.compile(
            r'\[Errno 22\] cannot read "\\x89PNG.{9,99}", the path holds a NUL, .*: .{9,40}'
        ),
    ),
    Case(
        "text-as-path",
        lambda: cnnx.load("layer\n" * 300_000),
        OSError,
        re.compile(
            rf'\[Errno \d+\] cannot read "layer.*\.\.\.", the path has 1800000 bytes, '
            rf"{NOT_ITS_CONTENT}: .{{9,40}}"
        ),
    ),
    Case(
        "checkpoint-as-path",
        lambda: cnnx.Trainer.resume("run\0.ckpt"),
        OSError,
        re.compile(
            rf'\[Errno 22\] cannot read "run\.\.\.", the path holds a NUL, {NOT_ITS_CONTENT}: .*'
        ),
    ),
    Case(
        "save-to-nothing",
        lambda: model().save(""),
        FileNotFoundError,
        re.compile(r'\[Errno 2\] cannot write "", the path is empty: .*'),
    ),
]

# Damage.

REASON = (
    "does not match its checksum: the file is damaged, or a program changed it and left "
    "cnnx.checksums as it was"
)


def load_with_flipped(tensor: str) -> None:
    """Load a model with one flipped bit in a tensor."""
    model().save("m.cnnx")
    header, _ = read_parts(Path("m.cnnx"))
    content = bytearray(Path("m.cnnx").read_bytes())
    (size,) = struct.unpack("<Q", content[:8])
    content[8 + size + header[tensor]["data_offsets"][0]] ^= 1
    Path("m.cnnx").write_bytes(content)
    cnnx.load("m.cnnx")


def load_with(old: bytes, new: bytes) -> None:
    """Load a model with other text in its header."""
    model().save("m.cnnx")
    content = Path("m.cnnx").read_bytes()
    assert content.count(old) == 1
    Path("m.cnnx").write_bytes(content.replace(old, new))
    cnnx.load("m.cnnx")


def damaged_slot() -> None:
    """Resume a checkpoint with one flipped bit in an array of the optimizer."""
    path = Path("run.ckpt")
    write_checkpoint(path)
    header, data = read_parts(path)
    first = len(path.read_bytes()) - len(data)
    content = bytearray(path.read_bytes())
    content[first + header["cnnx.trainer.slot_1.dense_1.bias"]["data_offsets"][0]] ^= 1
    path.write_bytes(content)
    cnnx.Trainer.resume(path)


def with_metadata(*place: str | int, wrong: Any) -> Callable[[], object]:
    """Resume a checkpoint of an earlier version with a wrong value in its metadata."""

    def run() -> None:
        write_checkpoint(Path("run.ckpt"))
        changed = replaced(metadata_of(Path("run.ckpt")), place, wrong)
        write_damaged(Path("run.ckpt"), Path("wrong.ckpt"), changed)
        resume(Path("wrong.ckpt"))

    return run


def copied_by_another_program() -> None:
    """Load a file whose tensors another program has put into another order."""
    numpy = pytest.importorskip("safetensors.numpy")
    safetensors = pytest.importorskip("safetensors")
    model().save("m.cnnx")
    with safetensors.safe_open("m.cnnx", "numpy") as file:
        assert "cnnx.checksums" in file.metadata()
        numpy.save_file(numpy.load_file("m.cnnx"), "copy.cnnx", metadata=file.metadata())
    assert cnnx.load("copy.cnnx").classes == ["cat", "dog"]


METADATA_OF = f"wrong.ckpt: {METADATA}: "
DAMAGE = [
    Case(
        "weight",
        lambda: load_with_flipped("dense_1.weight"),
        cnnx.FormatError,
        f'm.cnnx: tensor "dense_1.weight" {REASON}',
    ),
    Case(
        "buffer",
        lambda: load_with_flipped("batch_norm2d_1.running_mean"),
        cnnx.FormatError,
        f'm.cnnx: tensor "batch_norm2d_1.running_mean" {REASON}',
    ),
    Case(
        "preprocessing",
        lambda: load_with_flipped("preprocessing.mean"),
        cnnx.FormatError,
        f'm.cnnx: tensor "preprocessing.mean" {REASON}',
    ),
    Case(
        "class-name",
        lambda: load_with(b'\\"cat\\"', b'\\"bat\\"'),
        cnnx.FormatError,
        f"m.cnnx: its metadata {REASON}",
    ),
    Case(
        "checksums",
        lambda: load_with(b'\\"__metadata__\\"', b'\\"__metadeta__\\"'),
        cnnx.FormatError,
        'm.cnnx: cnnx.checksums: expected a member "__metadata__", which is missing',
    ),
    Case(
        "slot",
        damaged_slot,
        cnnx.FormatError,
        f'run.ckpt: tensor "cnnx.trainer.slot_1.dense_1.bias" {REASON}',
    ),
    Case("copy", copied_by_another_program, None),
    Case(
        "shuffle",
        with_metadata("run", "settings", "shuffle", wrong="x"),
        cnnx.FormatError,
        f"{METADATA_OF}run.settings.shuffle is 'x', expected true or false",
    ),
    Case(
        "epoch",
        with_metadata("run", "epoch", wrong=10**9),
        cnnx.FormatError,
        f"{METADATA_OF}run.epoch is 1000000000, expected an integer from 1 to 6",
    ),
    Case(
        "position",
        with_metadata("run", "position", 1, wrong=[]),
        cnnx.FormatError,
        f"{METADATA_OF}run.position.1 is [], expected the steps of an epoch and 3 sums of its "
        "metrics, 4 with weights",
    ),
    Case(
        "waited",
        with_metadata("run", "callbacks", 0, 1, "waited", wrong=-1),
        ValueError,
        "EarlyStopping: waited of the state is -1, expected an integer >= 0",
    ),
    Case(
        "best-weights",
        with_metadata("run", "callbacks", 0, 1, "weights", wrong={}),
        ValueError,
        "EarlyStopping: weights of the state are {}, expected the arrays of the model at its best "
        "epoch",
    ),
]

# Models beyond any memory, and names beyond any file.


def nested(depth: int) -> cnnx.Layer:
    layer: cnnx.Layer = cnnx.ReLU()
    for _ in range(depth):
        layer = cnnx.Residual(layer)
    return layer


LARGE = [
    Case(
        "parameters",
        lambda: cnnx.Model(
            [cnnx.Flatten(), cnnx.Dense(2**24), cnnx.Dense(2**24)], input_shape=(4, 4, 1)
        ),
        MemoryError,
        re.compile(
            r"model: its parameters take 1125901114802176 bytes, dense_2\.weight alone "
            r"1125899906842624, expected at most the memory, \d+ bytes; a Dense after "
            r"Flatten is often the largest: pool before it"
        ),
    ),
    *(
        Case(
            f"{depth}-blocks",
            lambda depth=depth: cnnx.Model([nested(depth)], input_shape=(4, 4, 1)),
            ValueError,
            re.compile(
                r"layer residual_1\.residual_1.{60,90}\.\.\.: its name with those of the blocks "
                r"around it has \d+ characters, expected at most 100: nest fewer blocks or give "
                r"them short names"
            ),
        )
        for depth in (9, 12)
    ),
]

# The method of a convolution.


def direct() -> None:
    """A large pixel changes no output that does not read it."""
    changed = X.copy()
    changed[0, 5, 5, 0] = 1e8
    found = [ops.conv2d(x, WEIGHT, padding=1, algorithm="direct") for x in (X, changed)]
    assert (found[0][0, :4, :4] == found[1][0, :4, :4]).all()


METHODS = [
    Case("direct", direct, None),
    Case("direct-layer", lambda: cnnx.Conv2d(4, 3, algorithm="direct"), None),
    Case(
        "unknown-method",
        lambda: cnnx.Conv2d(4, 3, algorithm="winograd"),  # type: ignore[arg-type]
        ValueError,
        "Conv2d: algorithm is 'winograd', expected 'auto' or 'direct'",
    ),
]


@every(OTHER_KINDS, PATHS, DAMAGE, LARGE, METHODS)
def test_files(case: Case) -> None:
    check(case)
