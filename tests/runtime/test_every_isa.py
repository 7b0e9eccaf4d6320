"""Run the parity tests under every instruction set of this CPU, and compare their bits.

An instruction set is chosen once per process, so each one has processes of its own.
"""

from __future__ import annotations

from pathlib import Path

import cnnx
import pytest
from instruction_sets import CPU_FLAGS, ROOT, digests, every_isa, needs, run_python

# AVX2 has the bits of AVX-512, as the tests below show.
PARITY_ISAS = [
    pytest.param(isa, marks=pytest.mark.slow if isa == "avx2" else ()) for isa in CPU_FLAGS
]

PARITY = "pytest.mark.parity"


def python_tests(folder: Path) -> list[Path]:
    return sorted(folder.rglob("test_*.py"))


@pytest.mark.parametrize("isa", PARITY_ISAS)
@pytest.mark.beside
def test_parity(isa: str) -> None:
    """The tests marked parity, run on another instruction set than that of this process."""
    if isa == cnnx.isa():
        pytest.skip("the tests marked parity run on this instruction set without this test")
    needs(isa)
    # Without these files, collecting all others takes seconds.
    files = [
        str(path) for path in python_tests(ROOT / "tests") if PARITY in path.read_text("utf-8")
    ]
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "parity", *files)
    finished = run_python(isa, *command)
    assert finished.returncode == 0, finished.stdout[-8000:] + finished.stderr[-2000:]
    assert " passed" in finished.stdout.splitlines()[-1]


def test_every_op_has_parity_tests() -> None:
    """Each file in tests/ops has the marker that `test_parity` selects by."""
    files = python_tests(ROOT / "tests" / "ops")
    unmarked = [path.name for path in files if PARITY not in path.read_text("utf-8")]
    assert len(files) > 10
    assert unmarked == []


@every_isa
@pytest.mark.beside
def test_threads_and_memory_of_every_op(isa: str) -> None:
    """Also: no op reads past the end of its inputs, which would crash the process."""
    needs(isa)
    one, two = digests(isa, 1), digests(isa, 2)
    assert one == two
    assert [name for name, digest in one.items() if not digest] == [], "ops without a digest"


@pytest.mark.beside
def test_avx2_and_avx512_give_the_same_bits() -> None:
    needs("avx2")
    needs("avx512")
    narrow, wide = digests("avx2", 2), digests("avx512", 1)
    assert [name for name in narrow if narrow[name] != wide[name]] == [], "ops whose bits differ"


@pytest.mark.parametrize("name", ["avx1024", "AVX2", "baseline,avx2"])
@pytest.mark.beside
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
