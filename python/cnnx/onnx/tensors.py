"""Tensors of an ONNX file as arrays, from the file itself or from a data file beside it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnx._core import FormatError
from cnnx.arguments import shown
from cnnx.onnx.graph import Array

_STRING, BFLOAT16 = 8, 16
_EXTERNAL = 1
# TensorProto.DataType -> dtype of the stored elements.
DTYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype(np.float32),
    2: np.dtype(np.uint8),
    3: np.dtype(np.int8),
    4: np.dtype(np.uint16),
    5: np.dtype(np.int16),
    6: np.dtype(np.int32),
    7: np.dtype(np.int64),
    9: np.dtype(np.bool_),
    10: np.dtype(np.float16),
    11: np.dtype(np.float64),
    12: np.dtype(np.uint32),
    13: np.dtype(np.uint64),
    BFLOAT16: np.dtype(np.uint16),
}
# Fields of values that are not stored as bytes; int32_data holds every other type.
_FIELDS = {1: "float_data", 7: "int64_data", 11: "double_data", 12: "uint64_data"}
_FIELDS[13] = "uint64_data"
_MOST_AXES = 8


def plain(text: str | bytes) -> str:
    """A name of the file, which protobuf gives as bytes if it is not UTF-8.

    Raises:
        FormatError: if it is not.
    """
    if isinstance(text, bytes):
        raise FormatError(f"has the name {shown(text)}, expected UTF-8")
    return text


def value_dtype(data_type: int) -> np.dtype[Any]:
    """Dtype of the values of a TensorProto.DataType; bfloat16 becomes float32.

    Raises:
        FormatError: if the type is unknown.
    """
    if data_type == _STRING:
        return np.dtype(object)
    if data_type not in DTYPES:
        raise FormatError(f"an array has the data type {data_type}, expected numbers")
    return np.dtype(np.float32) if data_type == BFLOAT16 else DTYPES[data_type]


def rounded_to_bfloat16(values: Array) -> NDArray[np.float32]:
    """Values that bfloat16 has, the nearest, of two the even one."""
    bits = np.array(values, np.float32, order="C").view(np.uint32)
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(values), bits, rounded).astype(np.uint32).view(np.float32)


def array_of(tensor: Any, folder: Path) -> Array:
    """Values of a TensorProto.

    Args:
        tensor: the message.
        folder: folder of the ONNX file, in which data files lie.

    Raises:
        FormatError: if the sizes contradict the data, or the data lie outside the folder.
        OSError: if a data file cannot be read.
    """
    data_type, name = tensor.data_type, tensor.name
    value_dtype(data_type)
    shape = tuple(tensor.dims)
    if len(shape) > _MOST_AXES or any(size < 0 for size in shape):
        raise FormatError(f"array {shown(name)} has shape {shown(shape)}, expected sizes from 0")
    count = math.prod(shape)
    if data_type == _STRING:
        return _strings(tensor, count).reshape(shape)
    stored = DTYPES[data_type].newbyteorder("<")
    if tensor.data_location == _EXTERNAL:
        values = _external(tensor, folder, stored, count)
    elif tensor.HasField("raw_data"):
        raw = tensor.raw_data
        if len(raw) != count * stored.itemsize:
            raise FormatError(
                f"array {shown(name)} has {len(raw)} bytes, expected {count * stored.itemsize} for "
                f"shape {shape}"
            )
        values = np.frombuffer(raw, stored)
    else:
        values = _typed(tensor, stored, count)
    if data_type == BFLOAT16:
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return values.reshape(shape)


def _strings(tensor: Any, count: int) -> Array:
    """Texts, such as class names."""
    if len(tensor.string_data) != count:
        raise FormatError(f"array {shown(tensor.name)} has {len(tensor.string_data)} texts")
    return np.array([each.decode("utf-8", "replace") for each in tensor.string_data], object)


def _typed(tensor: Any, stored: np.dtype[Any], count: int) -> Array:
    """Values that lie in a list of their own type."""
    field = getattr(tensor, _FIELDS.get(tensor.data_type, "int32_data"))
    if len(field) != count:
        raise FormatError(
            f"array {shown(tensor.name)} has {len(field)} values, expected {count} for shape "
            f"{tuple(tensor.dims)}"
        )
    values = np.array(field)
    if stored.kind == "f" and stored.itemsize == 2:  # the bits of halves
        return values.astype(np.uint16).view(stored)
    return values.astype(stored)


def _external(tensor: Any, folder: Path, stored: np.dtype[Any], count: int) -> Array:
    """Values in a data file, whose size is checked before memory is allocated."""
    entries = {plain(entry.key): plain(entry.value) for entry in tensor.external_data}
    path = data_file(entries.get("location", ""), folder)
    size = path.stat().st_size
    offset = _number(entries, "offset", 0)
    expected = count * stored.itemsize
    length = _number(entries, "length", expected)
    if length != expected or offset + expected > size:
        raise FormatError(
            f"array {shown(tensor.name)} takes {length} bytes from {offset} of {path.name}, "
            f"expected {expected} within its {size}"
        )
    values = np.fromfile(path, stored, count, offset=offset)
    if values.size != count:
        raise FormatError(f"{path.name} became shorter while it was read")
    return values


def data_file(location: str, folder: Path) -> Path:
    """Path of a data file, which must lie in the folder of the ONNX file or below it.

    Raises:
        FormatError: if it is elsewhere, also by a symbolic link, or not a file.
    """
    if not location or "\\" in location or "\0" in location:
        raise FormatError(f"a data file is named {shown(location)}, expected a relative path")
    root = folder.resolve()
    path = (root / location).resolve()
    if not path.is_relative_to(root):
        raise FormatError(
            f"the data file {shown(location)} lies outside the folder of the ONNX file, expected "
            "it beside or below it"
        )
    if not path.is_file():
        raise FormatError(f"the data file {shown(location)} is missing, expected it in {folder}")
    return path


def _number(entries: dict[str, str], key: str, default: int) -> int:
    text = entries.get(key, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise FormatError(f"the {key} of external data is {shown(text)}, expected a number from 0")
    return int(text)
