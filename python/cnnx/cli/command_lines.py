"""Command lines to print: how this program was called, and the line that resumes a run."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from pathlib import Path

from cnnx.cli.outputs import free_name
from cnnx.launcher import started_processes

# Options of `cnnx train` that a resumed run takes again, in the order of its help.
_REPEATED = ("threads", "skip_unreadable", "checkpoint_every", "log", "profile", "out", "overwrite")
_OF_THE_FOLDER = ("log", "out", "overwrite")  # which the folder of a run implies


def program() -> str:
    """Command that started this program, so that the printed commands work as shown."""
    called = Path(sys.argv[0])
    if called.stem == "cnnx":
        found = shutil.which("cnnx")
        is_on_path = found is not None and Path(found).resolve() == called.resolve()
        return "cnnx" if is_on_path else shlex.quote(sys.argv[0])
    return f"{shlex.quote(sys.executable)} -m cnnx"


def resume_line(arguments: argparse.Namespace, checkpoint: Path) -> str:
    """Command line that resumes a run of `cnnx train`, quoted for a shell."""
    folder = arguments.folder
    words = [
        "train",
        arguments.path,
        "--resume",
        str(checkpoint if folder is None else folder.path),
    ]
    for name in _REPEATED:
        value = getattr(arguments, name)
        if value is None or value is False or (folder is not None and name in _OF_THE_FOLDER):
            continue
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words.append(str(value))
    count = started_processes()
    launcher = "" if count == 1 else f"mpiexec -n {count} "
    return f"{launcher}{program()} {shlex.join(words)}"


def init_line(arguments: argparse.Namespace, file: Path) -> str:
    """Command line that starts a new run of `cnnx train` from the weights in `file`."""
    words = ["train", arguments.path, "--init", str(file), "--out", str(free_name(arguments.out))]
    return f"{program()} {shlex.join(words)}"
