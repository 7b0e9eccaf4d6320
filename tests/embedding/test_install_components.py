"""`cmake --install --component runtime` and `development` install the parts of an installation."""

from __future__ import annotations

import sys
from pathlib import Path

import cnnx
import pytest
from cpp_build import CppBuild, cmake, run


def installed(build: Path, prefix: Path, *component: str) -> set[str]:
    run([cmake(), "--install", build, "--prefix", prefix, *component])
    return {path.relative_to(prefix).as_posix() for path in prefix.rglob("*") if not path.is_dir()}


def parts(build: Path, folder: Path) -> tuple[set[str], set[str]]:
    """The files of both components; a whole installation has them all."""
    runtime = installed(build, folder / "runtime", "--component", "runtime")
    development = installed(build, folder / "development", "--component", "development")
    assert runtime | development == installed(build, folder / "whole")
    assert runtime & development == {"share/doc/cnnx/LICENSE"}
    return runtime, development


def test_a_static_library_is_for_development(cpp_build: CppBuild, tmp_path: Path) -> None:
    runtime, development = parts(cpp_build.folder, tmp_path)
    assert runtime == {"share/doc/cnnx/LICENSE"}
    assert {Path(name).name for name in development} >= {"cnnx.h", "libcnnx.a", "cnnx.pc"}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="names of a shared library on Linux")
def test_a_shared_library_is_for_run_time(shared_build: Path, tmp_path: Path) -> None:
    runtime, development = parts(shared_build, tmp_path)
    names = {Path(name).name for name in runtime}
    minor = cnnx.__version__.rpartition(".")[0]
    assert names == {"LICENSE", f"libcnnx.so.{cnnx.__version__}", f"libcnnx.so.{minor}"}
    assert "libcnnx.so" in {Path(name).name for name in development}
