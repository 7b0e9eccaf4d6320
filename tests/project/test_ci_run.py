"""The functions of .ci/run that judge the output of a benchmark."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / ".ci" / "run"
# Written by a benchmark, and its exit status: a goal that is met, missed, or never reached.
PASSES = [("speed 2.0  goal 1.5  met", 0), ("speed 1.0  goal 1.5  MISSED", 1), ("no goals", 0)]
FAILS = [
    ("speed 1.0  goal 1.5  MISSED\nTraceback (most recent call last):\nValueError", 1),
    ("Traceback (most recent call last):\nNameError: name 'goal' is not defined", 1),
    ("the goal is 1.5", 1),
    ("speed 1.0  goal 1.5  MISSED", 137),
]


@pytest.mark.parametrize(
    ("output", "status", "passes"),
    [*((*each, True) for each in PASSES), *((*each, False) for each in FAILS)],
)
def test_only_a_benchmark_with_a_verdict_passes(
    output: str, status: int, passes: bool, tmp_path: Path
) -> None:
    found = re.search(r"(?ms)^to_its_verdict\(\) \{\n.*?^\}\n", RUN.read_text())
    assert found
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\ncat <<'END' >&2\n{output}\nEND\nexit {status}\n")
    python.chmod(0o755)
    script = f"set -euo pipefail\nwork=.\n{found.group()}\nto_its_verdict benchmarks.any\necho end"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) == passes
    assert done.stdout.endswith("end\n") == passes
