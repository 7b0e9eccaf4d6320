"""WebAssembly under Node: the C++ tests pass, training and quantized networks have the bits of
baseline, and a project of one's own compiles the library.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from cpp_build import ROOT, CppBuild, cmake, command_of, launcher, ninja, run
from cross_build import CrossBuild, check_every_test, cross_build, needs_program
from printed_digests import DIGESTS, QUANTIZED_DIGESTS, digests_here, digests_in, isa_in

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def node() -> str:
    """The path of Node; skips without emscripten, which needs it too."""
    needs_program("emcc", "emscripten")
    return needs_program("node", "emscripten")


@pytest.fixture(scope="module")
def build(node: str, object_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> CrossBuild:
    """The library and the C++ tests as WebAssembly."""
    folder = tmp_path_factory.mktemp("webassembly") / "build"
    return cross_build("wasm", folder, launcher(object_cache))


def test_every_cpp_test_passes_or_is_named_with_a_reason(build: CrossBuild) -> None:
    check_every_test(build)


@pytest.mark.parametrize(
    ("test", "some"),
    [
        (DIGESTS, {"x_and_o", "convolutions", "graph"}),
        (QUANTIZED_DIGESTS, {"convolutions", "depthwise_convolutions", "activations"}),
    ],
)
def test_digests_are_those_of_baseline(
    test: str, some: set[str], build: CrossBuild, node: str, cpp_build: CppBuild
) -> None:
    module = run([node, *command_of(test, build.folder)])
    assert isa_in(module) == "baseline"
    assert some <= set(digests_in(module))
    assert digests_in(module) == digests_here(cpp_build, test, "baseline")


def test_a_project_catches_exceptions(node: str, object_cache: Path, tmp_path: Path) -> None:
    """The project of docs/cpp.md, with the program of the other consumers."""
    page = (ROOT / "docs" / "cpp.md").read_text(encoding="utf-8")
    (project,) = re.findall(r"```cmake\n(cmake_minimum_required.*?)```", page, re.DOTALL)
    (tmp_path / "CMakeLists.txt").write_text(project, encoding="utf-8")
    shutil.copy(ROOT / "tests" / "embedding" / "consumer" / "main.cpp", tmp_path)
    (tmp_path / "cnnx").symlink_to(ROOT)
    needs_no_package = "-sNODERAWFS=1 -O1"  # as the page says
    run(
        [
            "emcmake",
            cmake(),
            *("-S", tmp_path, "-B", tmp_path / "build", "-G", "Ninja"),
            f"-DCMAKE_MAKE_PROGRAM={ninja()}",
            "-DCMAKE_BUILD_TYPE=Release",
            f"-DCMAKE_EXE_LINKER_FLAGS={needs_no_package}",
            launcher(object_cache),
        ]
    )
    run([cmake(), "--build", tmp_path / "build"])
    (tmp_path / "damaged.cnnx").write_bytes(b"not a model")
    done = subprocess.run(
        [node, tmp_path / "build" / "page.js", tmp_path / "damaged.cnnx", "1", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.startswith("not a model: "), done.stderr
    assert done.returncode == 1
    assert not list((tmp_path / "build").rglob("cnnx.wasm"))
