"""The C++ tests: one pytest case for each file cpp/tests/*_test.cpp, found automatically."""

from __future__ import annotations

import re

import pytest
from beside import Beside
from cpp_build import TEST_NAMES, CppBuild, ctest, run


def output_of(beside: Beside, name: str) -> str:
    """The output of one of the C++ tests."""
    folder = beside.built_cpp().folder
    return run([ctest(), "--test-dir", folder, "-R", f"^{name}$", "--output-on-failure"])


@pytest.mark.parametrize("name", TEST_NAMES)
@pytest.mark.beside(call=output_of)
@pytest.mark.usefixtures("cpp_build")
def test_cpp(name: str, beside: Beside) -> None:
    output = beside.result(output_of, name=name)
    assert re.search(r"100% tests passed.* out of 1\n", output), output


def test_every_file_is_a_test(cpp_build: CppBuild) -> None:
    listed = run([ctest(), "--test-dir", cpp_build.folder, "-N"])
    assert sorted(re.findall(r"Test +#\d+: (\S+)", listed)) == TEST_NAMES
    assert len(TEST_NAMES) > 5
