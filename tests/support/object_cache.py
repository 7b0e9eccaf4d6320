"""A compiler launcher that compiles each source of the library once per set of flags.

    python object_cache.py FOLDER COMPILER ARGUMENTS...

Its keys are names and flags, not file contents, so FOLDER must not outlive a change of a source. It
is not a ccache.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "cpp" / "src"
# Flags, with an argument, that name locations.
PLACES = {"-o", "-MF", "-MT", "-MQ", "-I", "-isystem"}


def key(command: list[str]) -> str:
    """The cache key: the compiler, the source, and every flag except locations and warnings."""
    relevant = []
    arguments = iter(command)
    for argument in arguments:
        if argument in PLACES:
            next(arguments)
        elif argument != "-w" and not argument.startswith(("-I", "-W")):
            relevant.append(argument)
    return hashlib.sha256("\0".join(relevant).encode()).hexdigest()


def main(folder: Path, command: list[str]) -> int:
    """Compile, or copy an earlier object."""
    if "-c" not in command or SOURCES not in Path(command[command.index("-c") + 1]).parents:
        return subprocess.call(command)
    target = Path(command[command.index("-o") + 1])
    cached = folder / key(command)
    if cached.exists():
        shutil.copyfile(cached, target)
        return 0
    code = subprocess.call(command)
    if code == 0:
        # Atomic, because another build may look for the file at the same time.
        unfinished = folder / f"{cached.name}.{os.getpid()}"
        shutil.copyfile(target, unfinished)
        unfinished.replace(cached)
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
