"""Programs that tests of the playground run: Node, and the WebAssembly module."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cnnx.playground.wasm_module import WASM_MODULE


def node() -> str:
    """Path of Node; the test is skipped without it."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("needs node (Debian's nodejs)")
    return found


def wasm_module() -> Path:
    """Path of the package's cnnx.wasm; the test is skipped without it."""
    if not WASM_MODULE.is_file():
        pytest.skip(f"needs {WASM_MODULE}, which an installation with emscripten has")
    return WASM_MODULE
