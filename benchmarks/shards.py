"""Time of a train step in eight shards against a step of the whole batch, in one process.

    python -m benchmarks.shards [--network resnet20] [--batch 128] [--threads 2] [--seconds 30]

The two steps alternate. Exits 1 if the median of a step in shards is so much longer that the speed
is below 0.93 of that of the whole batch.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

import cnnx
import numpy as np

from benchmarks import machine
from benchmarks.network_description import SHARDS

GOAL = 0.93
CLASSES = 10
# Networks of images of CIFAR-10.
NETWORKS = {
    "resnet20": cnnx.models.resnet20,
    "fast_cifar": cnnx.models.fast_cifar,
    "mobilenet_v3_small": cnnx.models.mobilenet_v3_small,
}


class Options(argparse.Namespace):
    """The command line."""

    network: str
    batch: int
    threads: int
    seconds: float


def medians(options: Options) -> dict[int, float]:
    """The median seconds of a step, by the number of shards."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (options.batch, 32, 32, 3), dtype=np.uint8)
    y = rng.integers(0, CLASSES, options.batch)
    trainers = {}
    for shards in (1, SHARDS):
        model = NETWORKS[options.network]((32, 32, 3), CLASSES)
        trainers[shards] = cnnx.Trainer(
            model, optimizer=cnnx.SGD(0.01, momentum=0.9), shards=shards
        )
        trainers[shards].step(x, y)
    samples: dict[int, list[float]] = {shards: [] for shards in trainers}
    end = time.perf_counter() + options.seconds
    while time.perf_counter() < end:
        for shards, trainer in trainers.items():
            begun = time.perf_counter()
            trainer.step(x, y)
            samples[shards].append(time.perf_counter() - begun)
    return {shards: statistics.median(each) for shards, each in samples.items()}


def main() -> int:
    """Print the row; returns 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=NETWORKS, default="resnet20")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args(namespace=Options())
    cnnx.set_num_threads(options.threads)
    print(machine.headline())
    seconds = medians(options)
    speed = seconds[1] / seconds[SHARDS]
    met = speed >= GOAL
    print(
        f"{options.network}, batch {options.batch}, {options.threads} threads: a step takes "
        f"{1e3 * seconds[1]:.1f} ms, in {SHARDS} shards {1e3 * seconds[SHARDS]:.1f} ms: "
        f"{speed:.2f} of the speed  goal {GOAL:.2f}  {'met' if met else 'MISSED'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
