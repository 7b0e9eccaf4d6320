"""Many convolution shapes against PyTorch's better layout, each of the three directions separately.

    python -m benchmarks.conv_sweep --peer-python /path/to/venv/bin/python [--threads 2]
    [--classes 3x3,depthwise] [--runs 3] [--rounds 3] [--json FILE] [--quick]

Forward is `cnnx.ops.conv2d` and `torch.nn.functional.conv2d`, both with a bias. The backward
directions are the input gradient, and the weight and bias gradients together. All libraries must
give the same results. The shapes are in `benchmarks/convolutions.py`. The batch size is chosen for
calls of a few milliseconds.

Each library runs in its own process, stopped between its turns. A ratio is PyTorch's time over that
of cnnx within one round. The result is the median over the runs of the median over the rounds. Each
run measures all shapes with newly started libraries. Exits 1 when a class's geometric mean or the
worst single ratio misses its goal.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from benchmarks import machine
from benchmarks.convolutions import CLASSES, DIRECTIONS, ConvolutionTask, Shape
from benchmarks.libraries import (
    Library,
    Turns,
    all_closed,
    alternate,
    best_ratio,
    check_agreement,
    show_neighbours,
)
from benchmarks.options import (
    ContestOptions,
    add_peer_python,
    check_and_shorten,
    contest_parser,
    names_from,
)
from benchmarks.timing import geometric_mean

MEAN_AT_LEAST = {
    **dict.fromkeys(CLASSES, 1.0),
    **{"3x3": 1.5, "1x1": 1.12, "5x5 and 7x7": 1.5, "stride 2": 1.25, "dilation": 1.5},
}
WORST_AT_LEAST = 0.9
# Relative to the largest element: cnnx's Winograd and PyTorch's weight gradients are both near
# 5e-6.
ELEMENTS_WITHIN = 5e-5
LAYOUTS = ("nchw", "channels_last")


class Row(NamedTuple):
    """A shape and direction in one run."""

    run: int
    group: str
    shape: Shape
    direction: str
    turns: dict[str, Turns]
    ratio: float | None  # PyTorch's better layout over cnnx


def start(threads: int, peer_python: str | None) -> list[Library]:
    """The libraries to compare: cnnx alone without a peer."""
    environment = {"OMP_NUM_THREADS": str(threads)}
    started = [Library("cnnx", "benchmarks.convolution_in_cnnx", None, environment)]
    if peer_python:
        module = "benchmarks.convolution_in_torch"
        for layout in LAYOUTS:
            started.append(Library(layout, module, peer_python, environment))
    return started


def measure(
    libraries: list[Library],
    run: int,
    group: str,
    shape: Shape,
    direction: str,
    options: Options,
) -> Row:
    """Time one direction of one shape after checking that all libraries agree on its result."""
    checks = {}
    for each in libraries:
        task = ConvolutionTask(shape, direction, options.threads, each.name)
        checks[each.name] = each.prepare(task)
    check_agreement(checks, {"elements": ELEMENTS_WITHIN})
    turns = alternate(libraries, options, options.threads)
    layouts = [name for name in turns if name in LAYOUTS]
    return Row(run, group, shape, direction, turns, best_ratio(turns, layouts) if layouts else None)


def show(row: Row) -> None:
    """Print a row."""
    times = "  ".join(f"{name} {turns.milliseconds():7.3f}" for name, turns in row.turns.items())
    ratio = f"  {row.ratio:5.2f}" if row.ratio else ""
    print(
        f"  {row.shape!s:34} batch {row.shape.batch:2} {row.direction:15} {times}{ratio}",
        flush=True,
    )


def middle_of_runs(rows: list[Row]) -> list[Row]:
    """The row with the median ratio for each shape and direction; of two rows the lower one."""
    found: dict[tuple[str, Shape, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.group, row.shape, row.direction), []).append(row)
    return [
        sorted(same, key=lambda row: row.ratio or 0.0)[(len(same) - 1) // 2]
        for same in found.values()
    ]


def judge(rows: list[Row]) -> bool:
    """Print the means and the worst ratio; returns whether all goals were met."""
    met = True
    print("goals: geometric means of PyTorch's better layout / cnnx, and the worst")
    for group, least in MEAN_AT_LEAST.items():
        for direction in (*DIRECTIONS, "all three"):
            ratios = [
                row.ratio
                for row in rows
                if row.group == group and row.ratio and direction in (row.direction, "all three")
            ]
            if not ratios:
                continue
            mean = geometric_mean(ratios)
            counts = direction == "all three"
            met = met and (not counts or mean >= least)
            verdict = f"goal {least:.2f}  {'met' if mean >= least else 'MISSED'}" if counts else ""
            print(f"  {group:20} {direction:15} {mean:5.2f}  {verdict}")
    worst = min((row for row in rows if row.ratio), key=lambda row: row.ratio or 0.0)
    assert worst.ratio is not None
    met = met and worst.ratio >= WORST_AT_LEAST
    word = "met" if worst.ratio >= WORST_AT_LEAST else "MISSED"
    print(
        f"  worst: {worst.shape} {worst.direction} {worst.ratio:.2f}  goal {WORST_AT_LEAST}  {word}"
    )
    return met


def samples(rows: list[Row]) -> list[dict[str, object]]:
    """All measurements, for the JSON file."""
    return [
        {
            **row._asdict(),
            "shape": str(row.shape),
            "batch": row.shape.batch,
            "turns": {name: turns._asdict() for name, turns in row.turns.items()},
        }
        for row in rows
    ]


class Options(ContestOptions):
    """The command line."""

    peer_python: str | None
    threads: int
    classes: list[str]
    runs: int


def parse() -> Options:
    """Read the command line."""
    parser = contest_parser(__doc__.splitlines()[0], rounds=3, seconds=0.15)
    add_peer_python(parser)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--classes", type=names_from(tuple(CLASSES)), default=list(CLASSES))
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args(namespace=Options())
    check_and_shorten(parser, options, options.threads)
    if options.quick:
        options.runs = 1
    return options


def sweep(run: int, options: Options, versions: dict[str, str]) -> list[Row]:
    """Measure and print every row once; adds the versions of the libraries."""
    rows: list[Row] = []
    with all_closed(start(options.threads, options.peer_python)) as libraries:
        if not versions:
            for each in libraries:
                versions.update(each.versions)
            print(", ".join(f"{name} {version}" for name, version in versions.items()))
            print(f"milliseconds, threads {options.threads}; last PyTorch's better layout / cnnx")
        for group in options.classes:
            print(f"run {run}: {group}", flush=True)
            for shape in CLASSES[group]:
                for direction in DIRECTIONS:
                    rows.append(measure(libraries, run, group, shape, direction, options))
                    show(rows[-1])
    return rows


def main() -> int:
    """Print the sweep; returns 1 if a goal is missed."""
    options = parse()
    before = machine.describe()
    print(machine.headline())
    versions: dict[str, str] = {}
    rows = [row for run in range(1, options.runs + 1) for row in sweep(run, options, versions)]
    show_neighbours(turns for row in rows for turns in row.turns.values())
    if options.json:
        machine.save(options.json, before, {"versions": versions, "rows": samples(rows)})
    return 0 if not options.peer_python or judge(middle_of_runs(rows)) else 1


if __name__ == "__main__":
    sys.exit(main())
