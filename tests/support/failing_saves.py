"""Saves in which one system call after another fails: for test_broken_saves, under strace.

Not part of the package. strace lets the WHEN-th write, fsync and rename of every process fail. Each
attempt is a process of its own, which first makes enough of those calls that the failing one is a
certain call of the save. Prints for each attempt the call, its number, and the remaining files.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from killed_saves import KINDS, Save

WHEN = 300  # more than this process makes of any call


def waste_write(nothing: int) -> None:
    """A write that changes nothing."""
    os.write(nothing, b".")


def waste_fsync(nothing: int) -> None:
    """An fsync that fails."""
    with suppress(OSError):
        os.fsync(nothing)


def waste_rename(nothing: int) -> None:
    """A rename of a missing file."""
    with suppress(FileNotFoundError):
        Path("/absent/from").rename("/absent/to")


WASTE: dict[str, Callable[[int], None]] = {
    "write": waste_write,
    "fsync": waste_fsync,
    "rename": waste_rename,
}


def attempt(call: str, number: int, save: Save, path: Path) -> int:
    """The errno of a save whose call of that number fails; 0 if the save makes fewer calls."""
    child = os.fork()
    if child == 0:
        code = 255
        try:
            nothing = os.open(os.devnull, os.O_WRONLY)
            for _ in range(WHEN - number):
                WASTE[call](nothing)
            save(path)
            code = 0
        except OSError as error:
            named = str(path) in str(error)
            code = error.errno if named and error.errno is not None else 254
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def outcomes(saves: list[Save], path: Path) -> Iterator[str]:
    """One line for each call of a save."""
    old = path.read_bytes()
    for call in WASTE:
        number = 1
        while (code := attempt(call, number, saves[1], path)) != 0:
            new = path.read_bytes()
            beside = len(list(path.parent.iterdir())) - 1
            what = "old" if new == old else "new"
            yield f"{call} {number} {errno.errorcode.get(code, code)} {what} {beside}"
            path.write_bytes(old)
            number += 1
        assert path.read_bytes() != old, "nothing failed, so the new file is there"
        path.write_bytes(old)


def main(kind: str, folder: Path) -> None:
    """Fail every call of a save in turn."""
    saves = KINDS[kind][0](folder)
    path = folder / "file"
    saves[0](path)
    print("\n".join(outcomes(saves, path)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
