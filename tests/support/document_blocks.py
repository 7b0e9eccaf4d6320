"""The fenced code blocks of the README and of docs/, as tests run them.

Not part of the package.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cpp_build import ROOT

# A fence of the site's own directives, such as a table of contents, has braces: no code.
FENCE = re.compile(r"^```(?!\{)([\w+-]*)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SAVED = re.compile(r"\b[Ss]ave\b[^`]*`([\w./-]+)`[^`]*:\s*\Z")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, text and first line in the page, counted from 1."""

    language: str
    text: str
    line: int
    saved_as: str | None = None  # "Save this program as `search.py`:" stands before it

    @property
    def lines(self) -> list[str]:
        """Lines of a shell block, those that a backslash continues joined; no comments."""
        joined = re.sub(r"\\\n\s*", "", self.text)
        return [line for line in joined.splitlines() if line.strip() and line.strip()[0] != "#"]


def pages() -> list[str]:
    """Paths of the README and of all pages of docs/, from the root of the project."""
    found = [path for path in (ROOT / "docs").rglob("*.md") if not generated(path)]
    return ["README.md", *sorted(path.relative_to(ROOT).as_posix() for path in found)]


def generated(path: Path) -> bool:
    """Whether a page was written by the build of the site, so that no one typed its blocks."""
    return any(part.startswith("_") or part == "generated" for part in path.parts)


def blocks_of(page: str) -> list[Block]:
    return blocks_in((ROOT / page).read_text(encoding="utf-8"))


def blocks_in(text: str) -> list[Block]:
    """The blocks of a text in Markdown, in its order."""
    found = []
    for match in FENCE.finditer(text):
        before = text[: match.start()].rstrip().rsplit("\n\n", 1)[-1]
        saved = SAVED.search(before)
        line = text.count("\n", 0, match.start(2)) + 1
        found.append(Block(match[1], match[2], line, saved[1] if saved else None))
    return found
