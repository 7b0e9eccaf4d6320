"""Train steps in two processes of one thread against one process of two threads.

    python -m benchmarks.distributed_step [--networks resnet20] [--rounds 5] [--quick]

Both train the same batches; processes exchange gradients through shared memory. Rounds alternate,
and the medians count. *hidden* is the share of the communication that ran behind backward. It
includes the time that a process waits for a slower one. Exits 1 when a goal is missed. MPICH or
Open MPI, and mpi4py are needed.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import cnnx
import numpy as np

from benchmarks import machine
from benchmarks.cores import Cores
from benchmarks.options import names_from

ROOT = Path(__file__).parents[1]
# Images of a batch, and the least ratio of the speeds.
BATCHES = {"resnet20": 128, "resnet18": 16}
GOALS = {"resnet20": 0.95}
WARM_UP = 2
PATIENCE_SECONDS = 5  # for cores of one's own


class Options(argparse.Namespace):
    """The command line."""

    networks: list[str]
    rounds: int
    steps: int
    quick: bool
    measure: str | None


class Measured(NamedTuple):
    """Medians of one process's steps, in seconds, and its communication per step."""

    step: float
    exposed: float
    in_flight: float


def network(name: str) -> cnnx.Model:
    """The network, for images of its usual size."""
    if name == "resnet20":
        return cnnx.models.resnet20((32, 32, 3), classes=10)
    return cnnx.models.resnet18((224, 224, 3), classes=1000)


def measure_here(name: str, steps: int) -> Measured | None:
    """Train in the processes of mpiexec, or in this one alone; the result is process 0's."""
    communicator = cnnx.distributed.world()
    model = network(name)
    trainer = cnnx.Trainer(
        model,
        optimizer=cnnx.SGD(0.01, momentum=0.9),
        shards=communicator.processes,
        communicator=communicator,
    )
    rng = np.random.default_rng(0)
    x = rng.standard_normal((BATCHES[name], *model.input_shape)).astype(np.float32)
    y = rng.integers(0, model.output_shape[0], len(x))
    seconds = []
    before = trainer.communication
    for step in range(WARM_UP + steps):
        if step == WARM_UP:
            before = dataclasses.replace(trainer.communication)
        begun = time.perf_counter()
        trainer.step(x, y)
        seconds.append(time.perf_counter() - begun)
    times = trainer.communication
    if not communicator.is_first:
        return None
    return Measured(
        statistics.median(seconds[WARM_UP:]),
        (times.exposed - before.exposed) / steps,
        (times.in_flight - before.in_flight) / steps,
    )


def measure(name: str, processes: int, steps: int) -> Measured:
    """Train in processes of their own, of two threads together."""
    command = [sys.executable, "-m", "benchmarks.distributed_step"]
    command += ["--steps", str(steps), "--measure", name]
    if processes > 1:
        command = ["mpiexec", "-n", str(processes), *command]
    environment = {**os.environ, "CNNX_NUM_THREADS": str(2 // processes)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return Measured(*json.loads(done.stdout))


def compare(name: str, options: Options, cores: Cores) -> bool:
    """Print a network's row; returns whether it meets its goal."""
    alone: list[Measured] = []
    both: list[Measured] = []
    for _ in range(options.rounds):
        for processes, samples in ((1, alone), (2, both)):
            cores.wait(time.monotonic() + PATIENCE_SECONDS)
            samples.append(measure(name, processes, options.steps))
    ratio = statistics.median(one.step / two.step for one, two in zip(alone, both, strict=True))
    one, two = (statistics.median(each.step for each in samples) for samples in (alone, both))
    exposed = statistics.median(each.exposed for each in both)
    in_flight = statistics.median(each.in_flight for each in both)
    goal = GOALS.get(name)
    print(
        f"{name}, batch {BATCHES[name]}: one process {one * 1e3:.1f} ms, two {two * 1e3:.1f} ms, "
        f"speed ratio {ratio:.3f}"
        + ("" if goal is None else f"  goal {goal:.2f}  {'met' if ratio >= goal else 'MISSED'}")
    )
    hidden = 1 - exposed / in_flight if in_flight > 0 else 1.0
    print(
        f"    communication {in_flight * 1e3:.2f} ms, after backward {exposed * 1e3:.2f} ms: "
        f"{hidden:.0%} hidden",
        flush=True,
    )
    return goal is None or ratio >= goal


def main() -> int:
    """Print the rows; returns 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=names_from(BATCHES), default=list(BATCHES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="one short round: does it run?")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args(namespace=Options())
    if options.measure:
        measured = measure_here(options.measure, options.steps)
        if measured is not None:
            print(json.dumps(measured))
        return 0
    if shutil.which("mpiexec") is None:
        print("there is no mpiexec, expected that of MPICH or Open MPI: nothing is measured")
        return 0
    if options.quick:
        options.networks, options.rounds, options.steps = ["resnet20"], 1, 5
    print(machine.headline())
    cores = Cores(2)
    verdicts = [compare(name, options, cores) for name in options.networks]
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
