"""Training on several machines: costs measured here, a prediction, and its check on a slow network.

    python -m benchmarks.scale_out [--parts prediction,check] [--quick]

*costs*: the computation of a train step in 1, 2 and 4 processes of one thread, and the exchange of
its gradients over TCP. *prediction*: the efficiency of 2 to 256 machines like this one by the model
in `benchmarks.scale_model`. *check*: exchanges of processes whose network is throttled
(`benchmarks.throttled_network`), against the same model, which knows nothing of these exchanges.
Exits 1 if a measured time differs from the prediction by more than 15 %. MPICH and mpi4py are
needed, and root on Linux for the check.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks import machine
from benchmarks.options import RoundOptions, names_from, round_parser
from benchmarks.scale_model import Bucket, Compute, Costs, Link, exchange, fit, simulate
from benchmarks.throttled_network import DEVICE, ENVIRONMENT, Network, command, obstacle

ROOT = Path(__file__).parents[1]
PARTS = ("prediction", "check")
PROCESSES = (1, 2, 4)
CHECKED = {"resnet20": 32, "resnet18": 4}  # images per process
PREDICTED = {"resnet18": 32, "resnet50": 32}
MACHINES = (2, 4, 8, 16, 32, 64, 128, 256)
GIGABITS = (1, 10, 25, 100)
# One way between machines of a cluster, through the kernels of both.
CLUSTER_LATENCY = 30e-6
# Of a frame's 1,538 bytes on the wire TCP carries 1,448.
WIRE_BYTES = 1538 / 1448
BUCKET_BYTES = 4 << 20
THROTTLED = (Network(1000, 0.0), Network(200, 0.0), Network(200, 0.001))
MOST_DEVIATION = 0.15
EXCHANGED = (4096, 16384, 65536, 262_144, 1_048_576, 4_194_304)


class Options(RoundOptions):
    """The command line."""

    parts: list[str]


class Computed(NamedTuple):
    """The computation of a step as measured by `benchmarks.computed_steps`."""

    step: float
    loss: float
    update: float
    layers: list[tuple[float, float, int]]

    def cut(self) -> Compute:
        """Cut backward into buckets."""
        backward = sum(layer[1] for layer in self.layers)
        buckets: list[Bucket] = []
        seconds, count = 0.0, 0
        for _, own, size in reversed(self.layers):
            seconds, count = seconds + own, count + int(size)
            if count >= BUCKET_BYTES:
                buckets.append(Bucket(seconds, count))
                seconds, count = 0.0, 0
        buckets.append(Bucket(seconds, count))
        return Compute(self.step - backward - self.update, tuple(buckets), self.update)


def run_worker(command: list[str], environment: dict[str, str]) -> object:
    """Run a command; returns the JSON that it prints."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def processes_here(count: int, *worker: str) -> list[str]:
    """The command line of processes without a network of their own."""
    return ["mpiexec", "-bind-to", "core", "-n", str(count), sys.executable, "-m", *worker]


def computed(network: str, images: int, processes: int, threads: int, steps: int) -> Computed:
    """Measure the computation of a step."""
    numbers = map(str, (images, threads, steps))
    worker = ("benchmarks.computed_steps", network, *numbers)
    command = processes_here(processes, *worker)
    if processes == 1:
        command[1:3] = []  # all cores
    found = run_worker(command, {"OMP_NUM_THREADS": str(threads)})
    assert isinstance(found, list)
    return Computed(*found)


def exchange_costs() -> Costs:
    """Measure exchanges of two processes over the loopback device."""
    worker = ("benchmarks.exchange_time", ",".join(map(str, EXCHANGED)))
    loopback = {name: value.replace(DEVICE, "lo") for name, value in ENVIRONMENT.items()}
    found = run_worker(processes_here(2, *worker), loopback)
    assert isinstance(found, list)
    return fit(found, processes=2)


