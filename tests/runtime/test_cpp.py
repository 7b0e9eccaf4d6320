"""The C++ tests: one pytest case for each file cpp/tests/*_test.cpp, found automatically."""

from __future__ import annotations

import re

import pytest
from cpp_build import TEST_NAMES, CppBuild, ctest, run


@pytest.mark.parametrize("name", TEST_NAMES)
def test_cpp(name: str, cpp_build: CppBuild) -> None:
    output = run(
        [ctest(), "--test-dir", cpp_build.folder, "-R", f"^{name}$", "--output-on-failure"]
    )
    assert re.search(r"100% tests passed.* out of 1\n", output), output


def test_every_file_is_a_test(cpp_build: CppBuild) -> None:
    listed = run([ctest(), "--test-dir", cpp_build.folder, "-N"])
    assert sorted(re.findall(r"Test +#\d+: (\S+)", listed)) == TEST_NAMES
    assert len(TEST_NAMES) > 5
