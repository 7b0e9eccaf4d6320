"""A compiler launcher that compiles each source of the library once per set of flags.

    python -IS object_cache.py FOLDER COMPILER ARGUMENTS...

Copies of the sources, such as those of the source distribution, share the objects of kernels with
the originals as long as all sources and headers are the same. It is not a ccache. It starts for
every object of every build, so it imports few modules, and -IS spares it those of the environment.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator

# Flags, with an argument, that name locations.
PLACES = {"-o", "-MF", "-MT", "-MQ", "-I", "-isystem", "-c"}


def parts_of(source: str) -> list[str]:
    """The sources that CMake has put into a unit; otherwise the source alone."""
    if not source.endswith("_cxx.cxx"):
        return [source]
    with open(source, encoding="utf-8") as file:
        return [line.split('"')[1] for line in file if line.startswith("#include ")]


def library_of(source: str) -> str | None:
    """The folder "cpp" of a source below its "src", or of those of a unit."""
    source, *_ = parts_of(source)
    folder = os.path.dirname(source)
    while os.path.basename(folder) not in ("cpp", ""):
        folder = os.path.dirname(folder)
    return folder if folder and source.startswith(os.path.join(folder, "src", "")) else None


def files_in(folder: str) -> Iterator[str]:
    """All files below a folder, in an order that does not depend on where it lies."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from files_in(entry.path)
        else:
            yield entry.path


def content_of(library: str) -> bytes:
    """A hash of all sources and headers, and of CMakeLists.txt, from which the list of layers comes
    that a source includes.
    """
    content = hashlib.sha256()
    paths = [os.path.join(library, "CMakeLists.txt")]
    for folder in ("include", "src"):
        paths += files_in(os.path.join(library, folder))
    for path in paths:
        content.update(f"\0{os.path.relpath(path, library)}\0".encode())
        with open(path, "rb") as file:
            content.update(file.read())
    return content.digest()


def key(command: list[str], source: str, library: str, content: bytes) -> str:
    """The cache key: the compiler, the name of the source, every flag except locations and
    warnings, and the content of the library. Of a unit, the real paths of its sources count, so
    that two wheels built from copies of the sources have objects of their own to compare.
    """
    # pip may call g++ what CMake calls c++.
    relevant = [os.path.realpath(command[0])]
    parts = parts_of(source)
    if parts == [source]:
        relevant.append(os.path.relpath(source, library))
    else:
        relevant += map(os.path.realpath, parts)
    arguments = iter(command[1:])
    for argument in arguments:
        if argument in PLACES:
            next(arguments)
        elif argument != "-w" and not argument.startswith(("-I", "-W")):
            relevant.append(argument)
    return hashlib.sha256("\0".join(relevant).encode() + content).hexdigest()


def copy(source: str, target: str) -> None:
    with open(source, "rb") as read, open(target, "wb") as written:
        written.write(read.read())


def store(target: str, cached: str) -> None:
    """Put an object into the cache: at once, because another build may look for it meanwhile."""
    os.makedirs(os.path.dirname(cached), exist_ok=True)
    unfinished = f"{cached}.{os.getpid()}"
    copy(target, unfinished)
    os.replace(unfinished, cached)


def main(folder: str, command: list[str]) -> int:
    """Compile, or copy an earlier object."""
    source = command[command.index("-c") + 1] if "-c" in command else ""
    library = library_of(source)
    if library is None:
        os.execvp(command[0], command)
    target = command[command.index("-o") + 1]
    cached = os.path.join(folder, key(command, source, library, content_of(library)))
    if os.path.exists(cached):
        copy(cached, target)
        return 0
    code = run(command)
    if code == 0:
        store(target, cached)
    return code


def run(command: list[str]) -> int:
    """Its exit status, without the import of subprocess."""
    child = os.posix_spawnp(command[0], command, os.environ)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
