"""Reference pages made from the code, each time the site is built.

A module per part has a function `write(folder)`, which writes its pages into the folder
`reference` of the site's sources. The page names must be those in `docs/reference/index.md`.
"""

from __future__ import annotations

from pathlib import Path

from docs.generators import command_line, headers, python_reference

PARTS = (python_reference, command_line, headers)


def write_reference(folder: Path) -> None:
    """Write the generated pages into an existing folder."""
    for part in PARTS:
        part.write(folder)
