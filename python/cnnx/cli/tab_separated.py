"""Lines of cells with tabs between them, which other programs split again."""

from __future__ import annotations

from collections.abc import Iterable

_ESCAPES = {code: repr(chr(code))[1:-1] for code in (*range(32), 127)}


def tab_separated(cells: Iterable[str]) -> str:
    r"""A line of cells; a tab or newline inside a cell is escaped as in Python.

    Example:
        >>> tab_separated(["a.png", "odd\tname", "0.9"])
        'a.png\todd\\tname\t0.9'
    """
    return "\t".join(each.translate(_ESCAPES) for each in cells)
