"""Packages of npm that tests use, installed once per session into a temporary folder.

Not part of the package. `CNNX_NPM_PACKAGES` names a folder that has them already, as
`npm install --prefix FOLDER axe-core@4 typescript@7` makes it.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

_VERSIONS = {"axe-core": "4", "typescript": "7"}


@functools.cache
def npm_package(name: str) -> Path:
    """The folder of a package; the test is skipped where npm cannot provide it."""
    folder = Path(os.environ.get("CNNX_NPM_PACKAGES", "") or _temporary_folder())
    package = folder / "node_modules" / name
    if not package.is_dir():
        if shutil.which("npm") is None:
            pytest.skip(f"npm, which installs {name}, is not installed")
        _install(name, folder)
    return package


@functools.cache
def _temporary_folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="cnnx-npm-")
    _kept.append(folder)
    return Path(folder.name)


# Folders that vanish with the session.
_kept: list[tempfile.TemporaryDirectory[str]] = []


def _install(name: str, folder: Path) -> None:
    wanted = f"{name}@{_VERSIONS[name]}"
    options = ("--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--prefix")
    finished = subprocess.run(
        ["npm", "install", *options, folder, wanted],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if finished.returncode != 0:
        lines = finished.stderr.strip().splitlines() or ["npm gave no reason"]
        pytest.skip(f"npm could not install {wanted}: {lines[-1]}")
