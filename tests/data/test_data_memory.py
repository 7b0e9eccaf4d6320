"""The memory that a process may use: the least of the machine's, its own limit and its cgroup's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cnnx.data.memory import usable_memory
from sanitizer import not_under_address_sanitizer

MACHINE = usable_memory(Path("/nowhere"))


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/a/b", {"a/b/memory.max": "max", "a/memory.max": "3000", "memory.max": "9000"}, 3000),
        ("0::/a/b", {"a/b/memory.max": "max"}, MACHINE),
        ("0::/", {"memory.max": "5000"}, 5000),
        ("7:cpu:/x\n5:memory:/x", {"memory/x/memory.limit_in_bytes": "7000"}, 7000),
        ("5:memory:/gone", {"memory/memory.limit_in_bytes": "6000"}, 6000),
        ("7:cpu:/x", {"memory/x/memory.limit_in_bytes": "7000"}, MACHINE),
    ],
)
def test_the_least_limit_of_the_cgroups_counts(
    tmp_path: Path, groups: str, files: dict[str, str], expected: int
) -> None:
    write(tmp_path / "proc/self/cgroup", groups + "\n")
    for name, text in files.items():
        write(tmp_path / "sys/fs/cgroup" / name, text + "\n")
    assert usable_memory(tmp_path) == expected


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of processes on this system")
@pytest.mark.parametrize("limit", ["RLIMIT_DATA", "RLIMIT_AS"])
def test_a_limit_of_the_process_counts(limit: str) -> None:
    not_under_address_sanitizer("a process reserves terabytes")
    code = (
        "import resource\n"
        f"hard = resource.getrlimit(resource.{limit})[1]\n"
        "from cnnx.data.memory import usable_memory\n"
        f"resource.setrlimit(resource.{limit}, ({MACHINE // 2}, hard))\n"
        "print(usable_memory())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(run.stdout) == MACHINE // 2
