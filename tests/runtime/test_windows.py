"""Windows under Wine: the C++ tests pass, and each instruction set gives the bits of Linux.

The build takes minutes, so it runs only with CNNX_EMULATION=1; `.ci/run windows` also installs its
prerequisites.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cnnx
import pytest
from cpp_build import ROOT, CppBuild, cmake, command_of, configure, launcher, run
from cross_build import CrossBuild, check_every_test, cross_build, needs_emulation, needs_program
from instruction_sets import INTEGER_CPU_FLAGS
from printed_digests import (
    DIGESTS,
    ELEMENTARY_DIGESTS,
    QUANTIZED_DIGESTS,
    digests_here,
    digests_in,
    isa_in,
)

needs_emulation()
if sys.platform != "linux" or platform.machine() != "x86_64":
    pytest.skip("Wine runs programs for x86-64", allow_module_level=True)

COMPILER = "x86_64-w64-mingw32-g++-posix"
TOOLCHAIN = ROOT / "cmake" / "x86_64-w64-mingw32.cmake"

# The library requests the registers of tiles from Linux only.
LEVELS = [isa for isa in INTEGER_CPU_FLAGS if isa != "amx" and not isa.startswith("neon")]


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The path of Wine, with a new folder of Windows' files."""
    needs_program(COMPILER, "g++-mingw-w64-x86-64-posix")
    path = needs_program("wine", "wine")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WINEPREFIX", str(tmp_path_factory.mktemp("wine")))
        environment.setenv("WINEDEBUG", "-all")
        # The server would end after each program. It and its services keep their output open.
        for command in (["wineserver", "--persistent"], ["wineboot", "--init"]):
            subprocess.run(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
            )
        yield path
        subprocess.run(["wineserver", "--kill"], check=True)


@pytest.fixture(scope="module")
def build(wine: str, object_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> CrossBuild:
    return cross_build("mingw", tmp_path_factory.mktemp("windows"), launcher(object_cache))


def printed(build: CrossBuild, wine: str, test: str, isa: str) -> str:
    """The output of a C++ test under an instruction set."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CNNX_ISA", isa)
        return run([wine, *command_of(test, build.folder)])


def test_every_cpp_test_passes_or_is_named_with_a_reason(build: CrossBuild) -> None:
    check_every_test(build)


@pytest.mark.parametrize("isa", LEVELS)
def test_training_and_predictions_have_the_bits_of_linux(
    isa: str, build: CrossBuild, wine: str, cpp_build: CppBuild
) -> None:
    here = digests_here(cpp_build, DIGESTS, isa)
    if here is None:
        pytest.skip(f"this CPU does not run {isa}")
    training = printed(build, wine, DIGESTS, isa)
    assert isa_in(training) == isa.split("_")[0]
    assert {"x_and_o", "convolutions"} <= set(here)
    assert digests_in(training) == here
    quantized = printed(build, wine, QUANTIZED_DIGESTS, isa)
    assert f"\ninteger_isa {isa}\n" in quantized
    assert digests_in(quantized) == digests_here(cpp_build, QUANTIZED_DIGESTS, isa)


def test_elementary_functions_have_the_bits_of_linux(
    build: CrossBuild, wine: str, cpp_build: CppBuild
) -> None:
    """Also at large angles, of which the C library of mingw computes another sine."""
    here = digests_here(cpp_build, ELEMENTARY_DIGESTS, "baseline")
    assert here is not None
    assert {"exp", "sin", "cos", "tanh"} <= set(here)
    assert digests_in(printed(build, wine, ELEMENTARY_DIGESTS, "baseline")) == here


@pytest.fixture(scope="module")
def consumer(wine: str, object_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a program of the installed DLL, with the DLLs of the compiler that docs/cpp.md
    names beside it, and xo.cnnx, a model for it.
    """
    folder = tmp_path_factory.mktemp("installed")
    shared = ("-DBUILD_SHARED_LIBS=ON", "-DCNNX_BUILD_TESTS=OFF")
    cross_build("mingw", folder / "library", *shared, launcher(object_cache))
    run([cmake(), "--install", folder / "library", "--prefix", folder / "prefix"])
    configure(
        ROOT / "tests" / "embedding" / "consumer",
        folder / "build",
        f"-DCMAKE_TOOLCHAIN_FILE={TOOLCHAIN}",
        f"-Dcnnx_DIR={folder / 'prefix' / 'lib' / 'cmake' / 'cnnx'}",
    )
    run([cmake(), "--build", folder / "build"])
    page = (ROOT / "docs" / "cpp.md").read_text(encoding="utf-8")
    program = folder / "program"
    program.mkdir()
    shutil.copy(folder / "build" / "consumer.exe", program)
    shutil.copy(folder / "prefix" / "bin" / "libcnnx.dll", program)
    for name in re.findall(r"`(\S+\.dll)`", page):
        shutil.copy(run([COMPILER, f"-print-file-name={name}"]).strip(), program)
    cnnx.models.small((32, 32, 1), ["X", "O"]).save(program / "xo.cnnx")
    return program


def test_a_project_uses_the_installed_dll(wine: str, consumer: Path) -> None:
    command = [wine, "consumer.exe", "xo.cnnx", "20", "7"]
    done = subprocess.run(command, cwd=consumer, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    words = [line.split() for line in done.stdout.splitlines()]
    images, _ = cnnx.data.xo(20, seed=7)
    model = cnnx.load(consumer / "xo.cnnx")
    assert [label for label, _ in words] == list(model.predict(images))
    probabilities = [float.fromhex(probability) for _, probability in words]
    assert probabilities == list(model.predict_proba(images).max(axis=1))


def test_a_program_ends_while_its_threads_start(wine: str, consumer: Path) -> None:
    """Of a library that did not wait for their start, one process in a hundred did not end."""

    def ends(seed: int) -> bool:
        command = [wine, "consumer.exe", "xo.cnnx", "1", str(seed)]
        environment = {**os.environ, "CNNX_NUM_THREADS": "16"}
        with subprocess.Popen(
            command, cwd=consumer, env=environment, stdout=subprocess.DEVNULL
        ) as process:
            try:
                return process.wait(60) == 0
            except subprocess.TimeoutExpired:
                process.kill()
                return False

    with ThreadPoolExecutor(6) as executor:
        assert all(list(executor.map(ends, range(400))))
