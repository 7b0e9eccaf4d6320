"""The folder of the CMake files of this package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def cmake_folder() -> Path:
    """The value of ``cnnx_DIR`` for a C++ project, found without importing the extension."""
    # Beside the extension, which in an editable install is not beside this file.
    extension = find_spec("cnnx._core")
    assert extension is not None
    assert extension.origin is not None
    return Path(extension.origin).parent / "lib" / "cmake" / "cnnx"
