"""Seven whole networks against PyTorch and ONNX Runtime: train step, inference, a single image.

    python -m benchmarks.ladder --peer-python /path/to/venv/bin/python
    [--peers torch,onnxruntime] [--threads 1,2] [--networks lenet,cifar] [--isa avx2]
    [--tasks training,inference64,inference1] [--compile] [--json FILE] [--quick]

The networks (`benchmarks/networks.py`) have the same weights in every library. All libraries must
give the same logits and the same losses in the first steps of training. Training is SGD with
momentum and cross-entropy; the loss is read as a number after every step. PyTorch runs eagerly in
both of its layouts, and the better one counts; --compile also shows torch.compile. ONNX Runtime
runs a network built for the batch size, with all its graph optimisations.

Each library runs in its own process, stopped between its turns. A ratio is the peer's time over
that of cnnx within one round, and the median over the rounds counts. --isa avx2 restricts cnnx and
PyTorch to AVX2. ONNX Runtime has no such setting, so its ratio is judged only where the CPU
multiplies no faster with wider vectors. Exits 1 when a goal of the requested tasks is missed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import NamedTuple

from benchmarks import machine
from benchmarks.libraries import (
    Library,
    Turns,
    all_closed,
    alternate,
    best_ratio,
    check_agreement,
    show_neighbours,
)
from benchmarks.networks import NETWORKS, NetworkTask
from benchmarks.options import (
    ContestOptions,
    add_peer_python,
    check_and_shorten,
    contest_parser,
    names_from,
    numbers,
)
from benchmarks.timing import geometric_mean

PEERS = ("torch", "onnxruntime")
PLAIN = ("lenet", "mnist", "cifar", "resnet_trunk")
# Relative to the largest element: the effect of adding float32 numbers in another order.
WITHIN = {"logits": 1e-5, "losses": 1e-4}


class Task(NamedTuple):
    """A timed task."""

    title: str
    training: bool
    batch: int


TASKS = {
    "training": Task("train step, batch 64", True, 64),
    "inference64": Task("inference, batch 64", False, 64),
    "inference1": Task("inference, one image", False, 1),
}


class Goal(NamedTuple):
    """The least ratio at one task, of a network or as the geometric mean of several."""

    task: str
    threads: int
    peer: str
    networks: tuple[str, ...]
    least: float


def make_goals(
    task: str, threads: int, peer: str, each: dict[str, float], mean: float | None = None
) -> tuple[Goal, ...]:
    """One goal per network, and one for the plain networks together."""
    of_each = [Goal(task, threads, peer, (network,), least) for network, least in each.items()]
    together = [] if mean is None else [Goal(task, threads, peer, PLAIN, mean)]
    return (*of_each, *together)


GOALS = (
    *make_goals(
        "training",
        2,
        "torch",
        dict.fromkeys(PLAIN, 2.0) | {"mobilenet": 1.2, "resnet20": 2.0, "mobilenet_norm": 1.2},
        mean=2.4,
    ),
    *make_goals(
        "inference64",
        2,
        "onnxruntime",
        dict.fromkeys(PLAIN, 1.5) | {"mobilenet": 1.0, "resnet20": 1.8},
        mean=1.9,
    ),
    *make_goals("inference1", 1, "onnxruntime", dict.fromkeys(PLAIN, 1.7)),
)
# ONNX Runtime cannot be restricted to AVX2: only fair where wider vectors multiply no faster.
AVX2_GOALS_WHERE_EQUAL = (
    *make_goals("inference64", 2, "onnxruntime", dict.fromkeys(PLAIN, 1.4), mean=1.7),
    *make_goals("inference1", 1, "onnxruntime", dict.fromkeys(PLAIN, 1.5)),
)
AVX2_GOALS = make_goals("training", 2, "torch", dict.fromkeys(PLAIN, 1.8) | {"mobilenet": 1.2}, 2.2)


class Row(NamedTuple):
    """A network at one task and thread count."""

    task: str
    threads: int
    network: str
    turns: dict[str, Turns]
    ratios: dict[str, float]  # per peer, its best mode over cnnx


class Entry(NamedTuple):
    """The settings that start a library."""

    name: str
    peer: str
    module: str
    environment: dict[str, str]
    mode: str = ""


def entries(options: Options) -> list[Entry]:
    """The libraries that the command line selects."""
    avx2 = options.isa == "avx2"
    ours = {"CNNX_ISA": options.isa} if options.isa else {}
    theirs = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"} if avx2 else {}
    found = [Entry("cnnx", "", "benchmarks.network_in_cnnx", ours)]
    if "torch" in options.peers:
        module = "benchmarks.network_in_torch"
        for mode in ("nchw", "channels_last", *(["compile"] if options.compile else [])):
            found.append(Entry(f"torch {mode}", "torch", module, theirs, mode))
    if "onnxruntime" in options.peers:
        module = "benchmarks.network_in_onnxruntime"
        found.append(Entry("onnxruntime", "onnxruntime", module, {}))
    return found


def start(entry: Entry, threads: int, peer_python: str | None) -> Library:
    """The entry's process at one thread count."""
    python = peer_python if entry.peer else None
    environment = {**entry.environment, "OMP_NUM_THREADS": str(threads)}
    return Library(entry.name, entry.module, python, environment)


