"""Command lines in tests: their output and exit status, and how to start one as a process."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

# How printed commands begin in tests, as a pattern.
PROGRAM = re.escape(f"{shlex.quote(sys.executable)} -m cnnx")


class Outcome:
    """The output and exit status of one command line."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    def refused(self, sentence: str, status: int = 1) -> None:
        """One line on stderr, no traceback, and the correct exit status."""
        assert self.status == status
        assert "Traceback" not in self.err
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        assert re.search(sentence, lines[0]), lines[0]
        assert re.match(r"cnnx( [a-z-]+)?: ", lines[0])


Run: TypeAlias = Callable[..., Outcome]


def start(*words: object, cwd: Path) -> subprocess.Popen[str]:
    """The same in a process of its own, with unbuffered output."""
    return subprocess.Popen(
        [sys.executable, "-m", "cnnx", *map(str, words)],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        # Tests that run in the background inherit an ignored Ctrl-C from their shell.
        preexec_fn=None if os.name == "nt" else heed_interrupts,
    )


def heed_interrupts() -> None:
    """Let Ctrl-C end this process, also if the shell that started the tests ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
