"""The memory of a train step of large images against PyTorch: the peak resident set.

    python -m benchmarks.training_memory --peer-python /path/to/venv/bin/python
    [--networks resnet18,mobilenet_v2] [--batch IMAGES] [--threads 2] [--precision bfloat16]

Each network is trained for a few steps in a process of its own. The resident set after the library
has been loaded is subtracted from its peak, which so includes the parameters, the gradients, the
momentum, and the images. The peak of the whole process is shown beside it. PyTorch runs eagerly in
both of its layouts, and the better one counts. The step with `recompute` has a goal for its time,
too, and is measured again with the other one if other processes made it slower. A batch eight times
as large is trained as eight shards, of images in bytes, and compared with a plain step of such
images. With --precision bfloat16, a step that computes in it is compared with one of float32, both
of cnnx, and with PyTorch's autocast. Linux only. Exits 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import machine
from benchmarks.deployed_networks import DEPLOYED
from benchmarks.network_description import BFLOAT16, FLOAT32, SHARDS, draw_batch, draw_parameters
from benchmarks.options import add_peer_python, names_from

ROOT = Path(__file__).parents[1]
# The most of PyTorch's memory, without and with recompute, and of the time without it.
GOALS = {"resnet18": 0.40, "mobilenet_v2": 0.35}
RECOMPUTE_GOAL, RECOMPUTE_TIME_GOAL = 0.25, 1.35
SHARDS_GOALS = {"resnet18": 1.2}  # the most of a plain step's memory, for a batch in shards
BFLOAT16_GOAL = 0.65  # the most of the memory in float32
# Of eight images, parameters, their gradients and the momentum are most of ResNet-18's memory.
BFLOAT16_BATCH = 32
STEPS = 4
ATTEMPTS = 3  # to measure a time: the shortest ones count
OURS = "benchmarks.network_in_cnnx"
LAYOUTS = ("nchw", "channels_last")
TRAINED = ("resnet18", "resnet50", "mobilenet_v2")


class Options(argparse.Namespace):
    """The command line."""

    peer_python: str | None
    networks: list[str]
    batch: int
    threads: int
    precision: str
    measure: list[str] | None


def status(field: str) -> int:
    """Bytes of a field of /proc/self/status."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return 1024 * int(value.split()[0])
    raise ValueError(f"/proc/self/status has no {field}")


class Training(NamedTuple):
    """The peak resident set of a process that trains, in bytes, and the median time of a step."""

    beyond_library: int
    whole: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.beyond_library / 1e6:.0f} MB ({self.whole / 1e6:.0f})"


def train_here(name: str, mode: str, network: str, options: Options) -> Training:
    """Train in this process."""
    module = importlib.import_module(name)
    x, y = draw_batch(DEPLOYED[network], options.batch * (SHARDS if mode == "shards" else 1))
    if mode in ("bytes", "shards"):
        x = (255 * x).astype(np.uint8)
    loaded = status("VmRSS") - x.nbytes
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again
    step = module.own_stepper(DEPLOYED[network], x, y, options.threads, mode)
    samples = []
    for _ in range(STEPS):
        begun = time.perf_counter()
        step()
        samples.append(time.perf_counter() - begun)
    whole = status("VmHWM")
    return Training(whole - loaded, whole, statistics.median(samples[1:]))


