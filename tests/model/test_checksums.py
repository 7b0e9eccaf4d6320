"""Checksums of files: as docs/file-format.md specifies them, and what they find."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import cnnx
import pytest
from checkpoint_runs import RUNS, begin, x, y
from model_file_parts import (
    make_graph_model,
    make_model,
    read_parts,
    without_checksums,
    write_parts,
)
from xxh64 import xxh64

READERS: dict[str, Callable[[Path], object]] = {
    "model": cnnx.load,
    "checkpoint": cnnx.Trainer.resume,
}


@pytest.fixture(params=READERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def saved(kind: str, tmp_path: Path) -> Path:
    path = tmp_path / "file"
    if kind == "model":
        make_model().save(path)
    else:
        begin("sgd").fit(x, y, epochs=1, checkpoint=path, **RUNS["sgd"][1])
    return path


def test_the_reference_gives_published_values() -> None:
    assert xxh64(b"") == 0xEF46DB3751D8E999
    assert xxh64(b"asdf") == 0x415872F599CEA71E
    text = b"Call me Ishmael. Some years ago--never mind how long precisely-"
    assert xxh64(text) == 0x02A2E85470D6FD96


def test_they_are_those_of_the_specification(saved: Path) -> None:
    header, data = read_parts(saved)
    metadata = header.pop("__metadata__")
    checksums = json.loads(metadata.pop("cnnx.checksums"))
    assert set(checksums) == {"__metadata__", *header}
    counted = b""
    for key in sorted(metadata, key=str.encode):
        for text in (key, metadata[key]):
            counted += struct.pack("<Q", len(text.encode())) + text.encode()
    assert checksums["__metadata__"] == f"{xxh64(counted):016x}"
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        assert checksums[name] == f"{xxh64(data[first:last]):016x}", name


def test_every_flipped_byte_of_the_data_is_refused(kind: str, saved: Path) -> None:
    content = bytearray(saved.read_bytes())
    _, data = read_parts(saved)
    for position in range(len(content) - len(data), len(content), 1 if kind == "model" else 7):
        content[position] ^= 0x10
        saved.write_bytes(content)
        with pytest.raises(
            cnnx.FormatError, match=r'file: tensor "[^"]+" does not match its check'
        ):
            READERS[kind](saved)
        content[position] ^= 0x10
    saved.write_bytes(content)
    READERS[kind](saved)


def test_files_without_checksums_are_read(kind: str, saved: Path) -> None:
    content = saved.read_bytes()
    saved.write_bytes(without_checksums(content))
    assert "cnnx.checksums" not in read_parts(saved)[0]["__metadata__"]
    READERS[kind](saved)
    write_parts(saved, *read_parts(saved))
    READERS[kind](saved)


def test_a_model_of_a_checkpoint_is_verified_too(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    begin("adam").fit(x, y, epochs=0, checkpoint=path)
    header, data = read_parts(path)
    content = bytearray(path.read_bytes())
    start = len(content) - len(data)
    for name in ("cnnx.trainer.slot_1.dense_1.bias", "dense_1.bias"):
        content[start + header[name]["data_offsets"][0]] ^= 1
        path.write_bytes(content)
        if name.startswith("cnnx.trainer"):
            cnnx.load(path)  # which does not read the optimizer's arrays
    with pytest.raises(cnnx.FormatError, match=r'tensor "dense_1\.bias" does not match'):
        cnnx.load(path)


def test_equal_models_have_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_graph_model().save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_damaged_pickle_is_refused() -> None:
    content = pickle.dumps(make_model())
    bias = make_model().parameters["dense_1.weight"].tobytes()
    assert content.count(bias) == 1
    damaged = content.replace(bias, bias[:-1] + bytes([bias[-1] ^ 1]))
    with pytest.raises(cnnx.FormatError, match=r'tensor "dense_1\.weight" does not match'):
        pickle.loads(damaged)
