"""Other CPUs under qemu: 64-bit ARM, and x86-64 without AVX-512 or any AVX at all.

Emulation takes minutes, so it runs only with CNNX_EMULATION=1; `.ci/run emulation` also installs
its prerequisites. The C++ tests run on each CPU, and the results of training and the predictions of
quantized networks are compared bit by bit.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from cpp_build import ROOT, TEST_NAMES, CppBuild, command_of, launcher, run
from cross_build import CrossBuild, cross_build, needs_emulation, needs_program
from instruction_sets import INTEGER_CPU_FLAGS, SUPPORT, run_python
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
    pytest.skip("what is compared are programs for Linux on x86-64", allow_module_level=True)

X86 = ("qemu-x86_64", "-cpu")
EMULATORS = {
    "Westmere": (*X86, "Westmere"),
    "Haswell": (*X86, "Haswell"),
    "aarch64": ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"),
}
# The instruction set of integers on 64-bit ARM with dot products of bytes, and without.
ARM_INTEGERS = {"max": "neon_dotprod", "cortex-a53": "neon"}
# The instruction set that the library must choose on each.
CHOSEN = {"Westmere": "baseline", "Haswell": "avx2", "aarch64": "neon"}
# The slowest tests, which start first.
LONG = ("conv2d_winograd_test", "elementary_test", "xo_test")
LEFT_OUT = dict.fromkeys(
    ("damaged_file_test", "large_graph_test", "reading_memory_test"),
    "thousands of files, or large ones, which no kernel reads",
)
CPP_TESTS = ROOT / "cpp" / "tests"


def includes(file: Path, header: str) -> bool:
    """Whether a source of the tests includes a header of theirs, also by way of another one."""
    names = re.findall(r'^#include "(\w+\.h)"', file.read_text(encoding="utf-8"), re.MULTILINE)
    inner = [CPP_TESTS / name for name in names if (CPP_TESTS / name).exists()]
    return header in names or any(includes(each, header) for each in inner)


LEFT_OUT_ON_HASWELL = {
    **LEFT_OUT,
    **dict.fromkeys(LONG, f"takes long, and {DIGESTS} has its loops"),
    **{
        name: "qemu reads masked vectors whole, beyond the end of arrays that end a page"
        for name in TEST_NAMES
        if includes(CPP_TESTS / f"{name}.cpp", "guarded_array.h")
    },
}


def left_out(cpu: str) -> dict[str, str]:
    """The reason for each test that does not run on a CPU."""
    return LEFT_OUT_ON_HASWELL if cpu == "Haswell" else LEFT_OUT


@dataclass(frozen=True)
class Output:
    """The output of the C++ tests on one CPU by name, and the names of the failed ones."""

    printed: dict[str, str]
    failed: list[str]

    @property
    def isa(self) -> str:
        return isa_in(self.printed[DIGESTS])

    @property
    def digests(self) -> dict[str, str]:
        return digests_in(self.printed[DIGESTS])

    @property
    def quantized_digests(self) -> dict[str, str]:
        return digests_in(self.printed[QUANTIZED_DIGESTS])


def run_all(builds: dict[str, Path]) -> dict[str, Output]:
    """The C++ tests on each CPU, in parallel on the CPUs of this machine."""
    jobs = [(cpu, name) for name in TEST_NAMES for cpu in builds if name not in left_out(cpu)]
    jobs.sort(key=lambda job: job[1] not in (*LONG, DIGESTS))

    def one(job: tuple[str, str]) -> subprocess.CompletedProcess[str]:
        cpu, name = job
        return subprocess.run(
            [*EMULATORS[cpu], *command_of(name, builds[cpu])],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1200,
            check=False,
        )

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        finished = dict(zip(jobs, threads.map(one, jobs), strict=True))
    return {
        cpu: Output(
            {name: each.stdout for (on, name), each in finished.items() if on == cpu},
            [name for (on, name), each in finished.items() if on == cpu and each.returncode != 0],
        )
        for cpu in builds
    }


@pytest.fixture(scope="module")
def arm_build(object_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> CrossBuild:
    needs_program("aarch64-linux-gnu-g++", "g++-aarch64-linux-gnu")
    folder = tmp_path_factory.mktemp("aarch64") / "build"
    return cross_build("aarch64", folder, launcher(object_cache))


@pytest.fixture(scope="module")
def outputs(cpp_build: CppBuild, arm_build: CrossBuild) -> dict[str, Output]:
    needs_program("qemu-x86_64", "qemu-user")
    x86 = cpp_build.folder
    return run_all({"Westmere": x86, "Haswell": x86, "aarch64": arm_build.folder})


@pytest.mark.parametrize("cpu", CHOSEN)
def test_every_cpp_test_passes_or_is_named_with_a_reason(
    cpu: str, outputs: dict[str, Output]
) -> None:
    """On Westmere this also shows that the library needs only baseline instructions."""
    found = outputs[cpu]
    assert sorted([*found.printed, *left_out(cpu)]) == TEST_NAMES
    assert len(found.printed) >= len(TEST_NAMES) / 2
    print(*(f"{name} left out: {reason}" for name, reason in left_out(cpu).items()), sep="\n")
    report = "\n".join(f"{name}:\n{found.printed[name][-2000:]}" for name in found.failed)
    assert found.failed == [], report
    assert found.isa == CHOSEN[cpu]


def test_arm_gives_the_bits_of_avx2_and_avx512(
    outputs: dict[str, Output], cpp_build: CppBuild
) -> None:
    arm = outputs["aarch64"].digests
    assert {"x_and_o", "convolutions"} <= set(arm)
    assert arm == outputs["Haswell"].digests
    for isa in ("avx2", "avx512"):
        found = digests_here(cpp_build, DIGESTS, isa)
        assert found is None or found == arm, isa


def test_quantized_networks_have_the_same_bits_everywhere(
    outputs: dict[str, Output], cpp_build: CppBuild
) -> None:
    arm = outputs["aarch64"].quantized_digests
    assert {"convolutions", "depthwise_convolutions", "activations"} <= set(arm)
    assert len(set(arm.values())) == len(arm)
    for cpu, found in outputs.items():
        assert found.quantized_digests == arm, cpu
    for isa in INTEGER_CPU_FLAGS:
        here = digests_here(cpp_build, QUANTIZED_DIGESTS, isa)
        assert here is None or here == arm, isa


def test_elementary_functions_have_the_same_bits_everywhere(
    outputs: dict[str, Output], cpp_build: CppBuild
) -> None:
    arm = digests_in(outputs["aarch64"].printed[ELEMENTARY_DIGESTS])
    assert {"exp", "sin", "cos", "tanh"} <= set(arm)
    assert arm == digests_here(cpp_build, ELEMENTARY_DIGESTS, "baseline")


@pytest.mark.parametrize("cpu", ARM_INTEGERS)
def test_arm_multiplies_bytes_if_the_cpu_can(
    cpu: str, outputs: dict[str, Output], arm_build: CrossBuild
) -> None:
    command = command_of(QUANTIZED_DIGESTS, arm_build.folder)
    printed = run([*EMULATORS["aarch64"], "-cpu", cpu, *command])
    assert f"\ninteger_isa {ARM_INTEGERS[cpu]}\n" in printed
    assert digests_in(printed) == outputs["Haswell"].quantized_digests


def test_a_digest_can_differ(outputs: dict[str, Output]) -> None:
    """Baseline has no fused multiply-add: the same trainings give other bits."""
    baseline, fused = outputs["Westmere"].digests, outputs["Haswell"].digests
    assert set(baseline) == set(fused)
    assert baseline["x_and_o"] != fused["x_and_o"]
    assert len(set(fused.values())) == len(fused)


def test_python_trains_on_a_cpu_without_avx(monkeypatch: pytest.MonkeyPatch) -> None:
    needs_program("qemu-x86_64", "qemu-user")
    # NumPy's OpenBLAS takes the emulated Westmere for a Haswell.
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nehalem")
    code = "import cnnx, training_digests; print(cnnx.isa(), training_digests.x_and_o())"
    emulated = run([*X86, "Westmere", sys.executable, "-c", code], cwd=SUPPORT)
    path = f"import sys; sys.path.insert(0, 'tests/support'); {code}"
    here = run_python("baseline", "-c", path)
    assert here.returncode == 0, here.stderr
    assert emulated == here.stdout
    assert emulated.startswith("baseline ")