def measure(
    libraries: list[tuple[Entry, Library]],
    task: str,
    threads: int,
    network: str,
    options: Options,
) -> Row:
    """Time one network after checking that all libraries agree on its outputs."""
    taking_part = [each for each in libraries if not TASKS[task].training or can_train(each[0])]
    checks = {}
    for entry, library in taking_part:
        _, training, batch = TASKS[task]
        checks[entry.name] = library.prepare(
            NetworkTask(network, batch, training, threads, entry.mode)
        )
    check_agreement(checks, WITHIN)
    turns = alternate([each for _, each in taking_part], options)
    ratios = {}
    for peer in options.peers:
        counted = [
            entry.name for entry, _ in taking_part if entry.peer == peer and entry.mode != "compile"
        ]
        if counted:
            ratios[peer] = best_ratio(turns, counted)
    return Row(task, threads, network, turns, ratios)


def can_train(entry: Entry) -> bool:
    """Whether the library has the task: ONNX Runtime only infers."""
    return entry.peer != "onnxruntime"


def show(row: Row) -> None:
    """Print a row."""
    times = "  ".join(f"{name} {turns.milliseconds():.4g} ms" for name, turns in row.turns.items())
    ratios = "  ".join(f"{peer}/cnnx {ratio:.2f}" for peer, ratio in row.ratios.items())
    print(f"  {row.network:13} {times}   {ratios}", flush=True)


def judge(goals: tuple[Goal, ...], rows: list[Row]) -> bool:
    """Print every goal that was measured; returns whether all of these were met."""
    met = True
    print("goals")
    for goal in goals:
        found = [
            row.ratios[goal.peer]
            for row in rows
            if (row.task, row.threads) == (goal.task, goal.threads)
            and row.network in goal.networks
            and goal.peer in row.ratios
        ]
        if len(found) < len(goal.networks):
            continue
        ratio = geometric_mean(found)
        met = met and ratio >= goal.least
        word = "met" if ratio >= goal.least else "MISSED"
        what = goal.networks[0] if len(goal.networks) == 1 else "geometric mean"
        print(
            f"  {goal.task:12} {goal.peer:12} {what:15} {ratio:.2f}  goal {goal.least:.1f}  {word}"
        )
    return met


def samples(rows: list[Row]) -> list[dict[str, object]]:
    """All measurements, for the JSON file."""
    return [
        {**row._asdict(), "turns": {name: turns._asdict() for name, turns in row.turns.items()}}
        for row in rows
    ]


class Options(ContestOptions):
    """The command line."""

    peer_python: str | None
    peers: list[str]
    threads: list[int]
    networks: list[str]
    tasks: list[str]
    isa: str | None
    compile: bool


def parse() -> Options:
    """Read the command line."""
    networks, tasks = tuple(NETWORKS), tuple(TASKS)
    parser = contest_parser(__doc__.splitlines()[0], rounds=5, seconds=0.5)
    add_peer_python(parser)
    parser.add_argument("--peers", type=names_from(PEERS), default=list(PEERS))
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--networks", type=names_from(networks), default=list(networks))
    parser.add_argument("--tasks", type=names_from(tasks), default=list(tasks))
    parser.add_argument("--isa", help="as CNNX_ISA; avx2 binds PyTorch too")
    parser.add_argument("--compile", action="store_true", help="show torch.compile, too")
    options = parser.parse_args(namespace=Options())
    check_and_shorten(parser, options, max(options.threads))
    if not options.peer_python:
        options.peers = []
    return options


def climb(options: Options, versions: dict[str, str]) -> list[Row]:
    """Measure and print every row; adds the versions of the libraries."""
    rows: list[Row] = []
    entered = entries(options)
    for threads in options.threads:
        with all_closed([start(each, threads, options.peer_python) for each in entered]) as started:
            if not versions:
                for each in started:
                    versions.update(each.versions)
                print(", ".join(f"{name} {version}" for name, version in versions.items()))
            libraries = list(zip(entered, started, strict=True))
            for task in options.tasks:
                print(f"{TASKS[task].title}, threads {threads}", flush=True)
                for network in options.networks:
                    rows.append(measure(libraries, task, threads, network, options))
                    show(rows[-1])
    return rows


def peak_of(isa: str) -> float:
    """Fused multiply-adds per second on one thread; 0 if the CPU lacks the instructions."""
    command = [sys.executable, "-c", "from benchmarks.peak import Peak; print(Peak()())"]
    environment = {**os.environ, "CNNX_ISA": isa}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return float(found.stdout) if found.returncode == 0 else 0.0


def goals_of(isa: str | None) -> tuple[Goal, ...]:
    """The goals of a CPU restricted to this instruction set."""
    if isa != "avx2":
        return GOALS
    narrow, wide = peak_of("avx2"), peak_of("avx512")
    print(f"peak of one thread: AVX2 {narrow / 1e9:.0f} GFLOP/s, AVX-512 {wide / 1e9:.0f} GFLOP/s")
    return AVX2_GOALS + (AVX2_GOALS_WHERE_EQUAL if wide < 1.15 * narrow else ())


def main() -> int:
    """Print the ladder; 1 when a goal is missed."""
    options = parse()
    before = machine.describe()
    print(machine.headline())
    versions: dict[str, str] = {}
    rows = climb(options, versions)
    show_neighbours(turns for row in rows for turns in row.turns.values())
    if options.json:
        content = {"versions": versions, "isa": options.isa, "rows": samples(rows)}
        machine.save(options.json, before, content)
    if not options.peers:
        return 0
    return 0 if judge(goals_of(options.isa), rows) else 1


if __name__ == "__main__":
    sys.exit(main())
