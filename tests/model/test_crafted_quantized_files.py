"""Model files with int8 weights: as other programs read them, and the faults that are refused."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import numpy.typing as npt
import pytest
from comparison import assert_same_bits
from model_file_parts import read_parts
from quantized_networks import NETWORKS, plain

DTYPES = {"float32": "F32", "float64": "F64", "int8": "I8", "uint8": "U8", "int32": "I32"}


@dataclass
class Parts:
    """The texts and arrays of a file."""

    texts: dict[str, str]
    arrays: dict[str, npt.NDArray[Any]]

    @classmethod
    def of(cls, path: Path) -> Parts:
        header, data = read_parts(path)
        texts = header.pop("__metadata__")
        del texts["cnnx.checksums"]
        names = {short: name for name, short in DTYPES.items()}
        arrays = {}
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            array = np.frombuffer(data[begin:end], names[entry["dtype"]])
            arrays[name] = array.reshape(entry["shape"])
        return cls(texts, arrays)

    def write(self, path: Path) -> Path:
        header: dict[str, Any] = {"__metadata__": self.texts}
        data = b""
        for name, array in self.arrays.items():
            end = len(data) + array.nbytes
            dtype = DTYPES[array.dtype.name]
            offsets = [len(data), end]
            header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": offsets}
            data += array.tobytes()
        text = json.dumps(header).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + data)
        return path


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    plain().save(tmp_path / "good.cnnx")
    return Parts.of(tmp_path / "good.cnnx")


@pytest.mark.parametrize("name", NETWORKS)
def test_a_file_comes_back_with_the_same_bits(name: str, tmp_path: Path) -> None:
    model = NETWORKS[name]()
    model.save(tmp_path / "model.cnnx")
    back = cnnx.load(tmp_path / "model.cnnx")
    for own, other in ((model.parameters, back.parameters), (model.buffers, back.buffers)):
        for key in own:
            assert_same_bits(other[key], own[key])
    pixels = np.random.default_rng(5).integers(0, 256, (4, *model.input_shape), dtype=np.uint8)
    assert_same_bits(back(pixels), model(pixels))


def test_other_programs_read_the_weights_as_int8(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    model = plain()
    model.save(tmp_path / "model.cnnx")
    arrays = safetensors.load_file(tmp_path / "model.cnnx")
    for name in ("conv2d_1.weight", "conv2d_2.weight", "dense_1.weight"):
        assert arrays[name].dtype == np.int8
        real = arrays[name] * arrays[f"{name}_scale"]
        assert_same_bits(real.astype(np.float32), model.parameters[name])
    assert arrays["conv2d_1.bias"].dtype == np.float32


def test_a_quarter_of_the_bytes(tmp_path: Path) -> None:
    for integers in (False, True):
        layers = [cnnx.Conv2d(64, 5, int8_weight=integers)]
        cnnx.Model(layers, input_shape=(8, 8, 64)).save(tmp_path / f"{integers}.cnnx")
    sizes = [(tmp_path / f"{integers}.cnnx").stat().st_size for integers in (True, False)]
    assert sizes[0] < 0.27 * sizes[1]


def test_the_parts_are_a_good_file(parts: Parts, tmp_path: Path) -> None:
    assert cnnx.load(parts.write(tmp_path / "same.cnnx")).layers


WEIGHT, SCALE = "conv2d_1.weight", "conv2d_1.weight_scale"


def changed(name: str, change: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> Any:
    def apply(parts: Parts) -> None:
        parts.arrays[name] = change(parts.arrays[name])

    return apply


def first(value: float) -> Any:
    """Replace the first scale."""

    def change(scales: npt.NDArray[Any]) -> npt.NDArray[Any]:
        done = scales.copy()
        done[0] = value
        return done

    return changed(SCALE, change)


def without(name: str) -> Any:
    def apply(parts: Parts) -> None:
        del parts.arrays[name]

    return apply


def in_floats(parts: Parts) -> None:
    """The layer without the setting int8_weight, but with its arrays."""
    graph = json.loads(parts.texts["cnnx.graph"])
    node = next(each for each in graph["nodes"] if each["name"] == "conv2d_1")
    del node["int8_weight"]
    parts.texts["cnnx.graph"] = json.dumps(graph)


def in_floats_without_scale(parts: Parts) -> None:
    in_floats(parts)
    parts.arrays[WEIGHT] = parts.arrays[WEIGHT].astype(np.float32)


def of_text(parts: Parts) -> None:
    graph = json.loads(parts.texts["cnnx.graph"])
    graph["nodes"][1]["int8_weight"] = "yes"
    parts.texts["cnnx.graph"] = json.dumps(graph)


POSITIVE = "expected finite numbers above 0"
FAULTS: dict[str, tuple[Callable[[Parts], None], str]] = {
    "float weight": (changed(WEIGHT, lambda w: w.astype(np.float32)), "has dtype F32, expected I8"),
    "byte weight": (changed(WEIGHT, lambda w: w.view(np.uint8)), "has dtype U8, expected I8"),
    "weight of another shape": (changed(WEIGHT, lambda w: w[:, :, :, :-1]), "expected (3, 3, 3, "),
    "no weight": (without(WEIGHT), f'tensor "{WEIGHT}" is missing'),
    "no scale": (without(SCALE), f'tensor "{SCALE}" is missing'),
    "scales of another length": (changed(SCALE, lambda s: s[1:]), "has shape (15,), expected (16"),
    "scales of int8": (changed(SCALE, lambda s: s.astype(np.int8)), "has dtype I8, expected F32"),
    "scale 0": (first(0), f'"{SCALE}": holds 0.000000, {POSITIVE}'),
    "negative scale": (first(-0.5), f'"{SCALE}": holds -0.500000, {POSITIVE}'),
    "NaN": (first(np.nan), "nan, " + POSITIVE),
    "infinity": (first(np.inf), "inf, " + POSITIVE),
    "int8 in a layer of float32": (in_floats, "has dtype I8, expected F32"),
    "scales of a layer of float32": (in_floats_without_scale, "tensors, but its graph uses"),
    "int8_weight of text": (of_text, "int8_weight"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_refused(fault: str, parts: Parts, tmp_path: Path) -> None:
    change, sentence = FAULTS[fault]
    change(parts)
    with pytest.raises(cnnx.FormatError) as refusal:
        cnnx.load(parts.write(tmp_path / "bad.cnnx"))
    assert sentence in str(refusal.value)
