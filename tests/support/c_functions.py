"""The C interface through ctypes: every function and struct, as the installed header declares them.

Not part of the package.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cnnx
import cnnx._core
import numpy as np
import pytest

# Of the compiled files, which an editable install keeps in its build folder.
PACKAGE = Path(cnnx._core.__file__).parent

OK, INVALID_ARGUMENT, FORMAT_ERROR, SYSTEM_ERROR, OUT_OF_MEMORY, NOT_FINITE = range(6)
UINT8, FLOAT32 = range(2)

NUMBERS: dict[str, Any] = {
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint64_t": ctypes.c_uint64,
    "uint8_t": ctypes.c_uint8,
    "float": ctypes.c_float,
    "double": ctypes.c_double,
    "cnnx_status": ctypes.c_int32,
    "cnnx_pixel_type": ctypes.c_int32,
}
TASK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32)
CALLBACKS: dict[str, Any] = {
    "cnnx_task": TASK,
    "cnnx_run_tasks": ctypes.CFUNCTYPE(
        None, ctypes.c_void_p, ctypes.c_int32, TASK, ctypes.c_void_p
    ),
    "cnnx_epoch_callback": ctypes.CFUNCTYPE(
        ctypes.c_int32, ctypes.c_void_p, ctypes.c_int64, ctypes.c_double, ctypes.c_double
    ),
}
NUMPY = {
    "u1": ctypes.c_uint8,
    "i8": ctypes.c_int64,
    "f4": ctypes.c_float,
    "f8": ctypes.c_double,
}


def header() -> str:
    """The installed header without comments."""
    text = (PACKAGE / "include" / "cnnx" / "c_api.h").read_text(encoding="utf-8")
    return re.sub(r"//[^\n]*", "", text)


def _declared(text: str) -> tuple[str, int, str]:
    """(type, number of stars, name) of "const char** name"."""
    words = re.findall(r"\w+", text)
    kind = next(word for word in words if word != "const")
    return kind, text.count("*"), words[-1]


def structs() -> dict[str, type[ctypes.Structure]]:
    """The structs with members; handles have no members."""
    found = {}
    for name, members in re.findall(r"typedef struct (\w+) \{(.*?)\}", header(), re.DOTALL):
        fields = []
        for member in filter(None, map(str.strip, members.split(";"))):
            kind, stars, field = _declared(member)
            text = kind == "char" and stars == 1
            pointer = ctypes.c_char_p if text else ctypes.c_void_p
            fields.append((field, pointer if stars else NUMBERS[kind]))
        found[name] = type(name, (ctypes.Structure,), {"_fields_": fields})
    return found


STRUCTS = structs()


def _ctype(kind: str, stars: int) -> Any:
    if kind in CALLBACKS:
        return CALLBACKS[kind]
    if kind == "char":
        return ctypes.c_char_p if stars == 1 else ctypes.POINTER(ctypes.c_char_p)
    if stars == 0:
        return None if kind == "void" else NUMBERS[kind]
    if kind in STRUCTS and stars == 1:
        return ctypes.POINTER(STRUCTS[kind])
    if kind in NUMBERS:
        pointer = ctypes.POINTER(NUMBERS[kind])
        return pointer if stars == 1 else ctypes.POINTER(pointer)
    return ctypes.c_void_p if stars == 1 else ctypes.POINTER(ctypes.c_void_p)


class Function:
    """A declared function: call it as `function(...)`."""

    def __init__(self, library: ctypes.CDLL, result: str, name: str, parameters: str) -> None:
        self.name = name
        self._function = getattr(library, name)
        self._function.restype = _ctype(*_declared(result + " result")[:2])
        declared = [_declared(each) for each in parameters.split(",") if each.strip() != "void"]
        self.parameters = [parameter for _, _, parameter in declared]
        self.pointers = [parameter for _, stars, parameter in declared if stars]
        self.returns_status = result.strip() == "cnnx_status"
        self._function.argtypes = [_ctype(kind, stars) for kind, stars, _ in declared]

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*map(_given, arguments))


def _given(argument: Any) -> Any:
    """Strings as UTF-8, arrays as pointers to their numbers."""
    if isinstance(argument, str):
        return argument.encode()
    if isinstance(argument, Path):
        return bytes(argument)
    if isinstance(argument, np.ndarray):
        assert argument.flags.c_contiguous
        return argument.ctypes.data_as(ctypes.POINTER(NUMPY[argument.dtype.str[1:]]))
    return argument


def library() -> Path:
    """The library that the extension uses too."""
    names = {"darwin": "libcnnx.dylib", "win32": "cnnx.dll"}
    folder = PACKAGE / ("bin" if sys.platform == "win32" else "lib")
    path = folder / names.get(sys.platform, "libcnnx.so")
    if not path.exists():
        pytest.skip(f"the package has no shared library {path.name}", allow_module_level=True)
    return path


class CApi:
    """Every function by its name without the prefix: `c.model_load(path, model)`."""

    def __init__(self) -> None:
        self.path = library()
        loaded = ctypes.CDLL(str(self.path))
        declared = re.findall(r"CNNX_API\s+([\w\s*]+?[\s*])(\w+)\(([^)]*)\);", header())
        self.functions = {name: Function(loaded, result, name, p) for result, name, p in declared}

    def __getattr__(self, name: str) -> Function:
        try:
            return self.functions[f"cnnx_{name}"]
        except KeyError:
            raise AttributeError(name) from None

    def message(self) -> str:
        said: bytes = self.error_message()
        return said.decode()

    def ok(self, status: int) -> None:
        assert status == OK, self.message()

    def refused(self, status: int, expected: int, sentence: str) -> None:
        """Check that a call gave this status and that its message matches."""
        assert status == expected, (status, self.message())
        assert re.search(sentence, self.message()), self.message()
        assert "\n" not in self.message()

    @contextmanager
    def loaded(self, model: cnnx.Model) -> Iterator[ctypes.c_void_p]:
        """A handle of a model of Python."""
        content = model._core.to_bytes()
        handle = self.made(self.model_from_bytes, ctypes.c_char_p(content), len(content))
        yield handle
        self.model_destroy(handle)

    def made(self, function: Function, *arguments: Any) -> ctypes.c_void_p:
        """The handle that a function returns through its last argument."""
        handle = ctypes.c_void_p()
        self.ok(function(*arguments, ctypes.byref(handle)))
        assert handle.value
        return handle

    def integer(self, function: Function, *arguments: Any) -> int:
        number = (ctypes.c_int32 if "threads" in function.name else ctypes.c_int64)(-1)
        self.ok(function(*arguments, ctypes.byref(number)))
        return number.value

    def text(self, function: Function, *arguments: Any) -> str:
        text = ctypes.c_char_p()
        self.ok(function(*arguments, ctypes.byref(text)))
        assert text.value is not None
        return text.value.decode()
