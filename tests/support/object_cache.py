"""A compiler launcher that compiles each source of the library once per set of flags.

    python object_cache.py FOLDER COMPILER ARGUMENTS...

Copies of the sources, such as those of the source distribution, share their objects with the
originals as long as all sources and headers are the same. It is not a ccache.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

# Flags, with an argument, that name locations.
PLACES = {"-o", "-MF", "-MT", "-MQ", "-I", "-isystem", "-c"}


def key(command: list[str], source: Path, library: Path) -> str:
    """The cache key: the compiler, the name of the source, every flag except locations and
    warnings, and the content of all sources and headers.
    """
    # pip may call g++ what CMake calls c++.
    relevant = [os.path.realpath(command[0]), source.relative_to(library).as_posix()]
    arguments = iter(command[1:])
    for argument in arguments:
        if argument in PLACES:
            next(arguments)
        elif argument != "-w" and not argument.startswith(("-I", "-W")):
            relevant.append(argument)
    content = hashlib.sha256("\0".join(relevant).encode())
    for folder in ("include", "src"):
        for path in sorted((library / folder).rglob("*.*")):
            content.update(f"\0{path.relative_to(library).as_posix()}\0".encode())
            content.update(path.read_bytes())
    return content.hexdigest()


def main(folder: Path, command: list[str]) -> int:
    """Compile, or copy an earlier object."""
    source = Path(command[command.index("-c") + 1]) if "-c" in command else Path()
    library = next((each for each in source.parents if each.name == "cpp"), None)
    if library is None or library / "src" not in source.parents:
        return subprocess.call(command)
    target = Path(command[command.index("-o") + 1])
    cached = folder / key(command, source, library)
    if cached.exists():
        shutil.copyfile(cached, target)
        return 0
    code = subprocess.call(command)
    if code == 0:
        # Atomic, because another build may look for the file at the same time.
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f"{cached.name}.{os.getpid()}"
        shutil.copyfile(target, unfinished)
        unfinished.replace(cached)
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
