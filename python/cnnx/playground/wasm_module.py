"""The WebAssembly module of cnnx, where the installation has it."""

from __future__ import annotations

from pathlib import Path

from cnnx import _core

# Beside libcnnx; in an editable install the compiled files are in its build folder.
WASM_MODULE = Path(_core.__file__).parent / "lib" / "cnnx.wasm"


def read_wasm_module() -> bytes:
    """The bytes of `cnnx.wasm`.

    Raises:
        FileNotFoundError: if cnnx was installed without it.
    """
    if not WASM_MODULE.exists():
        raise FileNotFoundError(
            "cnnx was installed without its WebAssembly module; install emscripten, on "
            "Debian or Ubuntu with sudo apt-get install -y emscripten, and then cnnx again from "
            "its sources: pip install --force-reinstall --no-deps ."
        )
    return WASM_MODULE.read_bytes()
