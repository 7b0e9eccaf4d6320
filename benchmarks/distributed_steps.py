"""Train steps of `cnnx.distributed` in processes of MPI.

    mpiexec -n 2 python -m benchmarks.distributed_steps NETWORK IMAGES SHARDS STEPS

Each of SHARDS shards has IMAGES images. Process 0 prints the median seconds of a step and the share
of the communication that was hidden behind backward, as JSON.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

import cnnx

from benchmarks.network_description import MOMENTUM, TIMED_RATE, draw_batch
from benchmarks.network_in_cnnx import new_model
from benchmarks.networks import network_named


def main() -> None:
    """Train in all processes; the first prints."""
    name, images, shards, steps = sys.argv[1], *map(int, sys.argv[2:])
    communicator = cnnx.distributed.world()
    cnnx.set_num_threads(1)
    network = network_named(name)
    trainer = cnnx.Trainer(
        new_model(network),
        optimizer=cnnx.SGD(TIMED_RATE, momentum=MOMENTUM),
        shards=shards,
        communicator=communicator,
    )
    x, y = draw_batch(network, images * shards)
    trainer.step(x, y)
    seconds = []
    for _ in range(steps):
        begun = time.perf_counter()
        trainer.step(x, y)
        seconds.append(time.perf_counter() - begun)
    if communicator.is_first:
        print(json.dumps([statistics.median(seconds), trainer._processes.times.hidden]))


if __name__ == "__main__":
    main()
