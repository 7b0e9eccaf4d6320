"""Train in the processes of mpiexec, one of which fails or differs; run by tests/distributed.

Not part of the package. The last process fails, or process 0 if its number is given.

    mpiexec -n 2 python tests/support/failing_run.py FAILURE CHECKPOINT [PROCESS]
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import cnnx
import numpy as np

failure, checkpoint = sys.argv[1], Path(sys.argv[2])
fails = os.environ.get("PMI_RANK") == (sys.argv[3] if len(sys.argv) > 3 else "1")


def fail(trainer: cnnx.Trainer) -> None:
    """Fail in the middle of training."""
    if failure.startswith("SIG"):
        os.kill(os.getpid(), signal.Signals[failure])
    elif failure == "os._exit":
        os._exit(3)
    elif failure == "sys.exit":
        sys.exit(3)
    elif failure == "error":
        raise RuntimeError("the callback fails")
    elif failure == "memory":
        np.empty(2**50)
    elif failure == "stop":
        trainer.stop()
    elif failure == "evaluate":
        trainer.evaluate(x, y)
    elif failure == "caught":
        raise LookupError
    elif failure == "full disk":
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))


class Failing(cnnx.callbacks.Callback):
    """Fails after a step of the second epoch."""

    def on_step_end(self, trainer: Any, progress: Any) -> None:
        if fails and progress.step == 2 and progress.epoch == 2:
            fail(trainer)


if failure == "no world" and fails:
    sys.exit()
if failure == "version" and fails:
    cnnx._core.__version__ = "0.0.1"
communicator = cnnx.distributed.world()
x, y = cnnx.data.xo(40, seed=1)
seed, layers, epochs, size, dtype = 0, 2, 3, 8, "float32"
if fails:
    if failure == "images":
        x = x.copy()
        x[17, 5, 5] += 1
    elif failure == "labels":
        y = y.copy()
        y[17] = 1 - y[17]
    elif failure == "count":
        x, y = x[:39], y[:39]
    elif failure == "seed":
        seed = 1
    elif failure == "model":
        layers = 3
    elif failure == "compute dtype":
        dtype = "bfloat16"
    elif failure == "epochs":
        epochs = 4
    elif failure == "batch size":
        size = 9
    elif failure == "no checkpoint":
        checkpoint = None
    elif failure == "missing":
        checkpoint = Path("missing.ckpt")
if failure == "NaN":
    x = x.astype(np.float32)
    x[39] = np.nan  # in the last shard of a batch without shuffling
resumes = failure in ("resume", "missing")
if resumes:
    trainer = cnnx.Trainer.resume(checkpoint, communicator=communicator)
else:
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(layers)], input_shape=(32, 32, 1))
    model._core.compute_dtype = dtype
    shards = 3 if failure == "shards" else 4
    trainer = cnnx.Trainer(model, seed=seed, shards=shards, communicator=communicator)
try:
    trainer.fit(
        x,
        y,
        epochs=None if resumes else epochs,
        batch_size=None if resumes else size,
        shuffle=False if failure == "NaN" else None,
        checkpoint=checkpoint,
        callbacks=[Failing()],
    )
except LookupError:
    print("caught")
if communicator.is_first:
    print("ended", len(trainer.history))
