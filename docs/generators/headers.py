"""The reference of the C++ and C interfaces."""

from __future__ import annotations

from pathlib import Path

HEADERS = Path(__file__).parents[2] / "cpp" / "include" / "cnnx"


def write(folder: Path) -> None:
    """Write `headers.md`."""
    rows = [f"- `cnnx/{path.name}`\n" for path in sorted(HEADERS.glob("*.h"))]
    text = "# C++ and C headers\n\n" + "".join(rows)
    (folder / "headers.md").write_text(text, encoding="utf-8")
