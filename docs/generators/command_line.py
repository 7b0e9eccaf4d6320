"""The reference of the command line."""

from __future__ import annotations

from pathlib import Path

from cnnx.cli import build_parser

PAGE = """# Command line

```text
{help}
```
"""


def write(folder: Path) -> None:
    """Write `command-line.md`."""
    text = PAGE.format(help=build_parser().format_help())
    (folder / "command-line.md").write_text(text, encoding="utf-8")
