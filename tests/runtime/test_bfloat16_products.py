"""Convolutions in bfloat16 by the kernels of each instruction set, one in a process."""

from __future__ import annotations

import subprocess

import pytest
from beside import Beside
from cpp_build import OF_EVERY_ISA, ROOT, command_of, inherited_environment
from instruction_sets import INTEGER_CPU_FLAGS, needs


@pytest.mark.parametrize("isa", INTEGER_CPU_FLAGS)
@pytest.mark.parametrize("test", OF_EVERY_ISA)
@pytest.mark.beside
@pytest.mark.usefixtures("cpp_build")
def test_convolutions_have_the_expected_bits(test: str, isa: str, beside: Beside) -> None:
    needs(isa)
    finished = subprocess.run(
        command_of(test, beside.built_cpp().folder),
        env={**inherited_environment(), "CNNX_ISA": isa},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert " 0 failed" in finished.stdout
