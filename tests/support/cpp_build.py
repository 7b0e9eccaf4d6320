"""A build of the C++ library and its tests, made once for every test that needs the compiled
objects.

Not part of the package.
"""

from __future__ import annotations

import importlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from object_cache import content_of, key, library_of, store, without_launcher
from sanitizer import not_under_address_sanitizer

ROOT = Path(__file__).parents[2]
TEST_NAMES = sorted(path.stem for path in (ROOT / "cpp" / "tests").glob("*_test.cpp"))
# `tests/runtime/test_bfloat16_products.py` runs these on every instruction set.
OF_EVERY_ISA = ("conv2d_bfloat16_depthwise_test", "conv2d_bfloat16_test")
STRICT = "-pedantic-errors -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"


_ENVIRONMENT = dict(os.environ)


def is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def inherited_environment() -> dict[str, str]:
    """The environment of a program. One that another thread starts must not read that of this
    process, which tests change meanwhile: its start could fail with "Bad address".
    """
    return dict(os.environ) if is_main_thread() else _ENVIRONMENT


def inherited_folder() -> Path | None:
    """The working folder of a program; one that another thread starts must not have that of this
    process, which tests change meanwhile.
    """
    return None if is_main_thread() else ROOT


def run(command: Sequence[str | os.PathLike[str]], *, cwd: Path | None = None) -> str:
    """The output of a command; a failing command fails the test with its output."""
    finished = subprocess.run(
        command,
        cwd=cwd or inherited_folder(),
        env=inherited_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        words = " ".join(map(str, command))
        output = finished.stdout[-20000:]
        pytest.fail(f"{words}\nended with code {finished.returncode}:\n{output}", pytrace=False)
    return finished.stdout


def tool(name: str, folder: str) -> Path:
    """The path of cmake, ctest or ninja: of the extra "test" if installed, or the system's."""
    try:
        package = importlib.import_module("ninja" if name == "ninja" else "cmake")
        path = Path(getattr(package, folder)) / name
        if path.exists() or path.with_suffix(".exe").exists():
            return path
    except ImportError:
        pass
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is missing; pip install '.[test]' brings it", pytrace=False)
    return Path(found)


def cmake() -> Path:
    return tool("cmake", "CMAKE_BIN_DIR")


def ctest() -> Path:
    return tool("ctest", "CMAKE_BIN_DIR")


def ninja() -> Path:
    return tool("ninja", "BIN_DIR")


def needs_a_compiler() -> None:
    """Skip without a source tree, as on a machine with only the wheel."""
    not_under_address_sanitizer("compilers are not tested, and C++ tests have a build of their own")
    candidates = (
        [os.environ["CXX"].split()[0]] if os.environ.get("CXX") else ["c++", "g++", "clang++"]
    )
    if not any(shutil.which(name) for name in candidates):
        pytest.skip(f"there is no C++ compiler on PATH ({', '.join(candidates)})")


def configure(source: Path, build: Path, *definitions: str) -> str:
    """Configures a CMake project; the C++ compiler is the system's."""
    needs_a_compiler()
    return run(
        [
            cmake(),
            *("-S", source, "-B", build, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja()}"),
            "-DCMAKE_BUILD_TYPE=Release",
            *definitions,
        ]
    )


def installed_cmake_folder() -> Path:
    """The output of the package in a folder without a source tree."""
    return Path(run([sys.executable, "-m", "cnnx", "--cmake-dir"], cwd=Path("/")).strip())


def build_consumer(project: Path, folder: Path, *definitions: str) -> Path:
    """Build a foreign project outside the tree, with warnings as errors, against the installed
    package alone; returns the folder of its programs. They are not optimised, because compiling
    them takes longer than running them.
    """
    source, build = folder / "Größe & source", folder / "Größe & build"  # as users name folders
    shutil.copytree(project, source)
    configure(
        source,
        build,
        f"-Dcnnx_DIR={installed_cmake_folder()}",
        f"-DCMAKE_CXX_FLAGS={STRICT}",
        f"-DCMAKE_C_FLAGS={STRICT}",
        "-DCMAKE_BUILD_TYPE=",
        "--no-warn-unused-cli",  # a project of C alone has no C++ flags
        *definitions,
    )
    run([cmake(), "--build", build])
    return build


@dataclass(frozen=True)
class CppBuild:
    """A finished build of the library and its tests."""

    folder: Path

    @property
    def library(self) -> Path:
        return self.folder / "cpp" / "libcnnx.a"

    @property
    def compiler(self) -> str:
        """The C++ compiler that CMake chose."""
        return str(self.commands()[0]["command"]).split()[0]

    def commands(self) -> list[dict[str, str]]:
        """compile_commands.json: one entry per object, with its directory, command and file."""
        text = (self.folder / "compile_commands.json").read_text(encoding="utf-8")
        commands: list[dict[str, str]] = json.loads(text)
        return commands

    def kernel_objects(self) -> dict[str, list[Path]]:
        """The object files of the kernels per instruction set."""
        objects: dict[str, list[Path]] = {}
        for folder in sorted((self.folder / "cpp" / "CMakeFiles").glob("cnnx_kernels_*.dir")):
            level = folder.name.removeprefix("cnnx_kernels_").removesuffix(".dir")
            objects[level] = sorted(folder.rglob("*.o"))
        return objects


def launcher(cache: Path) -> str:
    """The CMake setting that caches the library's objects in the folder for every build of a
    session. Objects to compile go to the compiler launcher if one is set.
    """
    name = "CMAKE_CXX_COMPILER_LAUNCHER"
    words = [sys.executable, "-IS", Path(__file__).parent / "object_cache.py", cache]
    if os.environ.get(name):
        words.append(os.environ[name])
    return f"-D{name}={';'.join(map(str, words))}"


def cache_installed_objects(cache: Path, tree: Path = ROOT) -> None:
    """Put what `pip install .` compiled into the cache, without objects of changed files."""
    library = str(tree / "cpp")
    content = content_of(library)
    for folder in (tree / "build").glob("cp3*-*"):
        if not (folder / "build.ninja").exists():
            continue
        tools = [ninja_of(folder), "-C", folder, "-t"]
        launcher = setting_of(folder, "CMAKE_CXX_COMPILER_LAUNCHER")
        files = files_of_objects(folder, run([*tools, "deps"]))
        for entry in json.loads(run([*tools, "compdb"])):
            target, source = folder / entry["output"], str(folder / entry["file"])
            if library_of(source) == library and is_newer(target, files.get(target, [])):
                command = without_launcher(shlex.split(entry["command"]), launcher)
                cached = cache / key(command, source, library, content)
                if not cached.exists():
                    store(str(target), str(cached))


def ninja_of(folder: Path) -> Path:
    """The Ninja of a build folder if it is still there: another version would discard its log, and
    the next installation compile everything.
    """
    path = setting_of(folder, "CMAKE_MAKE_PROGRAM")
    return Path(path) if path and Path(path).exists() else ninja()


def setting_of(folder: Path, name: str) -> str:
    """A setting of a build folder, "" without it."""
    cache = folder / "CMakeCache.txt"
    lines = cache.read_text("utf-8").splitlines() if cache.exists() else []
    values = [line.split("=", 1)[1] for line in lines if line.startswith(f"{name}:")]
    return values[0] if values else ""


def files_of_objects(folder: Path, records: str) -> dict[Path, list[Path]]:
    """The source and the headers of every object in a build folder, from Ninja's records."""
    files: dict[Path, list[Path]] = {}
    for paragraph in records.split("\n\n"):
        first, *others = paragraph.splitlines() or [""]
        files[folder / first.split(": #deps")[0]] = [folder / each.strip() for each in others]
    return files


def is_newer(target: Path, files: list[Path]) -> bool:
    """Whether the target was written after all of its files, of which there must be some."""
    if not files or not all(each.exists() for each in (target, *files)):
        return False
    return max(each.stat().st_mtime for each in files) < target.stat().st_mtime


def configure_tests(folder: Path, *definitions: str) -> None:
    """Configure a build of the static library and its tests."""
    configure(
        ROOT,
        folder,
        "-DCNNX_BUILD_TESTS=ON",
        "-DBUILD_SHARED_LIBS=OFF",
        "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
        *definitions,
    )


def command_of(test: str, build: Path) -> list[str]:
    """The program of a C++ test in a build folder and its argument, without an emulator."""
    listing = [ctest(), "--test-dir", build, "-R", f"^{test}$", "--show-only=json-v1"]
    (listed,) = json.loads(run(listing))["tests"]
    command: list[str] = listed["command"]
    return command[-2:]


def build_cpp(folder: Path, *definitions: str) -> CppBuild:
    """The static library, because the tests call functions behind the public headers. It is built
    at a low priority, so that its compilers leave the tests that run meanwhile their cores.
    """
    configure_tests(folder, *definitions)
    run([*(["nice"] if shutil.which("nice") else []), cmake(), "--build", folder])
    return CppBuild(folder)
