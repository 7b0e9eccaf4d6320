"""The speed of this cnnx beside another revision's, for changes that must not cost any.

    python -m benchmarks.revision_speed --against /path/to/other/venv/bin/python
    [--networks lenet,resnet18] [--threads 2] [--most-mean 1.01] [--most 1.06] [--quick]

The other environment has cnnx of another revision. Both run the same tasks of this revision's
benchmarks: inference of one and of eight images in float32, bfloat16 and int8, and a train step of
eight in the first two. Each runs in a process of its own, stopped between its turns. A ratio is the
time of this cnnx over that of the other within one round, and the median over the rounds counts.
The results must be the same bits, unless --other-bits. Exits 1 when the geometric mean or a single
ratio is above its goal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.deployed_networks import DEPLOYED
from benchmarks.libraries import Library, all_closed, alternate, show_neighbours
from benchmarks.network_description import BFLOAT16, FLOAT32, INT8, NetworkTask
from benchmarks.networks import NETWORKS
from benchmarks.options import ContestOptions, check_and_shorten, contest_parser, names_from
from benchmarks.timing import geometric_mean, median_ratio

MODULES = {
    FLOAT32: "benchmarks.network_in_cnnx",
    BFLOAT16: "benchmarks.network_in_cnnx",
    INT8: "benchmarks.quantized_in_cnnx",
}
DEFAULT_NETWORKS = ("lenet", "cifar", "resnet20", "resnet18", "mobilenet_v2")
BATCHES = (1, 8)  # of inference; a train step has the larger one


class Options(ContestOptions):
    """The command line."""

    against: str
    networks: list[str]
    threads: int
    most_mean: float
    most: float
    other_bits: bool


class Row(NamedTuple):
    """A task, its precision, and the time of this cnnx over the other's."""

    precision: str
    task: NetworkTask
    ratio: float

    def __str__(self) -> str:
        work = "train step" if self.task.training else "inference"
        return f"{self.ratio:5.3f}  {self.task.network} {self.precision} {work} {self.task.batch}"


def tasks_of(network: str, precision: str, threads: int) -> Iterator[NetworkTask]:
    """What is measured of a network in one precision."""
    mode = precision if precision == BFLOAT16 else ""
    for batch in BATCHES:
        yield NetworkTask(network, batch, False, threads, mode)
    if precision != INT8:
        yield NetworkTask(network, BATCHES[-1], True, threads, mode)


def measure(libraries: list[Library], precision: str, task: NetworkTask, options: Options) -> Row:
    """The ratio of one task.

    Raises:
        ValueError: if the results are not the same bits.
    """
    own, other = (library.prepare(task) for library in libraries)
    if own != other and not options.other_bits:
        raise ValueError(f"{task} has other results: --other-bits, if they are meant to change")
    turns = alternate(libraries, options, options.threads)
    row = Row(precision, task, median_ratio(turns["cnnx"].medians(), turns["other"].medians()))
    print(row, flush=True)
    if options.quiet:
        show_neighbours(turns.values())
    return row


def main() -> int:
    """Print a line per task; returns 1 if a goal is missed."""
    parser = contest_parser(__doc__.splitlines()[0], rounds=7, seconds=0.1)
    parser.add_argument("--against", required=True, metavar="PYTHON")
    parser.add_argument(
        "--networks", type=names_from((*NETWORKS, *DEPLOYED)), default=list(DEFAULT_NETWORKS)
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--most-mean", type=float, default=1.01, help="geometric mean of ratios")
    parser.add_argument("--most", type=float, default=1.06, help="ratio of one task")
    parser.add_argument("--other-bits", action="store_true", help="results may differ")
    options = parser.parse_args(namespace=Options())
    check_and_shorten(parser, options, options.threads)
    rows: list[Row] = []
    for precision, module in MODULES.items():
        pair = [Library("cnnx", module), Library("other", module, options.against)]
        with all_closed(pair) as libraries:
            for network in options.networks:
                for task in tasks_of(network, precision, options.threads):
                    rows.append(measure(libraries, precision, task, options))
    mean, worst = geometric_mean(row.ratio for row in rows), max(row.ratio for row in rows)
    met = mean <= options.most_mean and worst <= options.most
    print(
        f"geometric mean {mean:.3f}  goal {options.most_mean}, largest {worst:.3f}  goal "
        f"{options.most}  {'met' if met else 'MISSED'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
