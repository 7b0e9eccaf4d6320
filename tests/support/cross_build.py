"""Builds of the C++ tests for other systems, and the programs that run them here.

Not part of the package.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cpp_build import ROOT, TEST_NAMES, cmake, configure, ctest, run


def needs_emulation() -> None:
    """Skip the module unless emulation is asked for."""
    if os.environ.get("CNNX_EMULATION") != "1":
        pytest.skip(
            "emulation takes minutes: CNNX_EMULATION=1 asks for it, as .ci/run does",
            allow_module_level=True,
        )


def needs_program(name: str, package: str) -> str:
    """The path of a program; skips without it."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is missing: sudo apt-get install -y {package}")
    return found


@dataclass(frozen=True)
class CrossBuild:
    """A finished build, and the reason for each test that the system leaves out."""

    folder: Path
    left_out: dict[str, str]


def cross_build(preset: str, folder: Path, *definitions: str) -> CrossBuild:
    """Build the library and the C++ tests by a preset, at a low priority."""
    configured = configure(ROOT, folder, "--preset", preset, *definitions)
    run([*(["nice"] if shutil.which("nice") else []), cmake(), "--build", folder])
    left_out = re.findall(r"^-- Left out: (\w+_test): (.{10,})$", configured, re.MULTILINE)
    return CrossBuild(folder, dict(left_out))


def check_every_test(build: CrossBuild) -> None:
    """Check that ctest passes every C++ test or has left it out with a reason. Prints those, and
    the parts that a test has left out.
    """
    report = build.folder / "ctest.xml"
    all_output = ("--test-output-size-passed", "1000000", "--output-on-failure")
    at_once = ("--parallel", str(os.cpu_count()))
    run([ctest(), "--test-dir", build.folder, *at_once, *all_output, "--output-junit", report])
    cases = {case.get("name", ""): case for case in ElementTree.parse(report).iter("testcase")}
    assert sorted(cases) == TEST_NAMES
    statuses = {name: case.get("status") for name, case in cases.items()}
    left_out = {name for name, status in statuses.items() if status == "disabled"}
    assert left_out == set(build.left_out)
    assert all(statuses[name] == "run" for name in set(statuses) - left_out), statuses
    assert len(left_out) < len(TEST_NAMES) / 10
    print(*(f"{name} left out: {reason}" for name, reason in build.left_out.items()), sep="\n")
    for name, case in cases.items():
        for part in re.findall(r"^left out: (.+)$", case.findtext("system-out", ""), re.MULTILINE):
            print(f"{name} left out: {part}")
