"""The three rings of the checks: inputs and earlier passes of sessions, the deadline, the table.

    python .ci/rings.py SESSION...

Prints the table of these sessions; `.ci/run` does so at its end. Ring 1 always runs. A session of
ring 2 is skipped where it passed with the same inputs. Ring 3 runs only by name.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
PYTHON = ".venv/bin/python"

RING_1 = ("tests", "attack", "lint", "types", "fuzz", "cpp")
RING_3 = ("benchmarks", "emulation", "windows")


class Inputs(NamedTuple):
    """What the result of a session depends on."""

    paths: str  # files and folders, without those that git ignores
    tools: str  # commands, whose versions count; "a|b" is the first that there is
    cpu: bool  # whether the CPU's features count


# Besides, each session depends on the version of Python and of the packages, on data and on these.
ALWAYS = ".ci noxfile.py pyproject.toml"
PACKAGES = ("numpy", "pillow", "matplotlib", "pytest", "hypothesis", "cmake", "ninja")
LIBRARY = "cpp cmake CMakeLists.txt CMakePresets.json LICENSE"
PACKAGE = f"{LIBRARY} python README.md"
SUPPORT = "tests/conftest.py tests/support"
PROGRAMS = "attack benchmarks examples fuzz tests"
DOCUMENTS = "docs CHANGELOG.md CONTRIBUTING.md .github"
INPUTS = {
    # docs/cpp.md has lines of CMake that tests of consumers run.
    "slow": Inputs(f"{LIBRARY} python {PROGRAMS} docs/cpp.md", "c++", True),
    "documents": Inputs(f"{PACKAGE} {PROGRAMS} {DOCUMENTS}", "c++ mpiexec", True),
    "playground": Inputs(
        f"{LIBRARY} python {SUPPORT} tests/playground",
        "c++ emcc node npm chromium|google-chrome firefox-esr|firefox",
        True,
    ),
    # A test compares docs/onnx.md with the operators that the importer knows.
    "extras": Inputs(
        f"{LIBRARY} python {PROGRAMS} docs/onnx.md docs/make_onnx_page.py docs/cpp.md",
        "c++ mpiexec",
        True,
    ),
    "site": Inputs(f"{PACKAGE} {PROGRAMS} {DOCUMENTS}", "c++ chromium|google-chrome", True),
    "wasm": Inputs(
        f"{LIBRARY} python {SUPPORT} tests/runtime tests/embedding/consumer docs/cpp.md",
        "c++ emcc node",
        True,
    ),
    # README.md is in the metadata of the wheel.
    "wheel": Inputs(
        f"{PACKAGE} {SUPPORT} tests/project/test_wheel.py tests/embedding/consumer docs/cpp.md "
        ".gitignore",
        "c++",
        True,
    ),
    "sanitizers": Inputs(LIBRARY, "c++ ld.gold", True),
    "results": Inputs(f"{LIBRARY} python benchmarks tests/support examples", "c++", True),
}
# The Debian packages of commands.
DEBIAN = {
    **{name: name for name in ("chromium", "firefox-esr", "npm", "strace", "wine")},
    "clang++": "clang",
    "emcc": "emscripten",
    "mpiexec": "mpich",
    "node": "nodejs",
    "qemu-aarch64": "qemu-user",
    "aarch64-linux-gnu-g++": "g++-aarch64-linux-gnu",
    "x86_64-w64-mingw32-g++-posix": "g++-mingw-w64-x86-64-posix",
}


class CheckError(Exception):
    """A check that failed, in one sentence."""


def work() -> Path:
    """The folder of this run, which ends with it."""
    return Path(os.environ["CNNX_CHECKS_WORK"])


def program(tool: str) -> str | None:
    """The path of the first command of "a|b" that there is."""
    return next(filter(None, map(shutil.which, tool.split("|"))), None)


def install(tools: str) -> None:
    """Install the Debian packages of missing commands where that is permitted."""
    missing = [tool.split("|")[0] for tool in tools.split() if not program(tool)]
    if packages := [DEBIAN[tool] for tool in missing if tool in DEBIAN]:
        subprocess.run([ROOT / ".ci" / "debian_packages", *packages], check=False)


# Keys and records ---------------------------------------------------------------------------------


def output_of(*command: str, root: Path = ROOT) -> bytes:
    """What a command prints; its error if it fails."""
    try:
        return subprocess.run(command, cwd=root, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        return str(error).encode()


def content_of(paths: str, root: Path = ROOT) -> Iterator[bytes]:
    """Names, modes and bytes of the files below these paths that git does not ignore."""
    listing = ["git", "ls-files", "-coz", "--exclude-standard", "--", *paths.split()]
    listed = subprocess.run(listing, cwd=root, capture_output=True, check=True).stdout
    for name in sorted({*listed.split(b"\0")} - {b""}):
        path = root / os.fsdecode(name)
        if path.is_symlink():
            yield b"%b is a link to %b" % (name, os.fsencode(path.readlink()))
        elif path.is_file():
            yield b"%b %o" % (name, path.stat().st_mode & 0o111)
            yield hashlib.sha256(path.read_bytes()).digest()


def features() -> bytes:
    """The CPU's features."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next((line for line in lines if line.startswith(("flags", "Features"))), "").encode()
    return platform.processor().encode()


