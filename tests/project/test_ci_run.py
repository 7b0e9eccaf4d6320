"""The rings of the checks: inputs, records, the deadline, the table, rows that end each other."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cpp_build import ROOT

if sys.platform != "linux":
    pytest.skip(".ci/run is for Debian", allow_module_level=True)
sys.path.insert(0, str(ROOT / ".ci"))
import rings

SECRET_FREE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
EVERY_PATH = sorted(
    {path for each in rings.INPUTS.values() for path in f"{rings.ALWAYS} {each.paths}".split()}
)


def touched(root: Path, path: str) -> Path:
    """The file that stands for an input: itself, or one deep in its folder."""
    return root / path / "deep" / "file.txt" if (ROOT / path).is_dir() else root / path


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small repository with a file for every input of a session, and a folder of work."""
    root = tmp_path / "tree"
    for path in (*EVERY_PATH, "outside.txt"):
        file = touched(root, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("a", encoding="utf-8")
    (root / ".gitignore").write_text("*.ignored\n", encoding="utf-8")
    for name, value in SECRET_FREE.items():
        monkeypatch.setenv(name, value)
    subprocess.run(["git", "init", "-q", root], check=True)
    subprocess.run(["git", "-C", root, "add", "README.md", "cpp"], check=True)
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("CNNX_CHECKS_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("CNNX_CHECKS_RECORD", str(tmp_path / "record"))
    for name in ("CNNX_CHECKS_DEADLINE", "CNNX_CI_MINUTES", "CNNX_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(rings, "DEBIAN", {})
    monkeypatch.setattr(rings, "program", lambda tool: None)
    return root


every_session = pytest.mark.parametrize("name", rings.INPUTS)


@every_session
def test_one_byte_of_any_input_changes_the_key_and_no_other_does(name: str, tree: Path) -> None:
    keys = {rings.key_of(name, tree)}
    inputs = f"{rings.ALWAYS} {rings.INPUTS[name].paths}".split()
    for path in inputs:
        touched(tree, path).write_text("b", encoding="utf-8")
        keys.add(rings.key_of(name, tree))
    assert len(keys) == 1 + len(set(inputs))
    (tree / ".gitignore").write_text("*.ignored\n", encoding="utf-8")
    before = rings.key_of(name, tree)
    others = [
        path for path in EVERY_PATH if not f"{path}/".startswith(tuple(f"{i}/" for i in inputs))
    ]
    for path in ("outside.txt", *others):
        if not any(each.startswith(f"{path}/") for each in inputs) and path != ".gitignore":
            touched(tree, path).write_text("c", encoding="utf-8")
            assert rings.key_of(name, tree) == before, path
    (tree / "cpp" / "a.ignored").write_text("c", encoding="utf-8")
    assert rings.key_of(name, tree) == before
    (tree / "cpp" / "added.h").write_text("", encoding="utf-8")
    assert rings.key_of(name, tree) != before


@every_session
def test_every_input_is_in_the_repository(name: str) -> None:
    paths = f"{rings.ALWAYS} {rings.INPUTS[name].paths}".split()
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", sorted({*rings.INPUTS} - {"documents", "site"}))
def test_a_change_of_a_document_skips_sessions_that_do_not_read_it(name: str, tree: Path) -> None:
    for path in ("docs/memory.md", "CHANGELOG.md", "CONTRIBUTING.md"):
        before = rings.key_of(name, tree)
        (tree / path).write_text("b", encoding="utf-8")
        assert rings.key_of(name, tree) == before


def test_modes_versions_features_and_data_change_the_key(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [rings.key_of("slow", tree)]
    touched(tree, "cpp").chmod(0o755)
    keys.append(rings.key_of("slow", tree))
    monkeypatch.setattr(rings, "features", lambda: b"amx")
    keys.append(rings.key_of("slow", tree))
    without = rings.key_of("slow", tree)
    monkeypatch.setenv("CNNX_DATA", str(tmp_path))
    keys.append(rings.key_of("slow", tree))
    assert without == keys[2]
    monkeypatch.setattr(rings, "program", lambda tool: "/bin/true")
    keys.append(rings.key_of("slow", tree))
    monkeypatch.setattr(sys, "version", "4.0")
    keys.append(rings.key_of("slow", tree))
    assert len(set(keys)) == 6


def records() -> list[Path]:
    folder = Path(os.environ["CNNX_CHECKS_RECORD"])
    return sorted(folder.iterdir()) if folder.exists() else []


def test_a_passed_session_is_skipped_the_second_time(
    tree: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    calls = []

    def action() -> str:
        calls.append("slow")
        rings.skipped_tests("slow").write_text("tests/a.py::test\n", encoding="utf-8")
        return "3 passed"

    rings.perform("slow", action, tree)
    (record,) = records()
    assert json.loads(record.read_text(encoding="utf-8"))["skipped"] == "tests/a.py::test\n"
    rings.skipped_tests("slow").unlink()
    capfd.readouterr()
    rings.perform("slow", action, tree)
    assert calls == ["slow"]
    line = r"== slow unchanged since it passed on \d{4}-\d\d-\d\d \d\d:\d\d at .+ in 0 s\n"
    assert re.search(line, capfd.readouterr().out)
    assert rings.skipped_tests("slow").read_text(encoding="utf-8") == "tests/a.py::test\n"
    touched(tree, "cpp").write_text("b", encoding="utf-8")
    rings.perform("slow", action, tree)
    assert calls == ["slow", "slow"]


def fail() -> None:
    raise rings.CheckError("it failed")


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("action", [fail, interrupt])
def test_a_session_that_does_not_pass_leaves_no_record(
    action: Callable[[], None], tree: Path
) -> None:
    with pytest.raises((rings.CheckError, KeyboardInterrupt)):
        rings.perform("slow", action, tree)
    assert records() == []
    assert "failed after 0 s: " in rings.table(["slow"])


def test_an_input_that_changes_meanwhile_leaves_no_record(tree: Path) -> None:
    rings.perform("slow", lambda: touched(tree, "cpp").write_text("b") and None, tree)
    assert records() == []


def test_a_damaged_record_counts_as_none(tree: Path) -> None:
    rings.perform("slow", lambda: None, tree)
    records()[0].write_text("{", encoding="utf-8")
    with pytest.raises(rings.CheckError):
        rings.perform("slow", fail, tree)


@pytest.mark.parametrize("name", ["slow", "lint"])
def test_ring_1_and_a_run_without_records_run_everything(
    name: str, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "slow":
        monkeypatch.setenv("CNNX_CHECKS_RECORD", "")
    for _ in range(2):
        with pytest.raises(rings.CheckError):
            rings.perform(name, fail, tree)
        rings.perform(name, lambda: None, tree)


def test_a_tree_without_git_runs_everything(tree: Path) -> None:
    (tree / ".git").rename(tree / "hidden")
    assert rings.record_of("slow", tree) is None


def test_the_deadline_ends_and_names_the_session(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNX_CHECKS_DEADLINE", str(time.time() + 1))
    monkeypatch.setenv("CNNX_CI_MINUTES", "85")
    begun = time.monotonic()
    with pytest.raises(rings.CheckError, match="CNNX_CI_MINUTES=85"):
        rings.perform("slow", lambda: rings.run("bash", "-c", "sleep 60 & wait")[-1], tree)
    assert time.monotonic() - begun < 20
    expected = r"slow +failed after \d+ s: the run took longer than CNNX_CI_MINUTES=85.*\n"
    assert re.fullmatch(rf"{expected}wasm +has not begun\n", rings.table(["slow", "wasm"]))


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
@pytest.mark.usefixtures("tree")
def test_only_a_benchmark_with_a_verdict_passes(output: str, status: int, passes: bool) -> None:
    program = f"cat <<'END' >&2\n{output}\nEND\nexit {status}"
    if passes:
        lines = rings.run("sh", "-c", program, accepts=rings.reaches_its_verdict)
        assert lines == output.splitlines()
    else:
        with pytest.raises(rings.CheckError, match=f"exited with {status}"):
            rings.run("sh", "-c", program, accepts=rings.reaches_its_verdict)


def test_the_sessions_are_those_of_the_rings_and_tests_runs_the_command_of_the_readme() -> None:
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    sessions = {
        each.name: ast.unparse(each)
        for each in tree.body
        if isinstance(each, ast.FunctionDef) and each.decorator_list
    }
    assert sorted(sessions) == sorted([*rings.RING_1, *rings.INPUTS, *rings.RING_3])
    assert "run('bash', '-c', command_of_tests()" in sessions["tests"]
    command = "python3 -m venv .venv && .venv/bin/pip install '.[cli,test]' && "
    assert rings.command_of_tests() == f"{command}.venv/bin/python -m pytest"
    default = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (rows,) = re.findall(r'(?m)^rows=\("(.*)" "(.*)"\)$', default)
    assert sorted(["tests", "attack", *" ".join(rows).split()]) == sorted(
        [*rings.RING_1, *rings.INPUTS]
    )


# A stand-in for nox, whose sessions are shell scripts.
SESSIONS = {
    "waits": "exec 9>held; flock 9; echo >began; sleep 60",
    "late": "until [ -s began ]; do sleep 0.1; done; false",
    "left": "cat pipe",
    "right": "echo met >pipe",
    "a": "echo A",
}
NOX = f"""
import signal, sys
sys.path.insert(0, {str(ROOT / ".ci")!r})
import rings
rings.ROOT = rings.Path.cwd()
signal.signal(signal.SIGTERM, signal.default_int_handler)
for name in sys.argv[sys.argv.index("-s") + 1:]:
    rings.perform(name, lambda: rings.run("bash", "-c", {SESSIONS!r}[name])[-1])
"""


def side_by_side(first: str, second: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run two rows by the functions of .ci/run."""
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (functions,) = re.findall(r"(?ms)^finish\(\) .*?^}\n.*^side_by_side\(\) .*?^}\n", text)
    (folder / ".ci").symlink_to(ROOT / ".ci")
    python = folder / "nox" / "bin" / "python"
    python.parent.mkdir(parents=True)
    (folder / "nox.py").write_text(NOX, encoding="utf-8")
    python.write_text(f'#!/bin/sh\nexec {sys.executable} nox.py "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    (folder / "work").mkdir()
    (folder / "work" / "nox").symlink_to(folder / "nox")
    lines = [
        "set -euo pipefail",
        f"work=work other_row='' sessions=({first} {second})",
        functions,
        "trap finish EXIT",
        f"side_by_side '{first}' '{second}'",
        "echo end",
    ]
    environment = {**os.environ, "CNNX_CHECKS_WORK": str(folder / "work")}
    environment.pop("CNNX_CHECKS_DEADLINE", None)
    return subprocess.run(
        ["bash", "-c", "\n".join(lines)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_two_rows_of_sessions_run_side_by_side(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = side_by_side("left a", "right", tmp_path)
    assert done.returncode == 0, done.stderr
    output, _, table = done.stdout.partition("== summary\n")
    found = re.findall(r"== (\w+) passed|^(A|end)$", output, re.MULTILINE)
    assert ["".join(each) for each in found] == ["left", "A", "a", "right", "end"]
    assert re.findall(r"(\w+) +passed in \d s", table) == ["left", "a", "right"]


@pytest.mark.parametrize("rows", [("late", "waits"), ("waits_not", "late")])
def test_a_failing_session_ends_the_run_and_prints_the_table(
    rows: tuple[str, str], tmp_path: Path
) -> None:
    (tmp_path / "began").write_text("yes" if rows[1] == "late" else "", encoding="utf-8")
    done = side_by_side(rows[0].replace("waits_not", "a"), rows[1], tmp_path)
    assert done.returncode == 1
    assert "end" not in done.stdout.splitlines()
    assert re.search(r"== summary\n.*late +failed after", done.stdout, re.DOTALL)


def test_a_failing_session_ends_the_programs_of_the_other_row(tmp_path: Path) -> None:
    assert side_by_side("late", "waits", tmp_path).returncode == 1
    subprocess.run(["flock", "--timeout", "20", "held", "true"], cwd=tmp_path, check=True)
