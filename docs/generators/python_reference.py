"""The reference of the Python package."""

from __future__ import annotations

from pathlib import Path

import cnnx


def write(folder: Path) -> None:
    """Write `python.md`."""
    names = "".join(f"- `cnnx.{name}`\n" for name in cnnx.__all__)
    (folder / "python.md").write_text(f"# Python\n\n{names}", encoding="utf-8")
