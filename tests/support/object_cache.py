"""A compiler launcher that compiles each source of the library once per set of flags.

    python -IS object_cache.py FOLDER COMPILER ARGUMENTS...

Copies of the sources, such as those of the source distribution, share the objects with the
originals as long as all sources and headers are the same. With CNNX_OWN_UNITS=1 in the environment,
units of several sources are compiled: a wheel that is built again has objects of its own to
compare. It is not a ccache. It starts for every object of every build, so it imports few modules,
and -IS spares it those of the environment.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import sys
from collections.abc import Iterable, Iterator

# Flags, with an argument, that name locations.
PLACES = {"-o", "-MF", "-MT", "-MQ", "-I", "-isystem", "-c"}


def parts_of(source: str) -> list[str]:
    """The sources that CMake has put into a unit; otherwise the source alone."""
    if not source.endswith("_cxx.cxx"):
        return [source]
    with open(source, encoding="utf-8") as file:
        return [line.split('"')[1] for line in file if line.startswith("#include ")]


def library_of(source: str) -> str | None:
    """The folder "cpp" of a source below its "src" or "bindings", or of those of a unit."""
    source, *_ = parts_of(source)
    folder = os.path.dirname(source)
    while os.path.basename(folder) not in ("cpp", ""):
        folder = os.path.dirname(folder)
    parents = tuple(os.path.join(folder, name, "") for name in ("src", "bindings"))
    return folder if folder and source.startswith(parents) else None


def files_in(folder: str) -> Iterator[str]:
    """All files below a folder, in an order that does not depend on where it lies."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from files_in(entry.path)
        else:
            yield entry.path


def common_files(library: str) -> list[str]:
    """What every object depends on."""
    paths = [os.path.join(library, "CMakeLists.txt")]
    for folder in ("include", "src"):
        paths += files_in(os.path.join(library, folder))
    return paths


def content_of(library: str) -> bytes:
    """A hash of all sources and headers, and of CMakeLists.txt, from which the list of layers comes
    that a source includes.
    """
    return hash_of(common_files(library), library)


def content_of_bindings(library: str, command: list[str]) -> bytes:
    """A hash of the sources of Python's extension and the headers of pybind11, which pip downloads
    into a new folder for each build. Those of Python are known by their folder.
    """
    content = hash_of(files_in(os.path.join(library, "bindings")), library)
    for word, folder in itertools.pairwise(command):
        headers = os.path.join(folder, "pybind11")
        if word == "-isystem":
            known = os.path.isdir(headers)
            content += hash_of(files_in(headers), folder) if known else folder.encode()
    return content


def hash_of(paths: Iterable[str], folder: str) -> bytes:
    """A hash of files and of their names in the folder."""
    content = hashlib.sha256()
    for path in paths:
        content.update(f"\0{os.path.relpath(path, folder)}\0".encode())
        with open(path, "rb") as file:
            content.update(file.read())
    return content.digest()


def key(command: list[str], source: str, library: str, content: bytes) -> str:
    """The cache key: the compiler, the names of the sources, every flag except locations and
    warnings, and the content of the library.
    """
    # pip may call g++ what CMake calls c++.
    relevant = [os.path.realpath(command[0])]
    names = [os.path.relpath(part, library) for part in parts_of(source)]
    if names[0].startswith("bindings"):
        content += content_of_bindings(library, command)
    relevant += names
    arguments = iter(command[1:])
    for argument in arguments:
        if argument in PLACES:
            next(arguments)
        elif argument != "-w" and not argument.startswith(("-I", "-W")):
            relevant.append(argument)
    return hashlib.sha256("\0".join(relevant).encode() + content).hexdigest()


def without_launcher(command: list[str], launcher: str) -> list[str]:
    """A command from the compiler on; `launcher` is CMake's setting, words between semicolons."""
    words = launcher.split(";") if launcher else []
    return command[len(words) :] if command[: len(words)] == words else command


def copy(source: str, target: str) -> None:
    with open(source, "rb") as read, open(target, "wb") as written:
        written.write(read.read())


def store(target: str, cached: str) -> None:
    """Put an object into the cache: at once, because another build may look for it meanwhile."""
    os.makedirs(os.path.dirname(cached), exist_ok=True)
    unfinished = f"{cached}.{os.getpid()}"
    copy(target, unfinished)
    os.replace(unfinished, cached)


def write_dependencies(command: list[str], source: str, library: str) -> None:
    """Tell the build tool what an object from the cache depends on, except headers of other
    projects: without this file, the next change of a header alone would not compile it again.
    """
    if "-MF" not in command:
        return
    target = command[command.index("-MT") + 1]
    others = common_files(library)
    bindings = os.path.join(library, "bindings")
    if os.path.isdir(bindings):
        others += files_in(bindings)
    names = [source, *parts_of(source), *(name for name in others if not name.endswith(".cpp"))]
    rule = [name.replace(" ", "\\ ") for name in names]
    with open(command[command.index("-MF") + 1], "w", encoding="utf-8") as file:
        file.write(f"{target}: {' '.join(rule)}\n")


def main(folder: str, command: list[str]) -> int:
    """Compile, or copy an earlier object."""
    source = command[command.index("-c") + 1] if "-c" in command else ""
    library = library_of(source)
    compiles = os.environ.get("CNNX_OWN_UNITS") == "1" and parts_of(source) != [source]
    if library is None or compiles:
        os.execvp(command[0], command)
    target = command[command.index("-o") + 1]
    compiler = without_launcher(command, os.environ.get("CMAKE_CXX_COMPILER_LAUNCHER", ""))
    cached = os.path.join(folder, key(compiler, source, library, content_of(library)))
    if os.path.exists(cached):
        copy(cached, target)
        write_dependencies(command, source, library)
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
