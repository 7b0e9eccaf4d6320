"""The compiler launcher of the tests compiles again after any change, and else copies."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import object_cache
import pytest
from cpp_build import cache_installed_objects, ninja, run

# Copies the source into the object, and names what it depends on.
COMPILER = """#!/bin/sh
echo compiled >>compiled
for each; do last=$each; done
cat "$last" >object.o
echo "object.o: $last ${last%.cpp}.h" >object.o.d
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the compiler is a shell script")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A library of one source and one header, and a compiler with two names beside it."""
    for name in ("src/ops/add.cpp", "src/ops/add.h", "include/cnnx.h"):
        path = tmp_path / "first" / "cpp" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    compiler = tmp_path / "g++"
    compiler.write_text(COMPILER)
    compiler.chmod(0o755)
    (tmp_path / "c++").symlink_to(compiler)
    return tmp_path / "first" / "cpp"


def compilations(
    library: Path, *flags: str, name: str = "g++", source: str = "src/ops/add.cpp"
) -> int:
    """How often sources were compiled until this object was there."""
    folder = next(each for each in library.parents if (each / "g++").exists())
    (folder / "object.o").unlink(missing_ok=True)
    path = library / source
    launcher = [sys.executable, "-IS", object_cache.__file__, folder / "objects"]
    command = [*launcher, folder / name, *flags, "-o", "object.o", "-c", path]
    subprocess.run(command, cwd=folder, check=True)
    assert (folder / "object.o").read_text() == path.read_text()
    compiled = folder / "compiled"
    return len(compiled.read_text().splitlines()) if compiled.exists() else 0


def test_the_same_source_is_compiled_once(library: Path) -> None:
    assert compilations(library, "-O3", "-Wall", f"-I{library}") == 1
    assert compilations(library, "-O3", "-w") == 1
    assert compilations(library, "-O3", name="c++") == 1
    copy = library.parents[1] / "copy" / "cpp"
    shutil.copytree(library, copy)
    assert compilations(copy, "-O3") == 1


@pytest.mark.parametrize("file", ["src/ops/add.cpp", "src/ops/add.h", "include/cnnx.h"])
def test_any_change_compiles_again(file: str, library: Path) -> None:
    assert compilations(library, "-O3") == 1
    (library / file).write_text("changed")
    assert compilations(library, "-O3") == 2
    (library / file).unlink()
    if file.endswith(".h"):
        assert compilations(library, "-O3") == 3


def test_other_flags_and_sources_compile_again(library: Path) -> None:
    assert compilations(library, "-O3") == 1
    assert compilations(library, "-O2") == 2
    (library / "src" / "add.cpp").write_text("another")
    assert compilations(library, "-O2") == 3
    assert compilations(library, "-O2", source="src/add.cpp") == 4


def test_sources_elsewhere_are_not_cached(library: Path) -> None:
    (library / "tests").mkdir()
    (library / "tests" / "add_test.cpp").write_text("a test")
    for count in (1, 2):
        assert compilations(library, source="tests/add_test.cpp") == count


# As CMake writes it: pip calls the compiler by one of its names, the tests by the other.
BUILD = """rule compile
  command = {tree}/../c++ -O3 -w -o $out -c $in
  deps = gcc
  depfile = $out.d
build object.o: compile {tree}/cpp/src/ops/add.cpp
build test.o: compile {tree}/cpp/tests/add_test.cpp
"""


@pytest.mark.parametrize("changed", ["", "src/ops/add.cpp", "src/ops/add.h"])
def test_objects_of_the_installation_are_not_compiled_again(changed: str, library: Path) -> None:
    tree = library.parent
    build = tree / "build" / "cp311-cp311-linux_x86_64"
    build.mkdir(parents=True)
    (build / "build.ninja").write_text(BUILD.format(tree=tree))
    for path in library.rglob("*.*"):
        os.utime(path, (0, 0))
    run([ninja(), "-C", build, "object.o"])
    if changed:
        (library / changed).write_text("changed")
    cache_installed_objects(library.parents[1] / "objects", tree)
    assert compilations(library, "-O3") == (1 if changed else 0)
