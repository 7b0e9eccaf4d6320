"""A function whose source is pasted into the programs that call with wrong arguments."""

from __future__ import annotations

import re


def names_its_subject(error: BaseException, names: list[str]) -> None:
    """Fail if an error is of an unexpected kind, or mentions none of the names."""
    kind, text = type(error).__name__, str(error)
    allowed = (TypeError, ValueError, OSError, FloatingPointError, MemoryError, ImportError)
    assert isinstance(error, allowed), f"{kind}: {text}"
    assert "incompatible function arguments" not in text, text
    if not isinstance(error, (MemoryError, OSError)) and kind != "FormatError":
        named = any(re.search(rf"\b{re.escape(name)}\b", text) for name in names)
        assert named, f"{kind} names neither function nor argument: {text}"
