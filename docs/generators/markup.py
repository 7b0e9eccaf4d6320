"""Parts of pages in reStructuredText: headings, tables, and plain text that stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def heading(text: str, line: str = "=") -> list[str]:
    """Heading, underlined by `line`."""
    return [text, line * len(text), ""]


def escaped(text: str) -> str:
    """Plain text in which only names in backticks are marked, as code."""
    parts = re.split(r"`([^`]+)`", text)
    parts[::2] = [re.sub(r"([\\*`|]|_(?!\w))", r"\\\1", part) for part in parts[::2]]
    parts[1::2] = [f"``{part}``" for part in parts[1::2]]
    return "".join(parts)


def table(
    header: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int] = ()
) -> list[str]:
    """Table; its header may be empty."""
    lines = [".. list-table::"]
    lines += ["   :header-rows: 1"] if header else []
    lines += [f"   :widths: {' '.join(map(str, widths))}", "   :width: 100%"] if widths else []
    lines.append("")
    for first, *others in [header, *rows] if header else rows:
        lines += [f"   * - {first}", *(f"     - {each}" for each in others)]
    return [*lines, ""]


def indented(lines: Iterable[str], spaces: int = 3) -> list[str]:
    """Lines within a directive."""
    return [" " * spaces + line if line else "" for line in lines]


def prose(comment: Sequence[str]) -> list[str]:
    """Paragraphs, lists and code of a comment: code is indented by two spaces or more."""
    lines: list[str] = []
    code: list[str] = []
    margin = 0  # of the text of a list
    for line in comment:
        depth = len(line) - len(line.lstrip())
        if (line and depth >= margin + 2) or (code and not line):
            code.append(line)
            continue
        lines += _code_block(code, margin)
        code = []
        if marker := re.match(r"(- |\d+\. )", line):
            margin = len(marker[0])
        elif line and depth == 0:
            margin = 0
        lines.append(escaped(line))
    return [*lines, *_code_block(code, margin), ""]


def _code_block(code: list[str], margin: int) -> list[str]:
    """Directive for the lines of code, none for none."""
    while code and not code[-1]:
        code = code[:-1]
    if not code:
        return []
    language = "cpp" if any(line.rstrip().endswith((";", "{")) for line in code) else "text"
    least = min(len(line) - len(line.lstrip()) for line in code if line)
    block = [f".. code-block:: {language}", "", *indented([line[least:] for line in code])]
    return ["", *indented(block, margin), ""]
