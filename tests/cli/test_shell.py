"""The command line in a shell: completion, version, environment, and what it reports of others."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import cnnx
import pytest
from cnnx import advice, cli
from cnnx.cli import info
from cnnx.cli.command_lines import program, resume_line
from command_line import Run

ROOT = Path(__file__).parents[2]


def test_the_cmake_folder_is_printed(run: Run) -> None:
    outcome = run("--cmake-dir")
    assert outcome.status == 0
    assert Path(outcome.out.strip(), "cnnxConfig.cmake").is_file()


def test_version(run: Run) -> None:
    outcome = run("--version")
    assert (outcome.status, outcome.out) == (0, f"cnnx {cnnx.__version__}\n")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CNNX_THREADS", "CNNX_NUM_THREADS"),
        ("cnnx_isa", "CNNX_ISA"),
        ("CNNX_TEST_TIER", None),
        ("CNNX_DATA", None),
    ],
)
def test_a_misspelt_environment_variable_draws_one_warning(
    name: str, expected: str | None, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    outcome = run("info")
    assert outcome.status == 0
    sentence = f"warning: the environment variable {name} is unknown, expected {expected}"
    lines = [] if expected is None else [f"cnnx info: {sentence}"]
    assert outcome.err.splitlines() == lines


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train", "x", "--epochs", "3", "--epochs=5"], "--epochs is given twice, 3 and 5"),
        (["train", "x", "--epo", "3", "--epochs", "3"], "--epochs is given twice, 3 and 3"),
        (["train", "x", "--overwrite", "--overwrite"], "--overwrite is given twice"),
    ],
)
def test_an_option_that_is_given_twice_is_refused(
    words: list[str], sentence: str, run: Run
) -> None:
    run(*words).refused(f"^cnnx train: {sentence}, expected once$", status=2)


def test_an_option_of_several_values_may_be_given_twice() -> None:
    words = ["train", "x", "--freeze", "conv*", "--freeze", "dense*"]
    for _ in range(2):  # the parser remembers no line
        assert cli.build_parser().parse_words(words).freeze == ["conv*", "dense*"]
    parser = cli.build_parser()
    for _ in range(2):
        assert parser.parse_words(["train", "x", "--epochs", "3"]).epochs == 3


def test_the_help_lists_every_environment_variable(run: Run) -> None:
    read = set()
    for folder, suffix, pattern in (
        ("cpp/src", "cpp", r'"((?:CNNX|OMP)_[A-Z_]+)"'),
        ("python/cnnx", "py", r'environ(?:\.get\(|\[)"([A-Z_]+)"'),
    ):
        for file in (ROOT / folder).rglob(f"*.{suffix}"):
            read.update(re.findall(pattern, file.read_text(encoding="utf-8")))
    assert {"CNNX_NUM_THREADS", "CNNX_ISA", "OMP_NUM_THREADS"} <= read
    text = run("--help").out
    assert [name for name in sorted(read) if name not in text] == []


def test_the_line_that_resumes_a_run_is_quoted() -> None:
    parser = cli.build_parser()
    words = ["--out", "my model.cnnx", "--threads", "2", "--overwrite"]
    arguments = parser.parse_words(["train", "my pets", *words])
    line = resume_line(arguments, Path("run 1.ckpt")).split(" -m cnnx ")[1]
    assert line == (
        "train 'my pets' --resume 'run 1.ckpt' --threads 2 --out 'my model.cnnx' --overwrite"
    )
    again = parser.parse_words(shlex.split(line))
    assert (again.path, again.resume) == ("my pets", Path("run 1.ckpt"))


@pytest.mark.skipif(os.name == "nt", reason="a POSIX terminal")
def test_a_terminal_that_is_closed_costs_no_work(idx: Path, tmp_path: Path) -> None:
    import fcntl
    import pty
    import termios

    terminal, inside = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "cnnx", "train", idx, "--epochs", "100000"],
        cwd=tmp_path,
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0) and None,
    )
    os.close(inside)
    printed = b""
    while b"epoch 1/100000:" not in printed:
        printed += os.read(terminal, 4096)
    os.close(terminal)
    assert process.wait(timeout=60) == 129
    assert cnnx.load(tmp_path / "model.cnnx").input_shape == (16, 16, 1)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_commands_and_options(run: Run) -> None:
    pytest.importorskip("shtab", reason="needs shtab: install the extra cli")
    outcome = run("--print-completion", "bash")
    assert outcome.status == 0
    script = """
        eval "$1"
        COMP_WORDS=(cnnx train pets --learn) COMP_CWORD=3
        $(complete -p cnnx | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
        echo "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "-c", script, "bash", outcome.out], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["--learning-rate"]


def test_completion_without_shtab_says_how_to_install_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    run("--print-completion", "zsh").refused("needs shtab: run .* -m pip install shtab$")


def test_warnings_of_the_library_are_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(info, "installation", lambda: advice.warn("info: is late") or [])
    before = warnings.showwarning
    outcome = run("info")
    assert outcome.status == 0
    assert outcome.err == "cnnx info: warning: info: is late\n"
    assert warnings.showwarning is before


def test_other_warnings_are_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(info, "installation", lambda: warnings.warn("old", stacklevel=1) or [])
    with pytest.warns(UserWarning, match="old"):
        assert cli.main(["info"]) == 0


def test_the_help_imports_neither_numpy_nor_the_core() -> None:
    script = (
        "import sys, cnnx.cli; cnnx.cli.main(['--help']); "
        "sys.exit(any(name in sys.modules for name in ('numpy', 'cnnx._core')))"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)


def test_printed_commands_begin_as_the_shell_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "my tools" / "cnnx"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(script)])
    monkeypatch.setenv("PATH", os.defpath)
    assert program() == f"'{script}'"
    monkeypatch.setenv("PATH", str(script.parent))
    assert program() == "cnnx"
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "program.py")])
    assert program() == f"{shlex.quote(sys.executable)} -m cnnx"
