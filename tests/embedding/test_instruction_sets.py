"""The CMake option CNNX_INSTRUCTION_SETS: which kernels a library has."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from beside import Beside
from cpp_build import ROOT, CppBuild, cmake, command_of, configure, launcher, ninja, run
from printed_digests import DIGESTS, digests_here, digests_in

HERE = "-DBUILD_SHARED_LIBS=OFF"


@pytest.mark.slow
def test_a_library_for_every_cpu_alone(
    cpp_build: CppBuild, object_cache: Path, tmp_path: Path
) -> None:
    """It computes what a library with more instruction sets computes without them."""
    definitions = ("-DCNNX_BUILD_TESTS=ON", "-DCNNX_INSTRUCTION_SETS=baseline")
    configure(ROOT, tmp_path, HERE, *definitions, launcher(object_cache))
    run([cmake(), "--build", tmp_path, "--target", "digests_tests"])
    command = command_of(DIGESTS, tmp_path)
    assert digests_in(run(command)) == digests_here(cpp_build, DIGESTS, "baseline")
    environment = {**os.environ, "CNNX_ISA": "avx2"}
    refused = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert 'CNNX_ISA is "avx2", expected one that this CPU runs: baseline' in refused.stderr
    check_small(tmp_path, tmp_path / "embedded")


def check_small(library: Path, folder: Path) -> None:
    """A program that predicts takes less than two thirds of one with all instruction sets."""
    configure(ROOT / "benchmarks" / "embedded", folder, f"-Dcnnx_DIR={library}")
    run([cmake(), "--build", folder, "--target", "classify"])
    run(["strip", folder / "classify"])
    assert (folder / "classify").stat().st_size <= 1_900_000


@pytest.mark.parametrize(
    ("sets", "sentence"),
    [
        ("avx1024", 'CNNX_INSTRUCTION_SETS has "avx1024", expected a list of: baseline, '),
        ("avx512", 'CNNX_INSTRUCTION_SETS has "avx512" but not "avx2", which it needs'),
    ],
)
@pytest.mark.beside
def test_wrong_sets_are_refused(sets: str, sentence: str, beside: Beside) -> None:
    folder = beside.make_folder("refused")
    configured = subprocess.run(
        [
            *(cmake(), "-S", ROOT, "-B", folder, "-G", "Ninja"),
            *(f"-DCMAKE_MAKE_PROGRAM={ninja()}", HERE, f"-DCNNX_INSTRUCTION_SETS={sets}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert configured.returncode != 0
    assert sentence in " ".join(configured.stderr.split())
