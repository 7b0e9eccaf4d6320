"""Order and arguments of the scripts in the gallery, which sphinx-gallery runs."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples" / "python"
_ROW = re.compile(r"^\| \[\w+\.py\]\((\w+\.py)\)", re.MULTILINE)


class ExampleOrder:
    """Sort key: the scripts as in the table of the folder's README."""

    def __init__(self, _folder: str) -> None:
        self.names = _ROW.findall((EXAMPLES / "README.md").read_text(encoding="utf-8"))

    def __call__(self, file: str) -> int:
        return self.names.index(Path(file).name)

    def __repr__(self) -> str:
        return f"ExampleOrder({self.names})"


def arguments(*_: object) -> list[str]:
    """The folder into which every script saves its figure: the site does not read it."""
    return [str(ROOT / "build" / "gallery-output")]
