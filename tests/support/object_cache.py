"""A compiler launcher: a source of the library is compiled once per set of flags, however many
builds of the tree a session of tests makes.

    python object_cache.py FOLDER COMPILER ARGUMENTS...

It looks at names and flags, not into files, so FOLDER must not outlive the session. Not a ccache.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "cpp" / "src"
# Flags, with what follows them, that say where things are.
PLACES = {"-o", "-MF", "-MT", "-MQ", "-I", "-isystem"}


def key(command: list[str]) -> str:
    """What the object depends on: the compiler, the source, and every flag but places and
    warnings.
    """
    kept = []
    arguments = iter(command)
    for argument in arguments:
        if argument in PLACES:
            next(arguments)
        elif argument != "-w" and not argument.startswith(("-I", "-W")):
            kept.append(argument)
    return hashlib.sha256("\0".join(kept).encode()).hexdigest()


def main(folder: Path, command: list[str]) -> int:
    """Compiles, or copies what was compiled before."""
    if "-c" not in command or SOURCES not in Path(command[command.index("-c") + 1]).parents:
        return subprocess.call(command)
    target = Path(command[command.index("-o") + 1])
    kept = folder / key(command)
    if kept.exists():
        shutil.copyfile(kept, target)
        return 0
    code = subprocess.call(command)
    if code == 0:
        # Whole, or not there: another build may look for it just now.
        unfinished = folder / f"{kept.name}.{os.getpid()}"
        shutil.copyfile(target, unfinished)
        unfinished.replace(kept)
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
