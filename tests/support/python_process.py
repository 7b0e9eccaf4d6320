"""Run Python in a process of its own, for tests of cnnx's effects on a process.

Not part of the package.
"""

from __future__ import annotations

import os
import subprocess
import sys

from cpp_build import inherited_environment, inherited_folder


def run_python(*arguments: str, timeout: float = 120, **environment: str) -> str:
    """The output of `python ARGUMENTS`; the test fails if it fails or warns.

    The process finds the same packages. It has a number of threads only if the caller sets it.
    """
    variables = inherited_environment().items()
    inherited = {name: value for name, value in variables if "NUM_THREADS" not in name}
    finished = subprocess.run(
        [sys.executable, *arguments],
        cwd=inherited_folder(),
        env={**inherited, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert finished.returncode == 0, f"ended with {finished.returncode}: {finished.stderr}"
    assert finished.stderr == ""
    return finished.stdout.strip()