def train(module: str, mode: str, network: str, options: Options) -> Training:
    """Train in a process of its own."""
    python = sys.executable if module == OURS else options.peer_python
    command = [str(python), "-m", "benchmarks.training_memory"]
    command += ["--batch", str(options.batch), "--threads", str(options.threads)]
    found = subprocess.run(
        [*command, "--measure", module, mode, network],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": str(options.threads)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    beyond_library, whole, seconds = found.stdout.split()
    return Training(int(beyond_library), int(whole), float(seconds))


def judge(figure: str, ratio: float, most: float | None) -> bool:
    """Print a ratio; returns whether it meets its goal, if it has one."""
    met = most is None or ratio <= most
    print(f"    {figure:38} {ratio:.2f}", end="")
    print("" if most is None else f"  goal {most:.2f}  {'met' if met else 'MISSED'}", flush=True)
    return met


def compare_shards(network: str, options: Options) -> bool:
    """Print the memory of a batch in shards; returns whether it meets its goal."""
    plain, sharded = (train(OURS, mode, network, options) for mode in ("bytes", "shards"))
    print(f"    images in bytes: cnnx {plain}  {SHARDS} times as many, {SHARDS} shards {sharded}")
    ratio = sharded.beyond_library / plain.beyond_library
    met = judge("batch in shards / one shard", ratio, SHARDS_GOALS.get(network))
    judge("batch in shards / one shard, processes", sharded.whole / plain.whole, None)
    slower = sharded.seconds / (SHARDS * plain.seconds)
    judge("time in shards / that of as many steps", slower, None)
    return met


def compare_precisions(network: str, options: Options) -> bool:
    """Print the memory in bfloat16; returns whether it meets its goal."""
    ours, lower = (train(OURS, mode, network, options) for mode in ("", BFLOAT16))
    print(f"  {network}: cnnx {ours}  cnnx in bfloat16 {lower}", flush=True)
    ratio = lower.beyond_library / ours.beyond_library
    met = judge("bfloat16 / float32", ratio, BFLOAT16_GOAL)
    judge("bfloat16 / float32, processes", lower.whole / ours.whole, None)
    parameters = draw_parameters(DEPLOYED[network])
    values = sum(array.nbytes for each in parameters for array in each.arrays())
    constant = 3 * values  # the parameters, their gradients and the momentum are float32
    others = (lower.beyond_library - constant) / (ours.beyond_library - constant)
    judge("beyond parameters and optimizer", others, None)
    if options.peer_python:
        best = best_of_torch("benchmarks.bfloat16_in_torch", network, options)
        judge("cnnx / torch, both in bfloat16", lower.beyond_library / best.beyond_library, None)
    return met


def best_of_torch(module: str, network: str, options: Options) -> Training:
    """Print PyTorch's memory in both of its layouts; returns the better one."""
    found = {layout: train(module, layout, network, options) for layout in LAYOUTS}
    print("    " + "  ".join(f"torch {layout} {memory}" for layout, memory in found.items()))
    return min(found.values())


def train_both(network: str, options: Options) -> list[Training]:
    """Train without and with recompute."""
    return [train(OURS, mode, network, options) for mode in ("", "recompute")]


def compare(network: str, options: Options) -> bool:
    """Print a network's rows; returns whether it meets its goals."""
    ours, again = train_both(network, options)
    print(f"  {network}: cnnx {ours}  cnnx with recompute {again}", flush=True)
    judged = network in GOALS
    fastest = [ours.seconds, again.seconds]
    for _ in range(ATTEMPTS - 1 if judged else 0):
        if fastest[1] <= RECOMPUTE_TIME_GOAL * fastest[0]:
            break
        later = train_both(network, options)
        fastest = [min(old, new.seconds) for old, new in zip(fastest, later, strict=True)]
    slower = fastest[1] / fastest[0]
    met = judge("time with recompute / without", slower, RECOMPUTE_TIME_GOAL if judged else None)
    met &= compare_shards(network, options)
    if not options.peer_python:
        return met
    best = best_of_torch("benchmarks.network_in_torch", network, options)
    for what, memory, most in (
        ("cnnx / torch", ours, GOALS.get(network)),
        ("cnnx with recompute / torch", again, RECOMPUTE_GOAL if judged else None),
    ):
        met &= judge(what, memory.beyond_library / best.beyond_library, most)
        judge(f"{what}, whole processes", memory.whole / best.whole, None)
    return met


def main() -> int:
    """Print the rows; returns 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_peer_python(parser)
    parser.add_argument("--networks", type=names_from(TRAINED), default=list(TRAINED))
    parser.add_argument("--batch", type=int, help="8 images; 32 with --precision bfloat16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=(FLOAT32, BFLOAT16), default=FLOAT32)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(namespace=Options())
    if options.batch is None:
        options.batch = BFLOAT16_BATCH if options.precision == BFLOAT16 else 8
    if options.measure:
        print(*train_here(*options.measure, options))
        return 0
    print(machine.headline())
    print(f"peak of a train step beyond the library (of the process), batch {options.batch}")
    comparison = compare_precisions if options.precision == BFLOAT16 else compare
    verdicts = [comparison(network, options) for network in options.networks]
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
