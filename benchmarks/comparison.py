"""Whole networks in cnnx and in other libraries: rows of times, and goals for their ratios.

A command gives its networks, tasks and goals. Each library runs in its own process, stopped between
its turns. A ratio is the peer's time over that of cnnx within one round, and the median over the
rounds counts; the ratio to the peer "best" is that to the fastest library of the row.
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
from benchmarks.network_description import NetworkTask
from benchmarks.options import (
    ContestOptions,
    add_peer_python,
    check_and_shorten,
    contest_parser,
    names_from,
    numbers,
)
from benchmarks.timing import geometric_mean

BEST = "best"
COMPILED = "compile"  # the mode of PyTorch that is shown, but does not count


class Task(NamedTuple):
    """A timed task."""

    title: str
    training: bool
    batch: int


class Peer(NamedTuple):
    """A library to compare with.

    Attributes:
        module: that prepares its tasks.
        modes: its variants, of which the fastest counts.
        trains: whether it has tasks of training.
        infers: whether it has tasks of inference.
        most_images: the largest batch it is compared at, None if any.
        most_threads_judged: with more threads it is shown, but is not the best peer.
        networks: the networks it is compared at, None if all.
        within: the largest difference of its results relative to the largest, by kind of result.
    """

    module: str
    modes: tuple[str, ...] = ("",)
    trains: bool = False
    infers: bool = True
    most_images: int | None = None
    most_threads_judged: int | None = None
    networks: tuple[str, ...] | None = None
    # The effect of adding float32 numbers in another order.
    within: Mapping[str, float] = {"logits": 1e-5, "losses": 1e-4}

    def has(self, task: Task, network: str) -> bool:
        """Whether it is compared at this task of this network."""
        return (
            (self.trains if task.training else self.infers)
            and (self.most_images is None or task.batch <= self.most_images)
            and (self.networks is None or network in self.networks)
        )

    def is_judged(self, threads: int) -> bool:
        """Whether it may be the best peer."""
        return self.most_threads_judged is None or threads <= self.most_threads_judged


OURS = Peer("benchmarks.network_in_cnnx", trains=True)
PEERS = {
    "torch": Peer("benchmarks.network_in_torch", ("nchw", "channels_last"), trains=True),
    "onnxruntime": Peer("benchmarks.network_in_onnxruntime"),
    "openvino": Peer("benchmarks.network_in_openvino"),
    "ncnn": Peer("benchmarks.network_in_ncnn", most_images=1, most_threads_judged=1),
    # Its tiles of Winograd's method are larger, and so is their error.
    "mnn": Peer(
        "benchmarks.network_in_mnn",
        most_images=1,
        most_threads_judged=1,
        within={"logits": 1e-3},
    ),
    "tensorflow": Peer(
        "benchmarks.network_in_tensorflow", trains=True, infers=False, networks=("lenet5x5",)
    ),
}


class Goal(NamedTuple):
    """The least ratio at one task, of a network or as the geometric mean of several."""

    task: str
    threads: int
    peer: str
    networks: tuple[str, ...]
    least: float


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
    ratios: dict[str, float]  # per peer, its best mode over cnnx, and that of the best peer


class Entry(NamedTuple):
    """A library with the settings of its process."""

    name: str
    peer: str  # empty: cnnx
    library: Peer
    mode: str
    environment: dict[str, str]


class Options(ContestOptions):
    """The command line."""

    peer_python: str | None
    peers: list[str]
    threads: list[int]
    networks: list[str]
    tasks: list[str]
    isa: str | None
    compile: bool


class Comparison(NamedTuple):
    """The rows of a command."""

    tasks: Mapping[str, Task]
    networks: tuple[str, ...]
    peers: tuple[str, ...]
    takes: Callable[[str, str], bool] = lambda task, network: True


def parse(description: str, comparison: Comparison, rounds: int, seconds: float) -> Options:
    """Read the command line."""
    parser = contest_parser(description, rounds=rounds, seconds=seconds)
    add_peer_python(parser)
    for option, known in (
        ("--peers", comparison.peers),
        ("--networks", comparison.networks),
        ("--tasks", tuple(comparison.tasks)),
    ):
        parser.add_argument(option, type=names_from(known), default=list(known))
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--isa", help="as CNNX_ISA; avx2 binds PyTorch and OpenVINO too")
    parser.add_argument("--compile", action="store_true", help="show torch.compile, too")
    options = parser.parse_args(namespace=Options())
    check_and_shorten(parser, options, max(options.threads))
    if not options.peer_python:
        options.peers = []
    return options


def entries(options: Options) -> list[Entry]:
    """The libraries that the command line selects."""
    avx2 = options.isa == "avx2"
    ours = {"CNNX_ISA": options.isa} if options.isa else {}
    theirs = {"TF_CPP_MIN_LOG_LEVEL": "3"}  # TensorFlow reports its CPU otherwise
    if avx2:
        theirs |= {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
    found = [Entry("cnnx", "", OURS, "", ours)]
    for name in options.peers:
        peer = PEERS[name]
        compiled = (COMPILED,) if name == "torch" and options.compile else ()
        for mode in (*peer.modes, *compiled):
            found.append(Entry(f"{name} {mode}".rstrip(), name, peer, mode, theirs))
    return found


def start(entry: Entry, threads: int, peer_python: str | None) -> Library:
    """The entry's process at one thread count."""
    python = peer_python if entry.peer else None
    environment = {**entry.environment, "OMP_NUM_THREADS": str(threads)}
    return Library(entry.name, entry.library.module, python, environment)


def measure(
    comparison: Comparison,
    libraries: Sequence[tuple[Entry, Library]],
    task_name: str,
    threads: int,
    network: str,
    options: Options,
) -> Row:
    """Time one network after checking that all libraries agree on its outputs."""
    task = comparison.tasks[task_name]
    taking_part = [each for each in libraries if each[0].library.has(task, network)]
    checks = {}
    for entry, library in taking_part:
        checks[entry.name] = library.prepare(
            NetworkTask(network, task.batch, task.training, threads, entry.mode)
        )
        check_agreement({name: checks[name] for name in ("cnnx", entry.name)}, entry.library.within)
    turns = alternate([library for _, library in taking_part], options, threads)
    counted = {entry.name: entry.peer for entry, _ in taking_part if entry.mode != COMPILED}
    del counted["cnnx"]
    ratios = {
        peer: best_ratio(turns, [name for name in counted if counted[name] == peer])
        for peer in dict.fromkeys(counted.values())
    }
    judged = [name for name, peer in counted.items() if PEERS[peer].is_judged(threads)]
    if judged:
        ratios[BEST] = best_ratio(turns, judged)
    return Row(task_name, threads, network, turns, ratios)


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
        for entry in entries(options)
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
        content = {"versions": versions, "isa": options.isa, "rows": samples(rows)}
        machine.save(options.json, before, content)
    return rows
