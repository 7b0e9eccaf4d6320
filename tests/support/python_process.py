"""Runs Python in a process of its own, for tests of what cnnx does to a process.

Not part of the package.
"""

from __future__ import annotations

import os
import subprocess
import sys


def run_python(*arguments: str, timeout: float = 120, **environment: str) -> str:
    """What `python ARGUMENTS` prints; the test fails unless it ends well and warns of nothing.

    The process finds the same packages, and the number of threads only where it is told.
    """
    inherited = {name: value for name, value in os.environ.items() if "NUM_THREADS" not in name}
    finished = subprocess.run(
        [sys.executable, *arguments],
        env={**inherited, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert finished.returncode == 0, f"ended with {finished.returncode}: {finished.stderr}"
    assert finished.stderr == ""
    return finished.stdout.strip()
