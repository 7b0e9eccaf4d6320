"""Error messages and warnings of the command line; unexpected errors keep their traceback."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shlex
import sys
import warnings
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any

from cnnx.advice import Warning as Advice

_MOST_NAMES = 1000  # of a folder that are compared with a missing file


class UserError(Exception):
    """Error that the user can fix; its text says how."""


class UnfinishedRunError(UserError):
    """Error that ended a training, whose model is saved."""


class UsageError(UserError):
    """Command line that is wrong for the processes that run it: exit status 2."""


def sentence(error: BaseException) -> str:
    """One-line message of an error, without class name and errno."""
    if isinstance(error, MemoryError):
        return "not enough memory for this; try a smaller --batch-size or fewer images"
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror[0].lower() + error.strerror[1:]
        if isinstance(error, FileNotFoundError) and error.filename:
            reason += _similar(os.fsdecode(error.filename))
        return f"{error.filename}: {reason}" if error.filename else reason
    return _IMPORT_CALL.sub(_import_command, " ".join(str(error).split())) or type(error).__name__


# In an error of cnnx.load; the command line has a command instead.
_IMPORT_CALL = re.compile(r"cnnx\.onnx\.load\('([^']*)'\)")


def _import_command(call: re.Match[str]) -> str:
    path = Path(call[1])
    out = path.with_suffix(".cnnx")
    if out == path:
        out = path.with_name(f"{path.stem}-2.cnnx")
    return f"cnnx import {shlex.quote(str(path))} --out {shlex.quote(str(out))}"


def require_file(
    path: Path, expected: str = "a file that cnnx saved", suffix: str = ".cnnx"
) -> None:
    """Refuse a path that is a folder or does not exist.

    Args:
        path: the file.
        expected: what it should be.
        suffix: end of the names of such files, of which the error proposes one in the folder.

    Raises:
        UserError: if it is a folder.
        FileNotFoundError: if it does not exist.
    """
    if path.is_dir():
        inside = min(path.glob(f"*{suffix}"), default=None)  # best.cnnx before last.cnnx
        meant = f"; did you mean {inside}?" if inside is not None else ""
        raise UserError(f"{path} is a folder, expected {expected}{meant}")
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


def _similar(path: str) -> str:
    """End of a sentence that names the file most similar to a missing one, if there is any."""
    folder, name = Path(path).parent, Path(path).name
    try:
        names = [each.name for each in islice(folder.iterdir(), _MOST_NAMES)]
    except OSError:
        return ""
    near = get_close_matches(name, names, 1, 0.75)
    return f"; did you mean {folder / near[0]}?" if near else ""


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
