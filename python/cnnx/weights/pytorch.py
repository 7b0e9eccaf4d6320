"""Reader of PyTorch's files of weights: zip archives and the older form, without running code."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnx._core import FormatError
from cnnx.weights.stored_array import DTYPES, StoredArray
from cnnx.weights.unpickler import Storage, Tensor, unpickle
from cnnx.weights.weight_file import WeightFile

ZIP = b"PK\x03\x04"
# The first pickle of the older form: a long integer of ten bytes.
OLDER = b"\x80\x02\x8a\n\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
_OLDER_VERSION = 1001
_LOCAL_HEADER = 30  # bytes of a zip entry before its name
# Keys under which training scripts put the state dict, in order of preference.
_NESTED = ("state_dict", "model_state_dict", "model", "net", "module")
# What wrappers put in front of every name: DataParallel and torch.compile.
_WRAPPERS = ("module.", "_orig_mod.")


_Stored: TypeAlias = "Callable[[Storage], memoryview]"  # returns the bytes of a storage


def pytorch_arrays(file: WeightFile) -> dict[str, StoredArray]:
    """Arrays of a `.pth` or `.pt` file by name, in the file's order.

    The state dict is the file's object, or stands in it under "state_dict", "model_state_dict",
    "model", "net" or "module". Prefixes that wrappers put in front of every name are removed.

    Raises:
        FormatError: if the file is damaged, holds more than tensors or has no state dict.
    """
    is_archive = file.begins_with(ZIP)
    found, stored = _of_archive(file) if is_archive else _of_older_file(file)
    tensors = _without_wrappers(_state_dict(found, file.path))
    return {
        key: StoredArray(key, each.storage.dtype, each.shape, _reader(each, stored, file.path))
        for key, each in tensors.items()
    }


def _state_dict(found: Any, path: str) -> dict[str, Tensor]:
    """The tensors of the outermost dictionary that has some."""
    candidates = [found]
    if isinstance(found, dict):
        candidates += [found[key] for key in _NESTED if key in found]
    for candidate in candidates:
        if isinstance(candidate, dict):
            tensors = {str(k): each for k, each in candidate.items() if isinstance(each, Tensor)}
            if tensors:
                return tensors
    raise FormatError(
        f"{path}: has no state dict, expected a dictionary of tensors, by itself or under one of "
        f"{', '.join(map(repr, _NESTED))}; in PyTorch: "
        "torch.save(model.state_dict(), 'weights.pth')"
    )


def _without_wrappers(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in _WRAPPERS:
        if all(key.startswith(prefix) for key in tensors):
            tensors = {key.removeprefix(prefix): each for key, each in tensors.items()}
    return tensors


def _reader(tensor: Tensor, stored: _Stored, path: str) -> Callable[[], NDArray[Any]]:
    """Function that returns a tensor's numbers as a view of the file."""

    def read() -> NDArray[Any]:
        storage = tensor.storage
        dtype, numbers = DTYPES[storage.dtype], stored(storage)
        if len(numbers) != storage.count * dtype.itemsize:
            raise FormatError(
                f"{path}: storage {storage.key[:80]!r} has {len(numbers)} bytes, expected "
                f"{storage.count} numbers of {dtype.itemsize}"
            )
        flat = np.frombuffer(numbers, dtype)[min(tensor.offset, storage.count) :]
        steps = zip(tensor.shape, tensor.strides, strict=True)
        # The stride of an axis of one element may be any number, also one beyond 64 bits.
        strides = [step * dtype.itemsize if size > 1 else 0 for size, step in steps]
        return np.lib.stride_tricks.as_strided(flat, tensor.shape, strides, writeable=False)

    return read


def _of_archive(file: WeightFile) -> tuple[Any, _Stored]:
    """The object and the storages of a zip archive, which `torch.save` does not compress."""
    entries = _entries(file)
    pickles = [entry for entry in entries if entry.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise FormatError(f"{file.path}: has {len(pickles)} entries data.pkl, expected one")
    folder = pickles[0].removesuffix("data.pkl")
    order = entries.get(folder + "byteorder")
    if order is not None and bytes(_bytes_of(order, file)) != b"little":
        raise _big_endian(file)
    found = unpickle(file, _bytes_of(entries[pickles[0]], file)).value

    def stored(storage: Storage) -> memoryview:
        entry = entries.get(f"{folder}data/{storage.key}")
        if entry is None:
            raise FormatError(f"{file.path}: lacks the numbers of storage {storage.key[:80]!r}")
        return _bytes_of(entry, file)

    return found, stored


def _entries(file: WeightFile) -> dict[str, zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(file.handle) as archive:
            return {entry.filename: entry for entry in archive.infolist()}
    except MemoryError:
        raise
    except Exception as error:  # zipfile raises many kinds of errors on damaged bytes
        raise FormatError(f"{file.path}: is a damaged zip archive") from error


def _bytes_of(entry: zipfile.ZipInfo, file: WeightFile) -> memoryview:
    """Bytes of an entry, compared with its checksum."""
    which = f"{file.path}: entry {entry.filename[:80]!r}"
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
        raise FormatError(f"{which} is compressed or encrypted, expected a file of torch.save")
    header = file.part(entry.header_offset, _LOCAL_HEADER, which)
    if bytes(header[: len(ZIP)]) != ZIP:
        raise FormatError(f"{which} is not where the archive says")
    name_length, extra_length = struct.unpack("<HH", header[26:])
    begin = entry.header_offset + _LOCAL_HEADER + name_length + extra_length
    found = file.part(begin, entry.file_size, which)
    if zlib.crc32(found) != entry.CRC:
        raise FormatError(f"{which} differs from its checksum; the file is damaged")
    return found


def _of_older_file(file: WeightFile) -> tuple[Any, _Stored]:
    """The object and the storages of a file of PyTorch before 1.6.

    Five pickles stand one behind the other: a constant, the version, the machine that wrote the
    file, the object and the keys of the storages. Each storage follows, after its count.
    """
    version = unpickle(file, file.content, len(OLDER))
    machine = unpickle(file, file.content, version.end)
    if version.value != _OLDER_VERSION or not isinstance(machine.value, dict):
        raise FormatError(
            f"{file.path}: has an unknown version of PyTorch's older form, expected "
            f"{_OLDER_VERSION}; load and save it again in PyTorch"
        )
    if machine.value.get("little_endian") is not True:
        raise _big_endian(file)
    found = unpickle(file, file.content, machine.end)
    keys = unpickle(file, file.content, found.end)
    at = keys.end
    parts: dict[str, memoryview] = {}
    for key in keys.value if isinstance(keys.value, list) else []:
        if not isinstance(key, str) or key not in found.storages:
            raise FormatError(f"{file.path}: has a storage that no tensor reads")
        which = f"{file.path}: storage {key[:80]!r}"
        (count,) = struct.unpack("<q", file.part(at, 8, which))
        size = count * DTYPES[found.storages[key].dtype].itemsize
        parts[key] = file.part(at + 8, size, which)
        at += 8 + size

    def stored(storage: Storage) -> memoryview:
        if storage.key not in parts:
            raise FormatError(f"{file.path}: lacks the numbers of storage {storage.key[:80]!r}")
        return parts[storage.key]

    return found.value, stored


def _big_endian(file: WeightFile) -> FormatError:
    return FormatError(f"{file.path}: was saved on a big-endian machine, expected little-endian")
