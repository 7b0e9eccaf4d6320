"""The computation of train steps in processes that do not communicate.

    mpiexec -n 2 python -m benchmarks.computed_steps NETWORK IMAGES THREADS STEPS

Every process trains by itself, all at the same time. Process 0 prints the mean of their steps as
JSON: seconds of a step, of the loss and of the update, and for each layer, in order, seconds of
forward and backward and bytes of the parameters.
"""

from __future__ import annotations

import json
import sys
import time
from typing import NamedTuple

import cnnx
import numpy as np
from mpi4py import MPI

from benchmarks.network_description import MOMENTUM, TIMED_RATE, draw_batch
from benchmarks.network_in_cnnx import new_model
from benchmarks.networks import network_named


class Computed(NamedTuple):
    """Means of the processes, in seconds."""

    step: float
    loss: float
    update: float
    layers: list[tuple[float, float, int]]  # forward, backward, bytes of parameters


def compute(network_name: str, images: int, steps: int) -> Computed:
    """Compute steps in this process."""
    network = network_named(network_name)
    model = new_model(network)
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(TIMED_RATE, momentum=MOMENTUM))
    x, y = draw_batch(network, images)
    trainer.compute_gradients(x, y)
    trainer.apply_gradients()
    MPI.COMM_WORLD.Barrier()
    trainer.start_profile()
    begun = time.perf_counter()
    for _ in range(steps):
        trainer.compute_gradients(x, y)
        trainer.apply_gradients()
    seconds = (time.perf_counter() - begun) / steps
    profile = trainer.profile()
    sizes: dict[str, int] = {}
    for name, values in model.parameters.items():
        layer = name.rpartition(".")[0]
        sizes[layer] = sizes.get(layer, 0) + values.nbytes
    layers = [
        (
            layer.forward / steps,
            layer.backward / steps,
            sum(sizes.get(name, 0) for name in layer.layers),
        )
        for layer in profile.layers
    ]
    return Computed(seconds, profile.loss / steps, profile.update / steps, layers)


def main() -> None:
    """Compute in every process; print the means."""
    network, images, threads, steps = sys.argv[1], *map(int, sys.argv[2:])
    cnnx.set_num_threads(threads)
    computed = compute(network, images, steps)
    gathered = MPI.COMM_WORLD.gather(computed)
    if gathered:
        layers = np.mean([each.layers for each in gathered], axis=0).tolist()
        means = np.mean([each[:3] for each in gathered], axis=0).tolist()
        print(json.dumps([*means, layers]))


if __name__ == "__main__":
    main()
