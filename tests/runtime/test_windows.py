"""Windows under Wine: the C++ tests pass, and each instruction set gives the bits of Linux.

The build takes minutes, so it runs only with CNNX_EMULATION=1; `.ci/run windows` also installs its
prerequisites.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cpp_build import CppBuild, launcher, run
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

# The library requests the registers of tiles from Linux only.
LEVELS = [isa for isa in INTEGER_CPU_FLAGS if isa != "amx" and not isa.startswith("neon")]


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The path of Wine, with a new folder of Windows' files."""
    needs_program("x86_64-w64-mingw32-g++-posix", "g++-mingw-w64-x86-64-posix")
    path = needs_program("wine", "wine")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WINEPREFIX", str(tmp_path_factory.mktemp("wine") / "prefix"))
        environment.setenv("WINEDEBUG", "-all")
        run(["wineboot", "--init"])
        yield path
        subprocess.run(["wineserver", "--kill"], check=False)


@pytest.fixture(scope="module")
def build(wine: str, object_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> CrossBuild:
    folder = tmp_path_factory.mktemp("windows") / "build"
    return cross_build("mingw", folder, launcher(object_cache))


def printed(build: CrossBuild, wine: str, program: str, isa: str) -> str:
    """The output of a C++ test under an instruction set."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CNNX_ISA", isa)
        return run([wine, build.programs / f"{program}.exe"])


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