def key_of(name: str, root: Path = ROOT) -> str:
    """A hash of the inputs of a session."""
    inputs = INPUTS[name]
    versions = f"from importlib.metadata import version\nprint(*map(version, {PACKAGES}))"
    parts = [name.encode(), sys.version.encode(), output_of(PYTHON, "-c", versions, root=root)]
    parts += content_of(f"{ALWAYS} {inputs.paths}", root)
    for tool in inputs.tools.split():
        path = program(tool)
        parts.append(output_of(path, "--version") if path else b"missing")
    if data := os.environ.get("CNNX_DATA"):
        files = (path for path in sorted(Path(data).rglob("*")) if path.is_file())
        parts += (f"{path.relative_to(data)} {path.stat().st_size}".encode() for path in files)
    parts += [features()] if inputs.cpu else []
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def record_of(name: str, root: Path = ROOT) -> Path | None:
    """Where a pass of a session with its present inputs is recorded; None if it always runs."""
    folder = os.environ.get("CNNX_CHECKS_RECORD")
    if name not in INPUTS or folder == "":
        return None
    try:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(folder or Path(cache, "cnnx", "checks"), f"{name}-{key_of(name, root)}.json")
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        print(f"{name} runs whatever passed before: {error}")
        return None


def earlier_pass(record: Path | None) -> dict[str, Any] | None:
    """The pass of a record, None without a valid one."""
    try:
        found = json.loads(record.read_text(encoding="utf-8")) if record else None
        return found if found and {"date", "commit", "seconds", "skipped"} <= {*found} else None
    except (OSError, ValueError):
        return None


def write_record(record: Path, content: dict[str, Any]) -> None:
    """Write a record at once: a reader sees all of it or nothing."""
    unfinished = record.with_suffix(f".{os.getpid()}")
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(record)
    except OSError as error:
        print(f"the pass is not recorded: {error}")


# Sessions -----------------------------------------------------------------------------------------


def skipped_tests(name: str) -> Path:
    """The file that lists the tests that a session has skipped."""
    return work() / f"{name}.skipped"


def cpu_seconds() -> float:
    """Those of all programs that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def note(name: str, text: str) -> None:
    """Set a session's row of the table."""
    (work() / f"{name}.row").write_text(text, encoding="utf-8")
    print(f"\n== {name} {text}", flush=True)


