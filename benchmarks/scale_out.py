"""Training on several machines: costs measured here, a prediction, and its check on a slow network.

    python -m benchmarks.scale_out [--parts prediction,check] [--networks resnet20] [--rounds 3]
    [--json FILE] [--quick]

First it measures the computation of a train step in 1, 2 and 4 processes of one thread each, and
the exchange of gradients over TCP. *prediction* is the efficiency of 2 to 256 machines like this
one by the model in `benchmarks.scale_model`. *check* compares steps of `cnnx.distributed` on a
throttled network (`benchmarks.throttled_network`) with the same model, which knows the settings of
the network and none of these steps. Exits 1 if a step differs from its prediction by more than
15 %. MPICH and mpi4py are needed, and root on Linux for the check.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import NamedTuple

from benchmarks import machine
from benchmarks.cores import cores_for
from benchmarks.neighbours import QUIET_FRACTION, Neighbours
from benchmarks.options import RoundOptions, names_from, round_parser
from benchmarks.scale_model import Bucket, Compute, Costs, Link, Step, fit, simulate
from benchmarks.throttled_network import DEVICE, ENVIRONMENT, Network, command, obstacle

ROOT = Path(__file__).parents[1]
PARTS = ("prediction", "check")
PROCESSES = (1, 2, 4)
STEPS = {"resnet20": 25, "resnet18": 5, "resnet50": 2}
# Images in each process.
MEASURED = (("resnet20", 32), ("resnet18", 4))
# Images on each machine.
PREDICTED = {"resnet18": 32, "resnet50": 32}
MACHINES = (2, 4, 8, 16, 32, 64, 128, 256)
GIGABITS = (1, 10, 25, 100)
# A usual machine of a cluster; it computes as many times as fast as it has more cores.
CLUSTER_CORES = 32
# One way between machines of a cluster, through the kernels of both.
CLUSTER_LATENCY = 30e-6
# Of a frame's 1,538 bytes on the wire TCP carries 1,448.
WIRE_BYTES = 1538 / 1448
EXCHANGED = (4096, 65536, 262_144, 1_048_576, 4_194_304)
MOST_DEVIATION = 0.15
# Of a round that was disturbed, and seconds to wait for good cores before it.
ATTEMPTS, PATIENCE_SECONDS = 3, 20


class Case(NamedTuple):
    """A training to check."""

    name: str
    images: int  # of a shard
    processes: int
    shards: int
    network: Network

    def __str__(self) -> str:
        size = f"{self.name}, {self.shards} x {self.images} images, {self.processes} processes"
        return f"{size}, {self.network}"


FAST, SLOW, DISTANT = Network(1000, 0.0), Network(200, 0.0), Network(200, 0.001)
QUICK_CASES = (Case("resnet20", 32, 2, 2, SLOW),)
CASES = (
    *(Case("resnet20", 32, 2, 2, network) for network in (FAST, SLOW, DISTANT)),
    Case("resnet20", 8, 2, 8, SLOW),
    *(Case("resnet20", 32, 4, 4, network) for network in (FAST, SLOW, DISTANT)),
    *(Case("resnet18", 4, 2, 2, network) for network in (FAST, SLOW)),
    Case("resnet18", 8, 2, 2, FAST),
)


class Options(RoundOptions):
    """The command line."""

    parts: list[str]
    networks: list[str]


class Computed(NamedTuple):
    """The computation of a step as measured by `benchmarks.computed_steps`."""

    step: float
    update: float
    layers: list[tuple[float, int]]
    segments: list[int]

    def cut(self) -> Compute:
        """Cut backward where the segments of the gradients are complete."""
        backward = sum(seconds for seconds, _ in self.layers)
        missing = deque(self.segments)
        buckets: list[Bucket] = []
        seconds, done = 0.0, 0
        for own, size in reversed(self.layers):
            seconds, done = seconds + own, done + int(size)
            while missing and done >= missing[0]:
                done -= missing[0]
                buckets.append(Bucket(seconds, missing.popleft()))
                seconds = 0.0
        # Layers without parameters, and the statistics of batch norms.
        buckets.append(Bucket(seconds, sum(missing)))
        return Compute(self.step - backward - self.update, tuple(buckets), self.update)


def run_worker(words: list[str], environment: dict[str, str]) -> list[float]:
    """Run a command; returns the JSON that it prints."""
    done = subprocess.run(
        words,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


def processes_here(count: int, *worker: str) -> list[str]:
    """The command line of processes without a network of their own, each on one core."""
    return ["mpiexec", "-bind-to", "core", "-n", str(count), sys.executable, "-m", *worker]


def computed(network: str, images: int, processes: int, threads: int) -> Computed:
    """Measure the computation of a step."""
    numbers = map(str, (images, threads, STEPS[network]))
    words = processes_here(processes, "benchmarks.computed_steps", network, *numbers)
    if threads > 1:
        words = words[words.index(sys.executable) :]
    return Computed(*run_worker(words, {"OMP_NUM_THREADS": str(threads)}))  # type: ignore[arg-type]


@functools.cache
def exchange_costs(processes: int) -> Costs:
    """Measure exchanges over the loopback device."""
    worker = ("benchmarks.exchange_time", ",".join(map(str, EXCHANGED)))
    loopback = {name: value.replace(DEVICE, "lo") for name, value in ENVIRONMENT.items()}
    *seconds, addition = run_worker(processes_here(processes, *worker), loopback)
    return fit(EXCHANGED, seconds, addition, processes)


def show_costs(options: Options) -> None:
    """Print the costs of computation and of exchanges."""
    print("computation of a train step, one thread in each process")
    for network, images in MEASURED[:1] if options.quick else MEASURED:
        steps = [computed(network, images, count, 1).step for count in PROCESSES]
        pairs = zip(PROCESSES, steps, strict=True)
        times = "  ".join(f"{count}: {1e3 * step:7.1f} ms" for count, step in pairs)
        print(f"  {network:9} {images:3} images each, processes {times}", flush=True)
    print("exchange over TCP")
    for count in PROCESSES[1:]:
        costs = exchange_costs(count)
        print(
            f"  {count} processes: {1e6 * costs.message:.0f} us per message, "
            f"{1e9 * costs.byte:.2f} ns of processor time per byte, "
            f"{1e9 * costs.addition:.2f} ns per byte added",
            flush=True,
        )


def efficiencies(compute: Compute, costs: Costs, link: Link) -> list[float]:
    """The speed of several machines over that of one, by their number."""
    steps = [simulate(compute, count, link, costs).seconds for count in MACHINES]
    return [compute.seconds(1) / step for step in steps]


def show_prediction() -> list[object]:
    """Print the efficiency of many machines; returns the rows."""
    threads, costs = os.cpu_count() or 1, exchange_costs(2)
    rows: list[object] = []
    for network, images in PREDICTED.items():
        here = computed(network, images, 1, threads)
        for cores in (threads, CLUSTER_CORES):
            compute = here.cut().scaled(threads / cores)
            title = f"{network}, {images} images on each machine of {cores} cores"
            print(f"predicted efficiency, {title}, {1e3 * compute.seconds(1):.0f} ms alone")
            print("  machines         " + "".join(f"{count:6}" for count in MACHINES))
            for gigabits in GIGABITS:
                tcp = Link(CLUSTER_LATENCY, gigabits * 1e9 / 8 / WIRE_BYTES)
                rdma = tcp._replace(buffer=math.inf), costs._replace(byte=0.0)
                for name, (link, used) in {"TCP": (tcp, costs), "RDMA": rdma}.items():
                    row = efficiencies(compute, used, link)
                    figures = "".join(f"{each:6.2f}" for each in row)
                    print(f"  {gigabits:4} Gbit/s {name:4}{figures}", flush=True)
                    rows.append((network, images, cores, gigabits, name, row))
    return rows


def predict(case: Case) -> Step:
    """Predict a step from its computation, which is measured now."""
    compute = computed(case.name, case.images, case.processes, 1).cut()
    link = Link(case.network.latency, case.network.megabits * 1e6 / 8 / WIRE_BYTES)
    return simulate(compute, case.processes, link, exchange_costs(case.processes), case.shards)


def measure(case: Case) -> Step:
    """Measure steps on the throttled network."""
    numbers = map(str, (case.images, case.shards, STEPS[case.name]))
    program = [sys.executable, "-m", "benchmarks.distributed_steps", case.name, *numbers]
    words = command(case.network, case.processes, program)
    return Step(*run_worker(words, {"OMP_NUM_THREADS": "1"}))


def undisturbed_round(case: Case, quick: bool) -> tuple[Step, Step]:
    """Predict and measure a case, again if other processes or the host disturbed it, or `quick`,
    once.
    """
    cores = cores_for(1 if quick else min(case.processes, os.cpu_count() or 1))
    for _ in range(1 if quick else ATTEMPTS):
        cores.wait(time.monotonic() + PATIENCE_SECONDS)
        neighbours, before = Neighbours(), resource.getrusage(resource.RUSAGE_CHILDREN)
        predicted = predict(case)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        is_quiet = not neighbours.fraction(own) > QUIET_FRACTION
        measured = measure(case)
        if is_quiet and cores.are_good():
            break
    return predicted, measured


def check(case: Case, options: Options) -> dict[str, object]:
    """Compare a training with its prediction; prints a row, the median of the rounds."""
    pairs = [undisturbed_round(case, options.quick) for _ in range(options.rounds)]
    pairs.sort(key=lambda pair: pair[1].seconds / pair[0].seconds)
    predicted, measured = pairs[len(pairs) // 2]
    ratio = measured.seconds / predicted.seconds
    met = abs(ratio - 1.0) <= MOST_DEVIATION
    print(
        f"  {case!s:62} predicted {1e3 * predicted.seconds:7.1f} ms, hidden {predicted.hidden:3.0%}"
        f"  measured {1e3 * measured.seconds:7.1f} ms, hidden {measured.hidden:3.0%}"
        f"  ratio {ratio:.2f}  goal 1 +- {MOST_DEVIATION}  {'met' if met else 'MISSED'}",
        flush=True,
    )
    return {"case": case, "rounds": pairs, "met": met}


def parse() -> Options:
    """Read the command line."""
    parser = round_parser(__doc__.splitlines()[0], rounds=1)
    parser.add_argument("--parts", type=names_from(PARTS), default=list(PARTS))
    checked = tuple(dict.fromkeys(case.name for case in CASES))
    parser.add_argument(
        "--networks", type=names_from(checked), default=list(checked), help="of the check"
    )
    options = parser.parse_args(namespace=Options())
    if options.quick:
        options.parts, options.rounds = ["check"], 1
    return options


def main() -> int:
    """Print the tables; returns 1 if a prediction is off."""
    options = parse()
    if shutil.which("mpiexec") is None or importlib.util.find_spec("mpi4py") is None:
        sys.exit(
            "scale_out: mpiexec or mpi4py is missing: apt-get install mpich; pip install mpi4py"
        )
    before = machine.describe()
    print(machine.headline())
    show_costs(options)
    prediction = show_prediction() if "prediction" in options.parts else []
    rows: list[dict[str, object]] = []
    if "check" in options.parts:
        reason = obstacle()
        if reason is None:
            print("train steps on throttled networks, one thread in each process")
            chosen = QUICK_CASES if options.quick else CASES
            chosen = tuple(case for case in chosen if case.name in options.networks)
            rows = [check(case, options) for case in chosen]
        else:
            print(f"The check on a throttled network was skipped: {reason}.")
    if options.json:
        machine.save(options.json, before, {"prediction": prediction, "check": rows})
    return 0 if all(row["met"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
