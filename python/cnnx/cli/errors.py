"""Error messages and warnings of the command line; unexpected errors keep their traceback."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from cnnx.advice import Warning as Advice


class UserError(Exception):
    """Error that the user can fix; its text says how."""


def sentence(error: BaseException) -> str:
    """One-line message of an error, without class name and errno."""
    if isinstance(error, MemoryError):
        return "not enough memory for this; try a smaller --batch-size or fewer images"
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror[0].lower() + error.strerror[1:]
        return f"{error.filename}: {reason}" if error.filename else reason
    return " ".join(str(error).split()) or type(error).__name__


def complain(command: str, message: str) -> None:
    """Print one line on stderr that begins with the command, unless the terminal is gone."""
    with contextlib.suppress(OSError):
        print(f"cnnx {command}: {message}", file=sys.stderr, flush=True)


def caution(command: str, message: str) -> None:
    """Print a warning on stderr."""
    complain(command, f"warning: {message}")


@contextlib.contextmanager
def warnings_as_cautions(command: str) -> Iterator[None]:
    """Print every warning of cnnx in the block as one line, without a place in its source."""

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, Advice):
            caution(command, str(message))
        else:
            show_others(message, category, *place, **more)

    with warnings.catch_warnings():
        warnings.simplefilter("default", Advice)
        show_others = warnings.showwarning
        warnings.showwarning = show
        yield


def counted(count: int, noun: str) -> str:
    """Number with its noun: `1 step`, `1,200 steps`, `2 classes`."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"
