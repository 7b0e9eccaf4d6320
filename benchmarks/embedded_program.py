"""Size, cold start and calls in a C++ program: goals 3.05 MB, 10 ms, 2 microseconds, 1.5 times.

    python -m benchmarks.embedded_program [--build FOLDER] [--launches 200] [--quick]

Builds the static library (or uses the build in FOLDER) and `classify`, the program of
`examples/embed_cpp`, optimised for size: linked with --gc-sections and stripped.

*Size* is the size of the file, which holds every kind of layer and the kernels of every instruction
set. The shared libraries it needs are listed and may only be the C, C++ and OpenMP runtimes.

*Cold start* is the median over process launches. The time includes creating the process, loading a
LeNet from a file, classifying an image, printing the prediction and exiting.

*Overhead* is the time of one call of `Model::run` for one image outside its kernels. A clock inside
would cost as much as the time it measures. So LeNet's twelve layers run with almost no arithmetic:
kernels of one pixel, one channel and one feature each, on an image of 4 x 4 pixels, 20
multiply-adds. The whole time of this call counts as overhead, an upper bound. `predict`, which
converts an image of bytes and makes a label, is shown beside it, and so is LeNet.

*First prediction* is that of a new LeNet after `Model::warm_up`, against its second one, in the
median over models; without a warm-up it is shown beside it.

Exits 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cnnx

from benchmarks import machine
from benchmarks.network_in_cnnx import build
from benchmarks.networks import network_named

ROOT = Path(__file__).parents[1]
# 0.35 MB are the kernels of quantized models, which any file may hold.
GOAL_MEGABYTES, GOAL_MILLISECONDS, GOAL_MICROSECONDS, GOAL_FIRST = 3.05, 10.0, 2.0, 1.5
RUNTIMES = re.compile(r"linux-vdso|ld-linux|(libc|libm|libstdc\+\+|libgcc_s|libgomp|libpthread)\.")


def run(*command: str | Path) -> str:
    """The output of a command; CMake and Ninja may be those of this environment."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "CMAKE_GENERATOR": "Ninja"}
    finished = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    if finished.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{finished.stdout}")
    return finished.stdout


def cmake_build(source: Path, folder: Path, *definitions: str) -> None:
    """Configure and build a project."""
    run("cmake", "-S", source, "-B", folder, "-DCMAKE_BUILD_TYPE=Release", *definitions)
    run("cmake", "--build", folder, "--parallel", str(os.cpu_count()))


def size(program: Path) -> bool:
    """Print the program's size and shared libraries; returns whether the goal is met."""
    megabytes = program.stat().st_size / 1e6
    print(f"classify: {megabytes:.2f} MB (goal {GOAL_MEGABYTES})")
    needed = [line.split(" (")[0].strip() for line in run("ldd", program).splitlines()]
    foreign = [line for line in needed if not RUNTIMES.search(line)]
    print("  needs " + ", ".join(Path(line.split(" ")[0]).name for line in needed))
    if foreign:
        print(f"  which are not runtimes of C, C++ or OpenMP: {', '.join(foreign)}")
    return megabytes <= GOAL_MEGABYTES and not foreign


def cold_start(program: Path, folder: Path, launches: int) -> bool:
    """Print the median launch; returns whether the goal is met."""
    model, image = folder / "lenet.cnnx", folder / "image.pgm"
    build(network_named("lenet")).save(model)
    image.write_bytes(b"P5 28 28 255\n" + bytes(range(28)) * 28)
    milliseconds = []
    for _ in range(launches):
        begun = time.perf_counter()
        said = subprocess.run([program, model, image], check=True, stdout=subprocess.PIPE).stdout
        milliseconds.append(1e3 * (time.perf_counter() - begun))
        assert said.startswith(bytes(image)), said
    median = statistics.median(milliseconds)
    worst = statistics.quantiles(milliseconds, n=20)[-1] if launches > 1 else median
    print(
        f"cold start: {median:.2f} ms, 95 % below {worst:.2f} (goal {GOAL_MILLISECONDS:.0f}), "
        f"{launches} launches"
    )
    return median <= GOAL_MILLISECONDS


def calls(program: Path, samples: int) -> bool:
    """Print the time of calls; returns whether the goals are met."""
    rows = [line.split() for line in run(program, str(samples)).splitlines()]
    times = {name: (float(ran), float(predicted)) for name, ran, predicted in rows}
    print(f"one image, {cnnx.get_num_threads()} threads:      run   predict")
    for name, label in (("lenet", "LeNet"), ("nothing", "next to nothing")):
        print(f"  {label:20}{times[name][0]:8.2f}{times[name][1]:10.2f} us")
    print(f"overhead: {times['nothing'][0]:.2f} us (goal {GOAL_MICROSECONDS:.0f})")
    first, second = times["warmed"]
    print(
        f"first prediction: {first:.1f} us after a warm-up, {first / second:.2f} times the second "
        f"(goal {GOAL_FIRST}); {times['first'][0]:.1f} us without"
    )
    return times["nothing"][0] <= GOAL_MICROSECONDS and first <= GOAL_FIRST * second


def main() -> int:
    """Build and measure; returns 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, help="a build folder of the static library")
    parser.add_argument("--launches", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="a few launches: does it run?")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library: Path = options.build or folder / "library"
        if options.build is None:
            cmake_build(ROOT, library, "-DBUILD_SHARED_LIBS=OFF")
        programs = folder / "programs"
        cmake_build(ROOT / "benchmarks" / "embedded", programs, f"-Dcnnx_DIR={library.resolve()}")
        stripped = folder / "classify"
        shutil.copy(programs / "classify", stripped)
        run("strip", stripped)
        print(machine.headline())
        met = [
            size(stripped),
            cold_start(stripped, folder, 5 if options.quick else options.launches),
            calls(programs / "call_overhead", 5 if options.quick else 201),
        ]
    return 0 if all(met) else 1


if __name__ == "__main__":
    raise SystemExit(main())
