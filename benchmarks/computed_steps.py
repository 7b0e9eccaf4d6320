"""The computation of train steps in processes that do not communicate.

    mpiexec -n 2 python -m benchmarks.computed_steps NETWORK IMAGES THREADS STEPS

Every process trains by itself, all at the same time. Process 0 prints the mean of their medians as
JSON: seconds of a step and of the update; of each layer, in order, seconds of backward and bytes of
the parameters, and bytes of the segments in which `cnnx.distributed` exchanges gradients.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import NamedTuple

import cnnx
import numpy as np
from mpi4py import MPI

from benchmarks.layer_work import FLOAT_BYTES
from benchmarks.network_description import MOMENTUM, TIMED_RATE, Network, draw_batch
from benchmarks.network_in_cnnx import new_model
from benchmarks.networks import network_named


class Computed(NamedTuple):
    """A step of this process, in seconds."""

    step: float
    update: float
    layers: list[tuple[float, int]]  # backward, bytes of parameters


def segments(model: cnnx.Model) -> list[int]:
    """Bytes of the segments of the model's gradients, in the order of backward."""
    trainer = cnnx.Trainer(model, shards=2)
    trainer._core.distribute(2, 0, 2, None)
    return [FLOAT_BYTES * count for _, count in trainer._core.segments]


def compute(model: cnnx.Model, network: Network, images: int, steps: int) -> Computed:
    """Compute steps in this process."""
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(TIMED_RATE, momentum=MOMENTUM))
    x, y = draw_batch(network, images)
    trainer.compute_gradients(x, y)
    trainer.apply_gradients()
    MPI.COMM_WORLD.Barrier()
    trainer.start_profile()
    samples = []
    for _ in range(steps):
        begun = time.perf_counter()
        trainer.compute_gradients(x, y)
        trainer.apply_gradients()
        samples.append(time.perf_counter() - begun)
    profile = trainer.profile()
    median = statistics.median(samples)
    # As if every step had taken the median time.
    scale = median / sum(samples)
    sizes: dict[str, int] = {}
    for name, values in model.parameters.items():
        layer = name.rpartition(".")[0]
        sizes[layer] = sizes.get(layer, 0) + values.nbytes
    layers = [
        (layer.backward * scale, sum(sizes.get(name, 0) for name in layer.layers))
        for layer in profile.layers
    ]
    return Computed(median, profile.update * scale, layers)


def main() -> None:
    """Compute in every process; print the means."""
    name, images, threads, steps = sys.argv[1], *map(int, sys.argv[2:])
    cnnx.set_num_threads(threads)
    network = network_named(name)
    model = new_model(network)
    gathered = MPI.COMM_WORLD.gather(compute(model, network, images, steps))
    if gathered:
        layers = np.mean([each.layers for each in gathered], axis=0).tolist()
        step, update = np.mean([each[:2] for each in gathered], axis=0).tolist()
        print(json.dumps([step, update, layers, segments(model)]))


if __name__ == "__main__":
    main()
