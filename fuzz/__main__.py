"""Build every fuzz target with Clang and both sanitizers, and run each for some seconds.

    python -m fuzz [TARGET...] [--seconds 60] [--seed N] [--jobs 2] [--folder build/fuzz]

Prints the number of executions and the coverage of each target, and exits with 1 after a finding.
The input of a finding is in the folder's findings/. To run it again, use
`build/fuzz/cpp/fuzz/TARGET_fuzzer INPUT`, or `python -m fuzz.readers TARGET INPUT` for a reader in
Python. Inputs with new coverage are saved in corpus/, from which the next run starts. The first
inputs are those of fuzz/seeds.py.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fuzz.readers import MOST_BYTES
from fuzz.readers import TARGETS as READERS
from fuzz.seeds import WRITERS, write_dictionary, write_seeds

ROOT = Path(__file__).parents[1]
# Limits of time and memory per input. The memory limit is above the reader's own, because the
# sanitizer delays the release of memory.
LIMITS = ["-timeout=25", "-malloc_limit_mb=80", "-rss_limit_mb=1024"]


@dataclass
class Result:
    """Result of a target."""

    target: str
    code: int
    log: str

    @property
    def executions(self) -> int:
        """Number of executed inputs."""
        return int((re.findall(r"stat::number_of_executed_units: (\d+)", self.log) or ["0"])[-1])

    @property
    def coverage(self) -> str:
        """Coverage of its inputs."""
        reached = (re.findall(r"cov: (\d+)", self.log) or ["0"])[-1]
        edges = re.search(r"\((\d+) inline 8-bit counters\)", self.log)
        return f"{reached} of {edges[1]} edges" if edges else f"{reached} transitions between lines"

    @property
    def corpus(self) -> str:
        """Number of inputs in the corpus."""
        return str((re.findall(r"corp: (\d+)", self.log) or ["0"])[-1])


def tool(name: str) -> str:
    """Path of a program in this Python's environment, or in the system."""
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which(name, path=folders)
    if found is None:
        install = "apt-get install -y clang" if name == "clang++" else "pip install '.[test]'"
        raise SystemExit(f"fuzz: {name} is missing, expected what {install} brings")
    return found


def build(folder: Path, targets: Sequence[str]) -> None:
    """Compile the C++ targets."""
    tool("clang++")
    ninja = tool("ninja")
    configure = [tool("cmake"), "--preset", "fuzz", "-B", str(folder)]
    subprocess.run([*configure, f"-DCMAKE_MAKE_PROGRAM={ninja}"], cwd=ROOT, check=True)
    names = [f"{target}_fuzzer" for target in targets]
    subprocess.run([tool("cmake"), "--build", str(folder), "--target", *names], check=True)


def command(target: str, folder: Path, seconds: int, seed: int) -> list[str]:
    """Command of a target; creates its folders."""
    corpus, seeds, findings = (folder / name for name in ("corpus", "seeds", "findings"))
    for each in (corpus / target, findings):
        each.mkdir(parents=True, exist_ok=True)
    write_seeds(target, seeds / target)
    places = [str(corpus / target), str(seeds / target)]
    if target in READERS:
        ends = [f"--seconds={seconds}", f"--seed={seed}", f"--findings={findings}"]
        return [sys.executable, "-m", "fuzz.readers", target, *places, *ends]
    ends = [f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={MOST_BYTES}"]
    ends += ["-print_final_stats=1", f"-artifact_prefix={findings}/", *LIMITS]
    if target in ("model_file", "checkpoint", "json"):
        write_dictionary(folder / "words.dict")
        ends.append(f"-dict={folder / 'words.dict'}")
    return [str(folder / "cpp" / "fuzz" / f"{target}_fuzzer"), *places, *ends]


def run(target: str, folder: Path, seconds: int, seed: int) -> Result:
    """Run one target until it ends."""
    environment = {
        **os.environ,
        "ASAN_OPTIONS": "allocator_may_return_null=0",
        "CNNX_NUM_THREADS": "1",
    }
    finished = subprocess.run(
        command(target, folder, seconds, seed),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return Result(target, finished.returncode, finished.stdout)


def main() -> int:
    """Run the command line; return 1 after a finding."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("targets", nargs="*", choices=[[], *WRITERS], metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, help="of the mutations; different each time")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "fuzz")
    given = parser.parse_args()
    seed = secrets.randbits(32) if given.seed is None else given.seed
    targets = given.targets or list(WRITERS)
    folder = given.folder.resolve()
    in_cpp = [target for target in targets if target not in READERS]
    if in_cpp:
        build(folder, in_cpp)
    with ThreadPoolExecutor(given.jobs) as pool:
        results = list(pool.map(lambda target: run(target, folder, given.seconds, seed), targets))
    print(f"{'target':<12}{'executions':>12}{'corpus':>13}   coverage")
    for result in results:
        print(f"{result.target:<12}{result.executions:>12}{result.corpus:>13}   {result.coverage}")
    found = [result for result in results if result.code != 0]
    for result in found:
        print(f"\n{result.target} has a finding:\n{result.log[-6000:]}")
    print(f"{len(targets)} targets, {given.seconds} s each, seed {seed}: ", end="")
    print(f"{len(found)} with findings" if found else "no finding")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