def perform(name: str, action: Callable[[], str | None], root: Path = ROOT) -> None:
    """Run a session, or skip one of ring 2 that passed with the same inputs; note the result."""
    install(INPUTS[name].tools if name in INPUTS else "")
    record, skipped = record_of(name, root), skipped_tests(name)
    if earlier := earlier_pass(record):
        skipped.write_text(earlier["skipped"], encoding="utf-8")
        when = "passed on {date} at {commit} in {seconds} s".format_map(earlier)
        return note(name, f"unchanged since it {when}")
    skipped.unlink(missing_ok=True)
    note(name, "begins, and has not ended")
    begun, cpu = time.monotonic(), cpu_seconds()
    try:
        result = action()
    except BaseException as error:
        why = str(error) or type(error).__name__
        note(name, f"failed after {time.monotonic() - begun:.0f} s: {why}")
        raise
    seconds = round(time.monotonic() - begun)
    passed = f"passed in {seconds} s, {cpu_seconds() - cpu:.0f} CPU s"
    note(name, f"{passed}: {result}" if result else passed)
    # Not recorded if an input has changed meanwhile.
    if record and record == record_of(name, root):
        content = {
            "date": time.strftime("%Y-%m-%d %H:%M"),
            "commit": output_of("git", "rev-parse", "--short", "HEAD", root=root).decode().strip(),
            "seconds": seconds,
            "skipped": skipped.read_text(encoding="utf-8") if skipped.exists() else "",
        }
        write_record(record, content)
    return None


def end(process: subprocess.Popen[str]) -> None:
    """End a program and those that it has started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)


def seconds_left() -> float:
    """Until the deadline of the run; a year without one."""
    return float(os.environ.get("CNNX_CHECKS_DEADLINE") or time.time() + 3e7) - time.time()


def succeeds(status: int, output: str) -> bool:
    """Whether a program succeeded."""
    return status == 0


def reaches_its_verdict(status: int, output: str) -> bool:
    """Whether a benchmark finished, also if it misses its goal: timings vary on a shared machine.
    Python exits with 1 after an exception, too, so the output must have the verdict and no
    traceback.
    """
    missed = re.search(r"\bMISSED\b", output) and not re.search(r"(?m)^ *Traceback \(most", output)
    return status == 0 or (status == 1 and bool(missed))


def run(
    *command: str, accepts: Callable[[int, str], bool] = succeeds, **environment: str
) -> Sequence[str]:
    """Run a program, print its output, and return the lines; raise CheckError if it fails."""
    print(f"+ {shlex.join(command)}", flush=True)
    try:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if accepts is reaches_its_verdict else None,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise CheckError(f"{error}; `.ci/run tests` makes .venv") from error
    assert process.stdout
    timer = threading.Timer(max(0, seconds_left()), end, (process,))
    timer.daemon = True
    timer.start()
    lines = []
    try:
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip())
        status = process.wait()
    finally:
        timer.cancel()
        process.stdout.close()
        if process.poll() is None:
            end(process)
    if seconds_left() <= 0:
        minutes = os.environ.get("CNNX_CI_MINUTES", "?")
        raise CheckError(f"the run took longer than CNNX_CI_MINUTES={minutes} and ended here")
    if not accepts(status, "\n".join(lines)):
        raise CheckError(f"{shlex.join(command)[:200]} exited with {status}")
    return [line for line in lines if line] or [""]


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """For what two rows may do at once."""
    with (work() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def command_of_tests(root: Path = ROOT) -> str:
    """The command of README.md that runs the tests."""
    text = (root / "README.md").read_text(encoding="utf-8")
    return re.findall(r"(?m)^python3 -m venv .*pytest$", text)[0]


def attack_seed(root: Path = ROOT) -> int:
    """A checksum of the code: other cases for every change, and the same ones wherever this change
    is checked.
    """
    content = hashlib.sha256()
    paths = (path for name in ("cpp", "python", "attack") for path in (root / name).rglob("*"))
    for path in sorted(paths):
        if path.suffix in (".cpp", ".h", ".py"):
            content.update(path.read_bytes())
    return int.from_bytes(content.digest()[:4], "big")


def table(names: Sequence[str]) -> str:
    """The result of each session of the run, and the sessions that it has not reached."""
    width = max(map(len, names))
    files = {name: work() / f"{name}.row" for name in names}
    rows = {name: file.read_text("utf-8") for name, file in files.items() if file.exists()}
    return "".join(f"{name:<{width}}  {rows.get(name, 'has not begun')}\n" for name in names)


if __name__ == "__main__":
    print(f"\n== summary\n{table(sys.argv[1:])}", end="")
