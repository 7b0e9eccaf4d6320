"""Runs the parity tests under every instruction set that this CPU has, and compares their bits.

An instruction set is chosen once per process, so each one has processes of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PARITY_FILES = sorted(
    path for path in TESTS.glob("test_*.py") if "\nimport reference\n" in path.read_text()
)
BIT_FILES = [TESTS / "test_fusion.py"]  # which compare with the ops themselves
# What /proc/cpuinfo calls the instructions that a level needs; its word against the library's.
CPU_FLAGS = {
    "baseline": set(),
    "avx2": {"avx2", "fma"},
    "avx512": {"avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl"},
    "neon": {"asimd"},
}
every_isa = pytest.mark.parametrize("isa", CPU_FLAGS)


def run_python(isa: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "CNNX_ISA": isa},
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def needs(isa: str) -> None:
    """Skips when the CPU lacks it, and only then."""
    asked = run_python(isa, "-c", "import cnnx; print(cnnx.isa())")
    if asked.returncode == 0:
        assert asked.stdout.strip() == isa
        return
    refusal = asked.stderr.strip().splitlines()[-1]
    assert f'CNNX_ISA is "{isa}", expected one that this CPU runs: ' in refusal, asked.stderr
    cpu = Path("/proc/cpuinfo")
    if cpu.exists():
        flags = set(cpu.read_text().split())
        assert not CPU_FLAGS[isa] <= flags, f"the CPU has {isa}, but the library says: {refusal}"
    pytest.skip(f"this CPU does not run {isa}: {refusal}")


def digests(isa: str, threads: int) -> dict[str, str]:
    finished = run_python(isa, str(TESTS / "op_digests.py"), str(threads))
    assert finished.returncode == 0, f"exit code {finished.returncode}: {finished.stderr}"
    found: dict[str, str] = json.loads(finished.stdout)
    assert found.pop("isa") == isa
    return found


@every_isa
def test_parity(isa: str) -> None:
    needs(isa)
    finished = run_python(
        isa, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, PARITY_FILES + BIT_FILES)
    )
    assert finished.returncode == 0, finished.stdout[-8000:] + finished.stderr[-2000:]
    assert " passed" in finished.stdout.splitlines()[-1]


def test_every_op_room_is_among_the_parity_files() -> None:
    rooms = {
        *("conv2d", "dense", "max_pool2d", "avg_pool2d", "activations", "softmax"),
        *("resampling", "conv_transpose2d", "prelu", "group_norm"),
        *("batch_norm2d", "cross_entropy", "binary_cross_entropy", "regression_losses"),
    }
    assert {f"test_{room}.py" for room in rooms} <= {path.name for path in PARITY_FILES}


@every_isa
def test_threads_and_memory_of_every_op(isa: str) -> None:
    """Also: no op reads past the end of its inputs, which would end the process."""
    needs(isa)
    one, two = digests(isa, 1), digests(isa, 2)
    assert one == two
    assert [name for name, digest in one.items() if not digest] == [], "ops without a digest"


def test_avx2_and_avx512_give_the_same_bits() -> None:
    needs("avx2")
    needs("avx512")
    narrow, wide = digests("avx2", 2), digests("avx512", 1)
    assert [name for name in narrow if narrow[name] != wide[name]] == [], "ops whose bits differ"


@pytest.mark.parametrize("name", ["avx1024", "AVX2", "baseline,avx2"])
def test_an_unknown_name_is_an_error_and_not_a_crash(name: str) -> None:
    calls = (
        "cnnx.isa()",
        "cnnx.ops.relu([1.0])",
        "cnnx.ops.dense([[1.0]], [[1.0]])",
    )
    for call in calls:
        asked = run_python(name, "-c", f"import cnnx, cnnx.ops; {call}")
        assert asked.returncode == 1, asked.stderr
        refusal = asked.stderr.strip().splitlines()[-1]
        assert refusal.startswith(f'ValueError: CNNX_ISA is "{name}", expected one that this CPU ')
