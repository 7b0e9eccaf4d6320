"""CMake refuses what the library is not made for, in one sentence."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest
from cpp_build import ROOT, cmake, needs_a_compiler, ninja


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="needs a compiler with -m32"
)
def test_a_32_bit_system_is_refused(tmp_path: Path) -> None:
    needs_a_compiler()
    finished = subprocess.run(
        [
            cmake(),
            *("-S", ROOT, "-B", tmp_path, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja()}"),
            "-DCMAKE_CXX_FLAGS=-m32",
            # CMake's own checks link nothing, because few systems have libraries for 32 bits.
            "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode != 0
    sentence = "cnnx needs a 64-bit system or WebAssembly, found a compiler for 32 bits."
    assert sentence in " ".join(finished.stderr.split())
