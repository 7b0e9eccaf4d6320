"""Run Python under a chosen instruction set, in a process of its own.

Not part of the package.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cpp_build import ROOT, inherited_environment

SUPPORT = Path(__file__).parent
# The names in /proc/cpuinfo of the instructions that a level needs, independent of the library.
CPU_FLAGS = {
    "baseline": set(),
    "avx2": {"avx2", "fma"},
    "avx512": {"avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl"},
    "neon": {"asimd"},
}
# Integer and bfloat16 kernels have more levels.
INTEGER_CPU_FLAGS = {
    **CPU_FLAGS,
    "neon_dotprod": CPU_FLAGS["neon"] | {"asimddp"},
    "avx2_vnni": CPU_FLAGS["avx2"] | {"avx_vnni"},
    "avx512_vnni": CPU_FLAGS["avx512"] | {"avx512_vnni"},
    "avx512_bf16": CPU_FLAGS["avx512"] | {"avx512_vnni", "avx512_bf16"},
    "amx": CPU_FLAGS["avx512"] | {"avx512_vnni", "avx512_bf16", "amx_tile", "amx_int8", "amx_bf16"},
}
every_isa = pytest.mark.parametrize("isa", CPU_FLAGS)


def run_python(isa: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**inherited_environment(), "CNNX_ISA": isa},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@functools.cache
def refusal_of(isa: str) -> str | None:
    """The sentence by which the library refuses an instruction set that the CPU lacks."""
    asked = run_python(isa, "-c", "import cnnx; print(cnnx.integer_isa())")
    if asked.returncode == 0:
        assert asked.stdout.strip() == isa
        return None
    refusal = asked.stderr.strip().splitlines()[-1]
    assert f'CNNX_ISA is "{isa}", expected one that this CPU runs: ' in refusal, asked.stderr
    cpu = Path("/proc/cpuinfo")
    if cpu.exists():
        flags = set(cpu.read_text().split())
        assert not INTEGER_CPU_FLAGS[isa] <= flags, (
            f"the CPU has {isa}, but the library says: {refusal}"
        )
    return refusal


def needs(isa: str) -> None:
    """Skip if and only if the CPU lacks the instruction set."""
    refusal = refusal_of(isa)
    if refusal is not None:
        pytest.skip(f"this CPU does not run {isa}: {refusal}")


@functools.cache
def digests(isa: str, threads: int, script: str = "op_digests.py") -> dict[str, str]:
    """The hashes that a script of this folder prints."""
    finished = run_python(isa, str(SUPPORT / script), str(threads))
    assert finished.returncode == 0, f"exit code {finished.returncode}: {finished.stderr}"
    found: dict[str, str] = json.loads(finished.stdout)
    assert found.pop("isa") == isa
    return found
