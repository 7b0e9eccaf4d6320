"""Train a small network in the processes of mpiexec; run by tests/distributed.

Not part of the package. Process 0 prints one hash of the weights, the averaged weights and the
history, which must not depend on the number of processes.

    mpiexec -n 4 python tests/support/distributed_run.py SHARDS COMPUTE_DTYPE
"""

from __future__ import annotations

import hashlib
import sys

import cnnx


def main(shards: int, compute_dtype: str) -> None:
    """Train and print the hash."""
    communicator = cnnx.distributed.world()
    x, y = cnnx.data.xo(150, seed=1)
    conv, norm, relu = cnnx.Conv2d, cnnx.BatchNorm2d, cnnx.ReLU
    layers = [conv(8, 3, padding=1, bias=False), norm(), relu(), cnnx.MaxPool2d(2)]
    layers += [cnnx.Residual([conv(8, 3, padding=1), norm(), relu()]), cnnx.Dropout(0.2)]
    layers += [cnnx.Flatten(), cnnx.Dense(2)]
    # The weights of process 0 count.
    model = cnnx.Model(layers, input_shape=(32, 32, 1), seed=communicator.process)
    model._core.compute_dtype = compute_dtype  # without the warning on a CPU that emulates it
    trainer = cnnx.Trainer(
        model,
        optimizer=cnnx.AdamW(1e-3),
        schedule=cnnx.CosineDecay(),
        averaging=cnnx.WeightAverage(0.9),
        clip_norm=1.0,
        shards=shards,
        communicator=communicator,
    )
    augmentation = cnnx.data.Augmentation(shift=2, mixup=0.2)
    history = trainer.fit(x, y, epochs=2, batch_size=40, augmentation=augmentation, validation=0.2)
    found = hashlib.sha256(repr({**vars(history), "seconds": None}).encode())
    averaged = trainer.averaged_model()
    for each in (model.parameters, model.buffers, averaged.parameters, averaged.buffers):
        for array in each.values():
            found.update(array.tobytes())
    if communicator.is_first:
        print(found.hexdigest())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
