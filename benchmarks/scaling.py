"""Times of cnnx over the batch size, the image size, the channels and the threads.

    python -m benchmarks.scaling [--threads 2] [--rounds 11] [--json FILE] [--quick]

Each network of `benchmarks/networks.py` runs at several batch sizes and takes a train step. One 3x3
convolution runs at several image sizes, another at several numbers of channels. Every row is
measured with one thread and with --threads, in processes of their own, in turn. Exits 1 when a goal
is missed: a train step must gain from the second thread, and no inference may lose by it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks import machine
from benchmarks.convolutions import DIRECTIONS, ConvolutionTask, Shape
from benchmarks.libraries import Library, Turns, all_closed, alternate, show_neighbours
from benchmarks.network_description import NetworkTask
from benchmarks.networks import NETWORKS
from benchmarks.options import ContestOptions, check_and_shorten, contest_parser
from benchmarks.timing import median_ratio

BATCHES = (1, 2, 8, 32, 64, 256)
SIZES = (8, 16, 32, 64, 128)
CHANNELS = (4, 8, 16, 32, 64, 128, 256)
# The goals for two threads.
STEP_GAINS_AT_LEAST = ("cifar", 1.75)
INFERENCE_LOSES_AT_MOST = 1.05  # times one thread's time, at these batch sizes
JUDGED_BATCHES = (1, 8, 64)


class Row(NamedTuple):
    """A task at one thread and at several."""

    what: str
    images: int
    turns: dict[str, Turns]
    gain: float  # one thread's time over several threads'


def tasks(batches: tuple[int, ...], training: bool) -> Iterator[tuple[str, int, NetworkTask]]:
    """Every network at these batch sizes, threads left open."""
    for name in NETWORKS:
        for batch in batches:
            yield name, batch, NetworkTask(name, batch, training, threads=0)


def convolutions(shapes: list[Shape]) -> Iterator[tuple[str, int, ConvolutionTask]]:
    """Every direction of these shapes, threads left open."""
    for direction in DIRECTIONS:
        for shape in shapes:
            yield f"{shape} {direction}", shape.batch, ConvolutionTask(shape, direction, threads=0)


def measure(
    title: str,
    module: str,
    wanted: Iterator[tuple[str, int, NetworkTask]] | Iterator[tuple[str, int, ConvolutionTask]],
    options: Options,
) -> list[Row]:
    """Print one table and returns its rows."""
    print(f"{title}: milliseconds a call, microseconds an image, gain by threads")
    rows = []
    counts = (1, options.threads)
    started = [
        Library(f"threads {count}", module, environment={"OMP_NUM_THREADS": str(count)})
        for count in counts
    ]
    with all_closed(started):
        one, several = started
        for what, images, task in wanted:
            for library, count in zip(started, counts, strict=True):
                library.prepare(task._replace(threads=count))
            turns = alternate(started, options, options.threads)
            gain = median_ratio(turns[one.name].medians(), turns[several.name].medians())
            rows.append(Row(what, images, turns, gain))
            each = "  ".join(
                f"{name} {turn.milliseconds():9.4f} {1000 * turn.milliseconds() / images:8.2f}"
                for name, turn in turns.items()
            )
            print(f"  {what:36} batch {images:3}  {each}  {gain:5.2f}", flush=True)
    return rows


def judge(steps: list[Row], inference: list[Row]) -> bool:
    """Print the goals; returns whether all were met."""
    name, least = STEP_GAINS_AT_LEAST
    (gain,) = (row.gain for row in steps if row.what == name)
    met = gain >= least
    print(f"{name}'s train step gains {gain:.2f}  goal {least}  {'met' if met else 'MISSED'}")
    judged = [row for row in inference if row.images in JUDGED_BATCHES]
    worst = min(judged, key=lambda row: row.gain)
    loss = 1 / worst.gain
    within_limit = loss <= INFERENCE_LOSES_AT_MOST
    print(
        f"inference with threads takes at most {loss:.2f} of one thread's time "
        f"({worst.what}, batch {worst.images})  goal {INFERENCE_LOSES_AT_MOST}  "
        + ("met" if within_limit else "MISSED")
    )
    return met and within_limit


class Options(ContestOptions):
    """The command line."""

    threads: int


def parse() -> Options:
    """Read the command line."""
    parser = contest_parser(__doc__.splitlines()[0], rounds=11, seconds=0.2)
    parser.add_argument("--threads", type=int, default=2, help="compared with one (default: 2)")
    options = parser.parse_args(namespace=Options())
    if options.threads < 2:
        parser.error("--threads is compared with one: 2 or more is needed")
    check_and_shorten(parser, options, options.threads)
    return options


def main() -> int:
    """Print the tables; returns 1 if a goal is missed."""
    options = parse()
    before = machine.describe()
    print(machine.headline())
    network, convolution = "benchmarks.network_in_cnnx", "benchmarks.convolution_in_cnnx"
    steps = measure("train step", network, tasks((64,), training=True), options)
    inference = measure("inference", network, tasks(BATCHES, training=False), options)
    by_size = convolutions([Shape(size, 32, 32) for size in SIZES])
    sizes = measure("size of the image", convolution, by_size, options)
    by_channels = convolutions([Shape(28, count, count) for count in CHANNELS])
    channels = measure("channels", convolution, by_channels, options)
    rows = {"steps": steps, "inference": inference, "sizes": sizes, "channels": channels}
    show_neighbours(turns for each in rows.values() for row in each for turns in row.turns.values())
    if options.json:
        machine.save(options.json, before, rows)
    return 0 if judge(steps, inference) else 1


if __name__ == "__main__":
    sys.exit(main())
