"""The C++ tests: one pytest case for each file cpp/tests/*_test.cpp, found, never listed."""

from __future__ import annotations

import re

import pytest
from cpp_build import ROOT, CppBuild, ctest, run

NAMES = sorted(path.stem for path in (ROOT / "cpp" / "tests").glob("*_test.cpp"))


@pytest.mark.parametrize("name", NAMES)
def test_cpp(name: str, cpp_build: CppBuild) -> None:
    output = run(
        [ctest(), "--test-dir", cpp_build.folder, "-R", f"^{name}$", "--output-on-failure"]
    )
    assert re.search(r"100% tests passed.* out of 1\n", output), output


def test_every_file_is_a_test(cpp_build: CppBuild) -> None:
    listed = run([ctest(), "--test-dir", cpp_build.folder, "-N"])
    assert sorted(re.findall(r"Test +#\d+: (\S+)", listed)) == NAMES
    assert len(NAMES) > 5
