"""Programs that tests of the playground run: Node, and the WebAssembly module."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import cnnx
import pytest


def node() -> str:
    """Path of Node; the test is skipped without it."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("needs node (Debian's nodejs)")
    return found


def wasm_module() -> Path:
    """Path of cnnx.wasm: CNNX_WASM, or that of the package; the test is skipped without it."""
    given = os.environ.get("CNNX_WASM")
    path = Path(given) if given else Path(cnnx.__file__).parent / "playground" / "cnnx.wasm"
    if not path.is_file():
        pytest.skip(f"needs {path}, which a build with emscripten makes, or CNNX_WASM")
    return path
