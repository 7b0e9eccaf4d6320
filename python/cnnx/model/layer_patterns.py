"""Layers selected by a shell pattern on their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from cnnx.arguments import text
from cnnx.spelling import nearest

_NAMES_SHOWN = 5


def matching(pattern: str, names: Sequence[str], function: str) -> list[str]:
    """Names that a pattern such as "conv*" matches, in order.

    Raises:
        TypeError: if the pattern is not text.
        ValueError: if it matches nothing.
    """
    text(pattern, function, "pattern")
    found = [name for name in names if fnmatchcase(name, pattern)]
    if not found:
        letters = re.sub(r"[*?\[\]!]", "", pattern)
        near = nearest(letters, names)[:1] or names[:_NAMES_SHOWN]
        expected = f"one such as {', '.join(near)}" if near else "a model that has any"
        raise ValueError(
            f"{function}: pattern {pattern!r} matches no layer with parameters, expected {expected}"
        )
    return found
