"""Convolutions in bfloat16 by the kernels of each instruction set, one in a process."""

from __future__ import annotations

import os
import subprocess

import pytest
from cpp_build import CppBuild
from instruction_sets import INTEGER_CPU_FLAGS, needs


@pytest.mark.parametrize("isa", INTEGER_CPU_FLAGS)
@pytest.mark.parametrize("test", ["conv2d_bfloat16_test", "conv2d_bfloat16_depthwise_test"])
def test_convolutions_have_the_expected_bits(test: str, isa: str, cpp_build: CppBuild) -> None:
    needs(isa)
    finished = subprocess.run(
        [cpp_build.folder / "cpp" / "tests" / test],
        env={**os.environ, "CNNX_ISA": isa},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert " 0 failed" in finished.stdout
