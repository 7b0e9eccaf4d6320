"""WebAssembly under Node: the C++ tests pass, training and quantized networks have the bits of
baseline, and a project of one's own compiles the library.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from cpp_build import ROOT, TEST_NAMES, CppBuild, cmake, configure, ctest, launcher, ninja, run
from printed_digests import DIGESTS, QUANTIZED_DIGESTS, digests_in, isa_in

pytestmark = pytest.mark.slow

TESTS = ROOT / "cpp" / "tests" / "CMakeLists.txt"


@pytest.fixture(scope="module")
def node() -> str:
    """The path of Node; skips without emscripten, which needs it too."""
    for program in ("emcc", "node"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is missing: sudo apt-get install -y emscripten")
    return str(shutil.which("node"))


@pytest.fixture(scope="module")
def build(node: str, object_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library and the C++ tests as WebAssembly."""
    folder = tmp_path_factory.mktemp("webassembly") / "build"
    configure(ROOT, folder, "--preset", "wasm", launcher(object_cache))
    run([*(["nice"] if shutil.which("nice") else []), cmake(), "--build", folder])
    return folder


def test_every_cpp_test_passes_or_is_named_with_a_reason(build: Path) -> None:
    output = run([ctest(), "--test-dir", build, "--output-on-failure"])
    results = dict(re.findall(r"Test +#\d+: (\w+) [ .*]*(Passed|Not Run \(Disabled\))", output))
    assert sorted(results) == TEST_NAMES, output
    left_out = re.findall(r'"(\w+_test): [^"]{10,}"', TESTS.read_text(encoding="utf-8"))
    assert [name for name, result in results.items() if result != "Passed"] == left_out
    assert len(left_out) < len(TEST_NAMES) / 10


def digests_of_both(
    program: str, build: Path, node: str, cpp_build: CppBuild
) -> tuple[dict[str, str], dict[str, str]]:
    """The digests of WebAssembly and of this CPU's baseline."""
    module = run([node, build / "cpp" / "tests" / f"{program}.js"])
    native = subprocess.run(
        [cpp_build.folder / "cpp" / "tests" / program],
        env={**os.environ, "CNNX_ISA": "baseline"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert isa_in(module) == isa_in(native.stdout) == "baseline"
    return digests_in(module), digests_in(native.stdout)


def test_training_has_the_bits_of_baseline(build: Path, node: str, cpp_build: CppBuild) -> None:
    module, native = digests_of_both(DIGESTS, build, node, cpp_build)
    assert {"x_and_o", "convolutions", "graph"} <= set(module)
    assert module == native


def test_quantized_networks_have_the_bits_of_baseline(
    build: Path, node: str, cpp_build: CppBuild
) -> None:
    module, native = digests_of_both(QUANTIZED_DIGESTS, build, node, cpp_build)
    assert {"convolutions", "depthwise_convolutions", "activations"} <= set(module)
    assert module == native


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
