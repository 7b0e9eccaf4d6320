"""Models of the C interface in the memory of a program: from and to the bytes of a file."""

from __future__ import annotations

import ctypes
from pathlib import Path

import cnnx
from c_functions import FORMAT_ERROR, INVALID_ARGUMENT, CApi


def test_a_model_embedded_in_a_program(c: CApi, tmp_path: Path) -> None:
    path = tmp_path / "model.cnnx"
    cnnx.models.small((8, 8, 1), 2).save(path)
    content = path.read_bytes()
    copy = ctypes.create_string_buffer(content, len(content))
    handle = c.made(c.model_from_bytes, copy, len(content))
    ctypes.memset(copy, 0, len(content))
    c.ok(c.model_save(handle, tmp_path / "again.cnnx"))
    size = ctypes.c_int64()
    for room, written in ((0, b"\0"), (len(content) - 1, b"\0"), (len(content), content[-1:])):
        ctypes.memset(copy, 0, len(content))
        c.ok(c.model_to_bytes(handle, copy if room else None, room, ctypes.byref(size)))
        assert (size.value, copy[len(content) - 1]) == (len(content), written)
    c.model_destroy(handle)
    assert (tmp_path / "again.cnnx").read_bytes() == content == copy.raw
    nothing = ctypes.c_void_p()
    for size, kind, sentence in (
        (len(content) - 1, FORMAT_ERROR, "^model: "),
        (0, FORMAT_ERROR, "^model: not a safetensors file, it has only 0 bytes"),
        (-1, INVALID_ARGUMENT, "size is -1, expected 0 or more"),
    ):
        status = c.model_from_bytes(content, size, ctypes.byref(nothing))
        c.refused(status, kind, sentence)
    assert nothing.value is None
