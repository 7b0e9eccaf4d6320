"""The functions of .ci/run that judge the output of a benchmark and run steps side by side."""

from __future__ import annotations

import re
import subprocess
import sys
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


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script after the functions of .ci/run, whose folder of work is `folder`."""
    text = RUN.read_text(encoding="utf-8")
    (functions,) = re.findall(r"(?ms)^summarize\(\) .*(?=^prerequisites$)", text)
    (trap,) = re.findall(r"(?m)^trap '.*' EXIT$", text)
    lines = ["set -euo pipefail", "work=.", 'other_row=""', trap.replace("rm -rf", ":"), functions]
    return subprocess.run(
        ["bash", "-c", "\n".join([*lines, script])],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("output", "status", "passes"),
    [*((*each, True) for each in PASSES), *((*each, False) for each in FAILS)],
)
def test_only_a_benchmark_with_a_verdict_passes(
    output: str, status: int, passes: bool, tmp_path: Path
) -> None:
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\ncat <<'END' >&2\n{output}\nEND\nexit {status}\n")
    python.chmod(0o755)
    done = run("to_its_verdict benchmarks.any; echo end", tmp_path)
    assert (done.returncode == 0) == passes
    assert done.stdout.endswith("end\n") == passes


on_linux = pytest.mark.skipif(sys.platform != "linux", reason=".ci/run is for Debian")
COMPUTES = "import time\nwhile time.process_time() < 2.5: pass"
STEPS = "a() { echo A; }\nb() { echo B; }\nfails() { false; echo unreached; }\n"


@pytest.mark.parametrize(("minutes", "runs"), [(59, True), (60, False), (75, False)])
def test_steps_that_would_begin_late_are_left_out(minutes: int, runs: bool, tmp_path: Path) -> None:
    begun = f"started=$(($(date +%s) - {60 * minutes} - 20))\n"
    done = run(f"{begun}{STEPS}unless_late run_steps a b; cat summary", tmp_path)
    assert done.returncode == 0, done.stderr
    assert ("== a\nA\n" in done.stdout) == runs
    if not runs:
        left_out = f"a b: left out, because the steps before took {minutes} minutes\n"
        assert done.stdout == left_out


@on_linux
def test_two_rows_of_steps_run_side_by_side(tmp_path: Path) -> None:
    meet = "mkfifo pipe\nleft() { cat pipe; }\nright() { echo met >pipe; }\n"
    done = run(f"{STEPS}{meet}side_by_side 'left a' 'b right'; cat summary", tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.sub(r"\s+", " ", done.stdout).startswith(" == left met == a A == b B == right ")
    assert sorted(re.findall(r"(\w+) passed in \d s", done.stdout)) == ["a", "b", "left", "right"]


@on_linux
@pytest.mark.slow
def test_a_step_is_summarised_with_its_cpu_time(tmp_path: Path) -> None:
    computes = f"computes() {{ '{sys.executable}' -c '{COMPUTES}'; }}\nwaits() {{ sleep 1; }}\n"
    done = run(f"{computes}run_steps computes waits; cat summary", tmp_path)
    seconds = dict(re.findall(r"(\w+) passed in \d+ s, (\d) CPU s", done.stdout))
    assert int(seconds["waits"]) < 2 <= int(seconds["computes"])


@on_linux
@pytest.mark.parametrize("rows", [("a fails b", "a"), ("a", "a fails b")])
def test_a_failing_step_ends_its_row_and_the_run(rows: tuple[str, str], tmp_path: Path) -> None:
    done = run(f"{STEPS}side_by_side '{rows[0]}' '{rows[1]}'; echo end", tmp_path)
    assert done.returncode == 1
    assert "== fails" in done.stdout
    assert not {"unreached", "B", "end"} & set(done.stdout.split())


@on_linux
def test_a_failing_step_ends_the_programs_of_the_other_row(tmp_path: Path) -> None:
    waits = "waits() { exec 9>held; flock 9; echo >began; sleep 60; }"
    late = "late() { until [ -s began ]; do :; done; false; }"
    assert run(f"{waits}\n{late}\nside_by_side late waits", tmp_path).returncode == 1
    subprocess.run(["flock", "--timeout", "20", "held", "true"], cwd=tmp_path, check=True)
