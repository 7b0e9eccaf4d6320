"""The time of imported networks: cnnx, ONNX Runtime and OpenVINO on the same ONNX files.

    python -m benchmarks.imported --peer-python PYTHON [--networks deeplabv3_resnet50,vgg16]
                                  [--threads 1,2] [--json FILE] [--quick] [--quiet]

One image for each of twenty-two networks of torchvision, exported by PyTorch with random weights:
224 x 224, and 257 x 257 where every pixel gets a class. The method is that of `benchmarks.ladder`:
processes that take turns, and the ratio of the fastest peer to cnnx within a round.

Exits 1 when a goal is missed, for the geometric mean over the networks or the least ratio.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks import machine
from benchmarks.libraries import (
    ROOT,
    Library,
    Turns,
    all_closed,
    alternate,
    best_ratio,
    check_agreement,
    show_neighbours,
)
from benchmarks.onnx_parity import GOAL_OUTPUTS
from benchmarks.options import (
    ContestOptions,
    add_peer_python,
    check_and_shorten,
    contest_parser,
    names_from,
    numbers,
)
from benchmarks.timing import geometric_mean

NETWORKS = (
    "alexnet",
    "convnext_tiny",
    "deeplabv3_mobilenet_v3_large",
    "deeplabv3_resnet50",
    "densenet121",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "fcn_resnet50",
    "googlenet",
    "inception_v3",
    "lraspp_mobilenet_v3_large",
    "mnasnet1_0",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "regnet_y_400mf",
    "resnet34",
    "resnext50_32x4d",
    "shufflenet_v2_x1_0",
    "squeezenet1_1",
    "swin_t",
    "vgg16",
    "vit_b_16",
)
PEERS = ("onnxruntime", "openvino")
GOAL_MEAN = 1.15
GOAL_EACH = 0.9


class Options(ContestOptions):
    """The command line."""

    peer_python: str | None
    networks: list[str]
    threads: list[int]


class Row(NamedTuple):
    """A network at one thread count."""

    threads: int
    network: str
    turns: dict[str, Turns]
    ratio: float  # of the fastest peer to cnnx


def parse() -> Options:
    """Read the command line."""
    parser = contest_parser(__doc__.splitlines()[0], rounds=3, seconds=0.6)
    add_peer_python(parser)
    parser.add_argument("--networks", type=names_from(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    options = parser.parse_args(namespace=Options())
    check_and_shorten(parser, options, max(options.threads))
    if options.quick:
        options.networks = ["lraspp_mobilenet_v3_large"]
    return options


def export(python: str, folder: Path, networks: list[str]) -> None:
    """Write the networks' files and images into the folder."""
    module = "benchmarks.imported_in_torch"
    subprocess.run(
        [python, "-W", "ignore", "-m", module, folder, *networks],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )


def started(threads: int, python: str) -> list[Library]:
    """The libraries at one thread count, cnnx first."""
    environment = {"OMP_NUM_THREADS": str(threads)}
    own = Library("cnnx", "benchmarks.imported_in_cnnx", None, environment)
    return [
        own,
        *(Library(peer, f"benchmarks.imported_in_{peer}", python, environment) for peer in PEERS),
    ]


def measure(
    libraries: list[Library], folder: Path, network: str, threads: int, options: Options
) -> Row:
    """Time one network after checking that all libraries agree on its outputs."""
    figures = {each.name: each.prepare((str(folder), network, threads)) for each in libraries}
    check_agreement(figures, {"logits": GOAL_OUTPUTS})
    turns = alternate(libraries, options, threads)
    return Row(threads, network, turns, best_ratio(turns, PEERS))


def judge(rows: list[Row], threads: int) -> bool:
    """Print the goals of one thread count; returns whether they are met."""
    of_threads = [row for row in rows if row.threads == threads]
    mean = geometric_mean(row.ratio for row in of_threads)
    worst = min(of_threads, key=lambda row: row.ratio)
    met = mean >= GOAL_MEAN and worst.ratio >= GOAL_EACH
    print(
        f"threads {threads}: geometric mean {mean:.2f} (goal {GOAL_MEAN}), least {worst.ratio:.2f} "
        f"{worst.network} (goal {GOAL_EACH})  {'met' if met else 'MISSED'}"
    )
    return met


def main() -> int:
    """Print the rows; returns 1 when a goal is missed."""
    options = parse()
    if options.peer_python is None:
        print("imported: no --peer-python, which exports the networks: nothing to compare")
        return 0
    before = machine.describe()
    print(machine.headline())
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export(options.peer_python, folder, options.networks)
        for threads in options.threads:
            with all_closed(started(threads, options.peer_python)) as libraries:
                print(f"one image, threads {threads}; last the fastest peer / cnnx", flush=True)
                for network in options.networks:
                    rows.append(measure(libraries, folder, network, threads, options))
                    times = "  ".join(
                        f"{library} {turns.milliseconds():8.3f} ms"
                        for library, turns in rows[-1].turns.items()
                    )
                    print(f"  {network:28} {times}   {rows[-1].ratio:.2f}", flush=True)
    show_neighbours(turns for row in rows for turns in row.turns.values())
    if options.json:
        content = [
            {**row._asdict(), "turns": {key: each._asdict() for key, each in row.turns.items()}}
            for row in rows
        ]
        machine.save(options.json, before, {"rows": content})
    met = [judge(rows, threads) for threads in options.threads]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
