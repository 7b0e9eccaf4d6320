"""A user's mistake as one sentence; what is no mistake of the user's keeps its traceback."""

from __future__ import annotations

import sys


class UserError(Exception):
    """Something the user can mend; its text is the sentence that says how."""


def sentence(error: BaseException) -> str:
    """What to print for an error: one line, no class name, no errno."""
    if isinstance(error, MemoryError):
        return "not enough memory for this; try a smaller --batch-size or fewer images"
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror[0].lower() + error.strerror[1:]
        return f"{error.filename}: {reason}" if error.filename else reason
    return " ".join(str(error).split()) or type(error).__name__


def complain(command: str, message: str) -> None:
    """One line on stderr that names the command it comes from."""
    print(f"cnnx {command}: {message}", file=sys.stderr, flush=True)
