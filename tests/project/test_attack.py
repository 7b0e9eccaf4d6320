"""The attack's own parts: every attack runs, and a broken op is found with a program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from beside import Beside
from cpp_build import ROOT, inherited_environment

sys.path.insert(0, str(ROOT))
from attack.attacks import ATTACKS, missing_packages
from attack.worker import drawn

# Loaded by every Python process that has the folder of this file on its path.
BROKEN = """
import os
from cnnx import ops

correct = ops.dense_backward
def broken(grad, x, weight):
    grad_x, grad_weight, grad_bias = correct(grad, x, weight)
    return grad_x, -grad_weight, grad_bias
ops.dense_backward = broken
"""
CRASHING = "import os\nfrom cnnx import ops\nops.dense = lambda *arrays: os.abort()\n"


def run(*command: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    variables = inherited_environment()
    inherited = variables.get("PYTHONPATH", "")
    extra = {"PYTHONPATH": os.pathsep.join([str(path), inherited])} if path else {}
    without_peer = {name: v for name, v in variables.items() if name != "CNNX_PEER_PYTHON"}
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**without_peer, **extra},
        capture_output=True,
        text=True,
        check=False,
    )


RUNNABLE = [each for each in ATTACKS if not missing_packages(each)]


@pytest.mark.beside
def test_every_attack_runs() -> None:
    names = ",".join(RUNNABLE)
    finished = run("-m", "attack", "--only", names, "--seconds", "0.1", "--seed", "1")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    rows = re.findall(r"^(\w+) +(\d+) +(\d+)$", finished.stdout, flags=re.MULTILINE)
    assert [name for name, _, _ in rows] == RUNNABLE, finished.stdout
    assert all(int(cases) > 0 for _, cases, _ in rows), finished.stdout
    assert "no finding" in finished.stdout


@pytest.mark.parametrize("attack", RUNNABLE)
def test_equal_seeds_draw_equal_programs(attack: str) -> None:
    first, again, other = (drawn(attack, seed, 3, in_torch=False) for seed in (5, 5, 6))
    assert first == again
    assert first != other


@pytest.mark.beside
def test_a_broken_op_is_found_with_a_program_that_fails(beside: Beside) -> None:
    folder = beside.make_folder("broken")
    (folder / "sitecustomize.py").write_text(BROKEN)
    finished = run("-m", "attack", "--only", "dense", "--seconds", "20", path=folder)
    assert finished.returncode == 1, finished.stdout + finished.stderr
    assert "3 findings" in finished.stdout
    finding = re.search(r"^dense: .*?\n\n(.*?)\n\ndense: ", finished.stdout, flags=re.M | re.S)
    assert finding, finished.stdout
    program = folder / "program.py"
    program.write_text(finding[1])
    again = run(str(program), path=folder)
    assert "AssertionError: grad_weight at " in again.stderr
    assert run(str(program)).returncode == 0, "it fails without the defect, too"


@pytest.mark.beside
def test_a_crash_is_found_with_a_program_that_crashes(beside: Beside) -> None:
    folder = beside.make_folder("crash")
    (folder / "sitecustomize.py").write_text(CRASHING)
    finished = run("-m", "attack", "--only", "dense", "--seconds", "20", path=folder)
    assert finished.returncode == 1, finished.stdout + finished.stderr
    assert finished.stdout.count("\ndense: ended by -6") == 3
    finding = re.search(r"^dense: .*?\n\n(.*?)\n\ndense: ", finished.stdout, flags=re.M | re.S)
    assert finding, finished.stdout
    program = folder / "program.py"
    program.write_text(finding[1])
    assert run(str(program), path=folder).returncode == -6
