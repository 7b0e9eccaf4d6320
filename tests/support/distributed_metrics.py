"""Measure validation metrics in the processes of mpiexec; run by tests/distributed.

Not part of the package. Process 0 prints the metrics of a model with a class for each position and
values as its outputs, which must not depend on the number of processes.

    mpiexec -n 4 python tests/support/distributed_metrics.py
"""

from __future__ import annotations

import cnnx
import numpy as np


def main() -> None:
    """Train and print the metrics."""
    communicator = cnnx.distributed.world()
    random = np.random.default_rng(0)
    x = random.random((700, 6, 5, 3), np.float32)
    y = {
        "mask": random.integers(0, 3, (700, 6, 5)),
        "value": random.standard_normal((700, 4)).astype(np.float32),
    }
    image = cnnx.Input((6, 5, 3))
    features = cnnx.Flatten()(cnnx.GlobalAvgPool2d()(image))
    outputs = {"mask": cnnx.Conv2d(3, 1)(image), "value": cnnx.Dense(4)(features)}
    model = cnnx.Model.from_graph(image, outputs, seed=1)
    losses = {"mask": cnnx.CrossEntropy(), "value": cnnx.MSE()}
    trainer = cnnx.Trainer(model, loss=losses, shards=8, communicator=communicator)
    history = trainer.fit(x, y, epochs=2, validation=0.9)
    batches = [(x[:9], {k: v[:9] for k, v in y.items()}), (x[9:], {k: v[9:] for k, v in y.items()})]
    found = trainer.evaluate(batches)
    if communicator.is_first:
        print({**vars(history), "seconds": None}, found)


if __name__ == "__main__":
    main()
