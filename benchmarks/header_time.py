"""CPU seconds to compile cnnx/cnnx.h beyond the standard headers that it includes; goal 0.3 s.

    python -m benchmarks.header_time [--rounds 9] [--quick]

A source of one line, `#include <cnnx/cnnx.h>`, is compiled in turns with one that includes the
standard headers of cnnx's public headers. The difference of both medians counts. The compiler is
that of CXX, or c++. Exits 1 when the goal is missed.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shlex
import statistics
import subprocess
import tempfile
from pathlib import Path

from benchmarks import machine

HEADERS = Path(__file__).parents[1] / "cpp" / "include"
GOAL_SECONDS = 0.3


def standard_headers() -> list[str]:
    """Headers of the standard library that the C++ headers of cnnx include."""
    found = set()
    for path in (HEADERS / "cnnx").glob("*.h"):
        if path.name != "c_api.h":
            found |= set(re.findall(r"^#include <(\w+)>", path.read_text("utf-8"), re.MULTILINE))
    return sorted(found)


def compile_seconds(source: Path) -> float:
    """CPU seconds of one run of the compiler."""
    compiler = shlex.split(os.environ.get("CXX", "c++"))
    options = ["-std=c++17", "-O2", "-c", f"-I{HEADERS}", "-o", str(source.with_suffix(".o"))]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*compiler, *options, str(source)], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Compile in turns; returns 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="one round: does it run?")
    options = parser.parse_args()
    sources = {
        "cnnx/cnnx.h": "#include <cnnx/cnnx.h>\n",
        "standard headers": "".join(f"#include <{name}>\n" for name in standard_headers()),
    }
    print(machine.headline())
    with tempfile.TemporaryDirectory() as folder:
        seconds: dict[str, list[float]] = {name: [] for name in sources}
        for _ in range(1 if options.quick else options.rounds):
            for number, (name, text) in enumerate(sources.items()):
                source = Path(folder, f"{number}.cpp")
                source.write_text(text, encoding="utf-8")
                seconds[name].append(compile_seconds(source))
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    print("  ".join(f"{name} {each:.3f} s" for name, each in medians.items()))
    beyond = medians["cnnx/cnnx.h"] - medians["standard headers"]
    met = beyond <= GOAL_SECONDS
    print(f"beyond: {beyond:.3f} s  goal {GOAL_SECONDS}  {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
