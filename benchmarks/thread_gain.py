"""One image on several threads against one thread, on an idle machine and beside a busy process.

    python -m benchmarks.thread_gain [--threads 2] [--networks mnist,resnet18] [--machine idle,busy]
    [--rounds 9] [--json FILE] [--quick] [--quiet]

Every network of `benchmarks.ladder` and of `benchmarks.deployed` predicts one image with one thread
and with --threads, in processes of their own, in turn. The busy process spins on one core. The
goals are a gain by the network's multiply-adds on the idle machine, and at most a tenth more time
than one thread beside the busy process. Exits 1 when a goal is missed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from benchmarks import machine
from benchmarks.deployed_networks import DEPLOYED
from benchmarks.libraries import Library, Turns, all_closed, alternate, show_neighbours
from benchmarks.network_description import NetworkTask, multiply_adds
from benchmarks.networks import NETWORKS, network_named
from benchmarks.options import ContestOptions, check_and_shorten, contest_parser, names_from
from benchmarks.peers import OURS
from benchmarks.timing import median_ratio

ALL = (*NETWORKS, *DEPLOYED)
MACHINES = ("idle", "busy")
# The least gain of two threads, by more multiply-adds than these.
GAINS = ((100_000_000, 1.8), (3_000_000, 1.5))
LEAST_GAIN_BESIDE_BUSY = 1 / 1.1


class Row(NamedTuple):
    """A network on one machine."""

    machine: str
    network: str
    turns: dict[str, Turns]
    gain: float  # one thread's time over several threads'


class Options(ContestOptions):
    """The command line."""

    threads: int
    networks: list[str]
    machine: list[str]


@contextmanager
def busy_process() -> Iterator[None]:
    """A process that occupies one core."""
    spinning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        spinning.kill()
        spinning.wait()


def measure(where: str, started: list[Library], network: str, options: Options) -> Row:
    """Time one network."""
    for library, count in zip(started, (1, options.threads), strict=True):
        library.prepare(NetworkTask(network, batch=1, training=False, threads=count))
    # Beside the busy process there is no core for each thread.
    turns = alternate(started, options, options.threads if where == "idle" else 1)
    one, several = (turns[library.name].medians() for library in started)
    return Row(where, network, turns, median_ratio(one, several))


def goal(row: Row) -> float | None:
    """The least gain of a row, None if it has no goal."""
    if row.machine == "busy":
        return LEAST_GAIN_BESIDE_BUSY
    count = multiply_adds(network_named(row.network))
    return next((least for more_than, least in GAINS if count > more_than), None)


def show(row: Row) -> bool:
    """Print a row; returns whether it meets its goal."""
    least = goal(row)
    times = "  ".join(f"{name} {turn.milliseconds():8.4f} ms" for name, turn in row.turns.items())
    millions = multiply_adds(network_named(row.network)) / 1e6
    met = least is None or row.gain >= least
    print(f"  {row.network:14} {millions:7.1f} M  {times}  gain {row.gain:.2f}", end="")
    print("" if least is None else f"  goal {least:.2f}  {'met' if met else 'MISSED'}", flush=True)
    return met


def parse() -> Options:
    """Read the command line."""
    parser = contest_parser(__doc__.splitlines()[0], rounds=9, seconds=0.2)
    parser.add_argument("--threads", type=int, default=2, help="compared with one (default: 2)")
    parser.add_argument("--networks", type=names_from(ALL), default=list(ALL))
    parser.add_argument("--machine", type=names_from(MACHINES), default=list(MACHINES))
    options = parser.parse_args(namespace=Options())
    if options.threads < 2:
        parser.error("--threads is compared with one: 2 or more is needed")
    check_and_shorten(parser, options, options.threads)
    return options


def rows_of(where: str, options: Options) -> Iterator[Row]:
    """The networks on one machine."""
    counts = (1, options.threads)
    libraries = [
        Library(f"threads {count}", OURS.module, environment={"OMP_NUM_THREADS": str(count)})
        for count in counts
    ]
    with all_closed(libraries) as started:
        for network in options.networks:
            yield measure(where, started, network, options)


def main() -> int:
    """Print the tables; returns 1 if a goal is missed."""
    options = parse()
    before = machine.describe()
    print(f"{machine.headline()}\nmultiply-adds, one image")
    rows: list[Row] = []
    met = True
    if "idle" in options.machine:
        print("idle machine")
        for row in rows_of("idle", options):
            rows.append(row)
            met = show(row) and met
    if "busy" in options.machine:
        print("beside a process that occupies one core")
        options.quiet = False  # it never is
        with busy_process():
            for row in rows_of("busy", options):
                rows.append(row)
                met = show(row) and met
    show_neighbours(turns for row in rows for turns in row.turns.values())
    if options.json:
        machine.save(options.json, before, {"rows": [row._asdict() for row in rows]})
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