def show_costs(options: Options) -> Costs:
    """Print the costs of computation and of exchanges."""
    print("computation of a train step, one thread in each process")
    for network, images in CHECKED.items():
        steps = [computed(network, images, count, 1, 5).step for count in PROCESSES]
        pairs = zip(PROCESSES, steps, strict=True)
        times = "  ".join(f"{count}: {1e3 * step:7.1f} ms" for count, step in pairs)
        print(f"  {network:9} {images:3} images each, processes {times}", flush=True)
    costs = exchange_costs()
    print(
        f"exchange over TCP: {1e6 * costs.message:.0f} us per message, "
        f"{1e9 * costs.byte:.2f} ns of processor time per byte, "
        f"{1e9 * costs.addition:.2f} ns per byte added",
        flush=True,
    )
    return costs


def show_prediction(costs: Costs, threads: int) -> None:
    """Print the efficiency of many machines."""
    print(f"predicted efficiency of machines like this one, {threads} threads, one shard each")
    for network, images in PREDICTED.items():
        compute = computed(network, images, 1, threads, 2).cut()
        alone = compute.forward + compute.backward + compute.update
        print(f"  {network}, {images} images each, {1e3 * alone:.0f} ms alone; machines")
        print("             " + "".join(f"{count:7}" for count in MACHINES))
        for gigabits in GIGABITS:
            for name, used in (("TCP", costs), ("RDMA", costs._replace(byte=0.0))):
                link = Link(CLUSTER_LATENCY, gigabits * 1e9 / 8 / WIRE_BYTES)
                row = [alone / simulate(compute, count, link, used).seconds for count in MACHINES]
                figures = "".join(f"{each:7.2f}" for each in row)
                print(f"  {gigabits:4} Gbit/s {name:4}{figures}", flush=True)


def judge(what: str, predicted: float, measured: float) -> bool:
    """Print a row; returns whether the measurement agrees with the prediction."""
    ratio = measured / predicted
    met = abs(ratio - 1.0) <= MOST_DEVIATION
    times = f"predicted {1e3 * predicted:8.1f} ms  measured {1e3 * measured:8.1f} ms"
    goal = f"goal 1 +- {MOST_DEVIATION}  {'met' if met else 'MISSED'}"
    print(f"  {what:38} {times}  ratio {ratio:.2f}  {goal}", flush=True)
    return met


def check_exchanges(costs: Costs) -> bool:
    """Compare exchanges on a throttled network with their prediction."""
    print("exchanges on throttled networks")
    met = True
    for processes in (2, 4):
        for network in THROTTLED:
            worker = ("benchmarks.exchange_time", "1048576,4194304")
            program = [sys.executable, "-m", *worker]
            found = run_worker(command(network, processes, program), {})
            assert isinstance(found, list)
            link = Link(network.latency, network.megabits * 1e6 / 8 / WIRE_BYTES)
            for count, *measured in found:
                phases = exchange(count, processes, 1, link, costs)
                what = f"{network}, {processes} processes, {count / 2**20:g} MB"
                met &= judge(what, sum(phase.seconds for phase in phases), sum(measured))
    return met


def parse() -> Options:
    """Read the command line."""
    parser = round_parser(__doc__.splitlines()[0], rounds=3)
    parser.add_argument("--parts", type=names_from(PARTS), default=list(PARTS))
    return parser.parse_args(namespace=Options())


def main() -> int:
    """Print the tables; returns 1 if a prediction is off."""
    options = parse()
    if shutil.which("mpiexec") is None or importlib.util.find_spec("mpi4py") is None:
        sys.exit("scale_out needs mpiexec and mpi4py: apt-get install mpich; pip install mpi4py")
    print(machine.headline())
    costs = show_costs(options)
    if "prediction" in options.parts:
        show_prediction(costs, os.cpu_count() or 1)
    if "check" not in options.parts:
        return 0
    reason = obstacle()
    if reason is not None:
        print(f"The check on a throttled network was skipped: {reason}.")
        return 0
    return 0 if check_exchanges(costs) else 1


if __name__ == "__main__":
    sys.exit(main())
