"""The C++ tests: one pytest case for each file cpp/tests/*_test.cpp, found automatically, but for
those that run on every instruction set elsewhere.
"""

from __future__ import annotations

import os
import re
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from beside import Beside
from cpp_build import OF_EVERY_ISA, TEST_NAMES, CppBuild, configure_tests, ctest, run


@pytest.mark.parametrize("name", [name for name in TEST_NAMES if name not in OF_EVERY_ISA])
@pytest.mark.beside
@pytest.mark.usefixtures("cpp_build")
def test_cpp(name: str, beside: Beside) -> None:
    folder = beside.built_cpp().folder
    output = run([ctest(), "--test-dir", folder, "-R", f"^{name}$", "--output-on-failure"])
    assert re.search(r"100% tests passed.* out of 1\n", output), output


def test_every_file_is_a_test(cpp_build: CppBuild) -> None:
    listed = run([ctest(), "--test-dir", cpp_build.folder, "-N"])
    assert sorted(re.findall(r"Test +#\d+: (\S+)", listed)) == TEST_NAMES
    assert len(TEST_NAMES) > 5


@pytest.mark.slow
def test_every_file_includes_what_it_needs(tmp_path: Path) -> None:
    """The header that the build precompiles for all of them hides a missing include."""
    configure_tests(tmp_path, "-DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON")
    commands = [
        [*shlex.split(each["command"]), "-fsyntax-only"]
        for each in CppBuild(tmp_path).commands()
        if each["file"].endswith("_test.cpp")
    ]
    assert len(commands) == len(TEST_NAMES)
    assert not [command for command in commands if any("cmake_pch" in word for word in command)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(run, commands))
