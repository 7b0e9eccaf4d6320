"""PyTorch's files of weights and safetensors files, written and loaded in tests without PyTorch."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cnnx
import numpy as np
from cnnx.weights import LoadReport, load_into
from numpy.typing import NDArray

Array = NDArray[Any]

STORAGES = {"<f8": "Double", "<f4": "Float", "<f2": "Half", "<u2": "BFloat16", "<i8": "Long"}
DTYPES = {"<f8": "F64", "<f4": "F32", "<f2": "F16", "<u2": "BF16", "<i8": "I64"}
PROTOCOL, STOP = b"\x80\x02", b"."
ORDERED_DICT = b"ccollections\nOrderedDict\n)R"
# The first three pickles of a file of PyTorch before 1.6: a constant, the version, the machine.
OLDER_START = (
    b"\x80\x02\x8a\n\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
    b"\x80\x02M\xe9\x03."
    b"\x80\x02}(X\x10\x00\x00\x00protocol_versionM\xe9\x03X\x0d\x00\x00\x00little_endian\x88u."
)


class View(NamedTuple):
    """Tensor that is a part of a storage."""

    storage: Array
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def safetensors(arrays: Mapping[str, Array], **metadata: str) -> bytes:
    """A safetensors file, sorted by name as its library writes it; uint16 stands for bfloat16."""
    header: dict[str, Any] = {"__metadata__": metadata or {"format": "pt"}}
    content, begin = [], 0
    for name, array in sorted(arrays.items()):
        end = begin + array.nbytes
        header[name] = {
            "dtype": DTYPES[array.dtype.str],
            "shape": array.shape,
            "data_offsets": [begin, end],
        }
        content.append(array.tobytes())
        begin = end
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(content)


def text(value: str) -> bytes:
    """Instruction that pushes text."""
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def integer(value: int) -> bytes:
    """Instruction that pushes an integer."""
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    return b"\x8a\x08" + struct.pack("<q", value)


def integers(values: tuple[int, ...]) -> bytes:
    """Instructions that push a tuple of integers."""
    return b"(" + b"".join(map(integer, values)) + b"t"


def storage(key: str, array: Array) -> bytes:
    """Instructions that push the storage of an array."""
    kind = f"ctorch\n{STORAGES[array.dtype.str]}Storage\n".encode()
    number = integer(array.size)
    return b"(" + text("storage") + kind + text(key) + text("cpu") + number + b"tQ"


def tensor(key: str, value: Array | View) -> bytes:
    """Instructions that push a tensor."""
    if not isinstance(value, View):
        steps = tuple(step // value.itemsize for step in value.strides)
        value = View(value, 0, value.shape, steps)
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage(key, value.storage)
        + integer(value.offset)
        + integers(value.shape)
        + integers(value.strides)
        + b"\x89"
        + ORDERED_DICT
        + b"tR"
    )


def state_dict(tensors: Mapping[str, Array | View]) -> bytes:
    """Instructions that push an OrderedDict of tensors with the versions of its modules."""
    items = b"".join(
        text(name) + tensor(str(key), value) for key, (name, value) in enumerate(tensors.items())
    )
    versions = b"}" + text("_metadata") + ORDERED_DICT + b"s"
    return ORDERED_DICT + b"q\x00(" + items + b"u" + versions + b"b"


def under(key: str, value: bytes) -> bytes:
    """Instructions that push a dictionary with one value and an epoch."""
    return b"}(" + text("epoch") + b"K\x07" + text(key) + value + b"u"


def storages(tensors: Mapping[str, Array | View]) -> dict[str, bytes]:
    """Bytes of the storages by key."""
    return {
        str(key): (value.storage if isinstance(value, View) else value).tobytes()
        for key, value in enumerate(tensors.values())
    }


def archive(
    program: bytes,
    parts: Mapping[str, bytes],
    *,
    compression: int = zipfile.ZIP_STORED,
    byteorder: str = "little",
) -> bytes:
    """A file of `torch.save` with the instructions of a pickle and storages."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as written:
        written.writestr("net/data.pkl", PROTOCOL + program + STOP)
        written.writestr("net/byteorder", byteorder)
        for key, part in parts.items():
            written.writestr(f"net/data/{key}", part)
        written.writestr("net/version", "3\n")
    return content.getvalue()


def older_file(program: bytes, tensors: Mapping[str, Array | View]) -> bytes:
    """A file of PyTorch before 1.6 with a pickle and the storages of tensors."""
    content = OLDER_START + PROTOCOL + program + STOP
    content += PROTOCOL + b"](" + b"".join(map(text, storages(tensors))) + b"e" + STOP
    for value, part in zip(tensors.values(), storages(tensors).values(), strict=True):
        count = (value.storage if isinstance(value, View) else value).size
        content += struct.pack("<q", count) + part
    return content


def pth(tensors: Mapping[str, Array | View]) -> bytes:
    """The file that `torch.save(network.state_dict(), path)` writes."""
    return archive(state_dict(tensors), storages(tensors))


def numbers(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def load(
    model: cnnx.Model, arrays: Mapping[str, Any], folder: Path, *, sort: bool = False, **more: Any
) -> LoadReport:
    """Load arrays from a PyTorch file, or if `sort` from a safetensors file."""
    path = folder / "weights"
    path.write_bytes((safetensors if sort else pth)(arrays))
    return load_into(model, path, **more)
