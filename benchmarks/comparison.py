"""Whole networks in cnnx and in other libraries: rows of times, and goals for their ratios.

A command gives its networks, tasks and goals. Each library runs in its own process, stopped between
its turns. A ratio is the peer's time over that of cnnx within one round, and the median over the
rounds counts; the ratio to the peer "best" is that to the fastest library of the row in the same
precision. In int8 and bfloat16, "best of all" is the fastest one in any precision, and "cnnx
float32" is cnnx.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from benchmarks.network_description import FLOAT32, INT8, NetworkTask
from benchmarks.options import (
    ContestOptions,
    add_peer_python,
    check_and_shorten,
    contest_parser,
    numbers,
)
from benchmarks.peers import PEERS, Entry, Task, entries, start
from benchmarks.timing import geometric_mean

BEST, BEST_OF_ALL = "best", "best of all"
OWN_FLOAT32 = f"cnnx {FLOAT32}"


class Goal(NamedTuple):
    """The least ratio at one task, of a network or as the geometric mean of several."""

    task: str
    threads: int
    peer: str
    networks: tuple[str, ...]
    least: float


def quantized_goals(tasks: Sequence[str], networks: tuple[str, ...]) -> tuple[Goal, ...]:
    """The goals of int8 on two threads: each network at each task, and their geometric mean."""
    return tuple(
        goal
        for task in tasks
        for goal in (
            *(Goal(task, 2, BEST, (network,), 0.95) for network in networks),
            Goal(task, 2, BEST, networks, 1.15),
        )
    )


def goals_of_each(
    task: str, threads: int, peer: str, each: Mapping[str, float]
) -> tuple[Goal, ...]:
    """One goal per network."""
    return tuple(Goal(task, threads, peer, (network,), least) for network, least in each.items())


class Row(NamedTuple):
    """A network at one task and thread count."""

    task: str
    threads: int
    network: str
    turns: dict[str, Turns]
    ratios: dict[str, float]  # per peer, its best mode over cnnx, and those of the best peers


class Options(ContestOptions):
    """The command line."""

    peer_python: str | None
    peers: list[str]
    threads: list[int]
    networks: list[str]
    tasks: list[str]
    precision: str
    isa: str | None
    compile: bool


class Comparison(NamedTuple):
    """The rows of a command."""

    tasks: Mapping[str, Task]
    networks: tuple[str, ...]
    peers: tuple[str, ...]
    takes: Callable[[str, str], bool] = lambda task, network: True


def parse(
    description: str, comparisons: Mapping[str, Comparison], rounds: int, seconds: float
) -> Options:
    """Read the command line of a command with one comparison per precision."""
    parser = contest_parser(description, rounds=rounds, seconds=seconds)
    add_peer_python(parser)
    parser.add_argument("--precision", choices=comparisons, default=FLOAT32)
    for option in ("--peers", "--networks", "--tasks"):
        parser.add_argument(option, type=lambda text: text.split(","))
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument(
        "--isa", help="as CNNX_ISA; avx2, avx512_vnni and avx512_bf16 bind peers, too"
    )
    parser.add_argument("--compile", action="store_true", help="show torch.compile, too")
    options = parser.parse_args(namespace=Options())
    comparison = comparisons[options.precision]
    for option, known in (
        ("peers", comparison.peers),
        ("networks", comparison.networks),
        ("tasks", tuple(comparison.tasks)),
    ):
        chosen = getattr(options, option) or list(known)
        for name in chosen:
            if name not in known:
                parser.error(f"--{option}: {name!r} is none of {', '.join(known)}")
        setattr(options, option, chosen)
    check_and_shorten(parser, options, max(options.threads))
    if not options.peer_python:
        options.peers = []
    return options


def measure(
    comparison: Comparison,
    libraries: Sequence[tuple[Entry, Library]],
    task_name: str,
    threads: int,
    network: str,
    options: Options,
) -> Row:
    """Time one network after checking that all libraries agree on its outputs. A peer in int8
    that is not precise enough is left out.
    """
    task = comparison.tasks[task_name]
    taking_part = []
    expected: dict[str, list[float]] = {}
    for entry, library in libraries:
        if not entry.library.has(task, network):
            continue
        figures = library.prepare(
            NetworkTask(network, task.batch, task.training, threads, entry.mode)
        )
        expected = expected or figures
        try:
            check_agreement({"cnnx": expected, entry.name: figures}, entry.library.within)
        except ValueError as difference:
            if not entry.peer or entry.precision != INT8:
                raise
            print(f"  {network:13} left out: {difference}", flush=True)
            continue
        taking_part.append((entry, library))
    turns = alternate([library for _, library in taking_part], options, threads)
    ratios = ratios_of([entry for entry, _ in taking_part], turns, options.precision, threads)
    return Row(task_name, threads, network, turns, ratios)


def ratios_of(
    measured: Sequence[Entry], turns: Mapping[str, Turns], precision: str, threads: int
) -> dict[str, float]:
    """The ratios of a row."""
    candidates: dict[str, list[str]] = {}
    for entry in measured:
        same, judged = entry.precision == precision, entry.counts
        if judged and same:
            candidates.setdefault(entry.peer, []).append(entry.name)
        judged = judged and PEERS[entry.peer].is_judged(threads)
        if judged and same:
            candidates.setdefault(BEST, []).append(entry.name)
        if judged and precision != FLOAT32:
            candidates.setdefault(BEST_OF_ALL, []).append(entry.name)
        if not entry.peer and not same:
            candidates[entry.name] = [entry.name]
    return {peer: best_ratio(turns, names) for peer, names in candidates.items()}


def show(row: Row) -> None:
    """Print a row."""
    times = "  ".join(f"{name} {turns.milliseconds():.4g} ms" for name, turns in row.turns.items())
    ratios = "  ".join(f"{peer}/cnnx {ratio:.2f}" for peer, ratio in row.ratios.items())
    print(f"  {row.network:13} {times}   {ratios}", flush=True)


def judge(goals: Sequence[Goal], rows: Sequence[Row]) -> bool:
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
            f"  {goal.task:12} threads {goal.threads}  {goal.peer:12} {what:15} {ratio:.2f}  "
            f"goal {goal.least:.2f}  {word}"
        )
    return met


def samples(rows: Sequence[Row]) -> list[dict[str, object]]:
    """All measurements, for the JSON file."""
    return [
        {**row._asdict(), "turns": {name: turns._asdict() for name, turns in row.turns.items()}}
        for row in rows
    ]


def climb(comparison: Comparison, options: Options, versions: dict[str, str]) -> list[Row]:
    """Measure and print every row; adds the versions of the libraries."""
    rows: list[Row] = []
    wanted = [
        (task, network)
        for task in options.tasks
        for network in options.networks
        if comparison.takes(task, network)
    ]
    entered = [
        entry
        for entry in entries(options.peers, options.precision, options.isa, options.compile)
        if any(entry.library.has(comparison.tasks[task], network) for task, network in wanted)
    ]
    for threads in options.threads:
        with all_closed([start(each, threads, options.peer_python) for each in entered]) as started:
            if not versions:
                for each in started:
                    versions.update(each.versions)
                print(", ".join(f"{name} {version}" for name, version in versions.items()))
            libraries = list(zip(entered, started, strict=True))
            shown = ""
            for task, network in wanted:
                if task != shown:
                    print(f"{comparison.tasks[task].title}, threads {threads}", flush=True)
                shown = task
                rows.append(measure(comparison, libraries, task, threads, network, options))
                show(rows[-1])
    return rows


def run(comparison: Comparison, options: Options) -> list[Row]:
    """Print all rows, and save them if the command line asks for it."""
    before = machine.describe()
    print(machine.headline())
    versions: dict[str, str] = {}
    rows = climb(comparison, options, versions)
    show_neighbours(turns for row in rows for turns in row.turns.values())
    if options.json:
        content = {
            "versions": versions,
            "precision": options.precision,
            "isa": options.isa,
            "rows": samples(rows),
        }
        machine.save(options.json, before, content)
    return rows
