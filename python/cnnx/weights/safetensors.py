"""Reader of safetensors files that PyTorch and other libraries wrote.

The core's reader accepts cnnx's own models only, with their metadata and checksums.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnx._core import FormatError
from cnnx.model.foreign_files import refusal_of
from cnnx.weights.stored_array import DTYPES, MOST_AXES, StoredArray
from cnnx.weights.weight_file import WeightFile

_MOST_HEADER_BYTES = 100_000_000  # the limit of the format
_LENGTH_BYTES = 8
_METADATA = "__metadata__"
_OWN_FORMAT = "cnnx.format"  # metadata of a model that cnnx saved


def safetensors_arrays(file: WeightFile) -> dict[str, StoredArray]:
    """Arrays of a safetensors file by name, sorted by name as other libraries write them.

    Raises:
        FormatError: if the file is damaged, or a model that cnnx saved.
    """
    (length,) = struct.unpack("<Q", file.part(0, _LENGTH_BYTES, f"{file.path}: its length"))
    if length > _MOST_HEADER_BYTES:
        raise FormatError(
            refusal_of(file.path, "weights in .safetensors, .pth or .pt")
            or f"{file.path}: is neither a safetensors file nor one of PyTorch, or it is damaged; "
            "expected .safetensors, .pth or .pt"
        )
    header = _header(bytes(file.part(_LENGTH_BYTES, length, f"{file.path}: its header")), file.path)
    metadata = header.pop(_METADATA, {})
    if isinstance(metadata, dict) and _OWN_FORMAT in metadata:
        raise FormatError(
            f"{file.path}: is a model of cnnx, expected weights of another library; load it with "
            f"cnnx.load({file.path!r})"
        )
    begin = _LENGTH_BYTES + length
    return {name: _array(name, header[name], begin, file) for name in sorted(header)}


def _header(text: bytes, path: str) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise FormatError(f"{path}: its header is no JSON object; the file is damaged")
    return header


def _array(name: str, entry: Any, begin: int, file: WeightFile) -> StoredArray:
    which = f"{file.path}: tensor {name[:80]!r}"
    if not isinstance(entry, dict):
        raise FormatError(f"{which} has no dtype, shape and data_offsets")
    dtype: Any = entry.get("dtype")
    shape: Any = entry.get("shape")
    offsets: Any = entry.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise FormatError(
            f"{which} has dtype {str(dtype)[:20]}, expected one of {', '.join(DTYPES)}"
        )
    if not _are_sizes(shape) or len(shape) > MOST_AXES:
        raise FormatError(f"{which} has no shape of at most {MOST_AXES} sizes")
    if not _are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise FormatError(f"{which} has no data_offsets of a beginning and an end")
    size = offsets[1] - offsets[0]
    if size != math.prod(shape) * DTYPES[dtype].itemsize:
        raise FormatError(f"{which} has {size} bytes, which shape and dtype do not need")
    numbers = file.part(begin + offsets[0], size, which)
    return StoredArray(name, dtype, tuple(shape), _reader(numbers, dtype, shape))


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(n) is int and 0 <= n < 2**62 for n in values)


def _reader(numbers: memoryview, dtype: str, shape: list[int]) -> Callable[[], NDArray[Any]]:
    return lambda: np.frombuffer(numbers, DTYPES[dtype]).reshape(shape)
