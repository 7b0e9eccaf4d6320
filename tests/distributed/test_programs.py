"""Programs in the processes of mpiexec: data that are read once, and callbacks of process 0."""

from __future__ import annotations

from pathlib import Path

from mpi_command import mpiexec, needs_mpi

pytestmark = needs_mpi


PROGRAM = """
import sys, numpy as np, cnnx
from cnnx.data import Decoding
world = cnnx.distributed.world()
model = cnnx.load(sys.argv[1])
trainer = cnnx.Trainer(model, shards=4, communicator=world)
trainer.fit(sys.argv[2], epochs=1, batch_size=16, validation=0.2)
loss = trainer.evaluate(sys.argv[2])["loss"]
data = cnnx.data.load(sys.argv[2], input_shape=(16, 16, 1), decoding=Decoding(communicator=world))
files = {type(each.x).__name__ for each in (data, data.test)}
if world.is_first:
    print(loss.hex(), int(data.x.sum()), data.test.names[:2])
    print(*files)


class Counter(cnnx.callbacks.Callback):
    only_in_first_process = True

    def state(self):
        return {}


try:
    trainer.fit(sys.argv[2], epochs=1, batch_size=16, callbacks=[Counter()])
except ValueError as error:
    if world.is_first:
        print(error)
"""


def test_a_path_is_read_once_and_a_state_belongs_to_all(folder: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    words = (program, folder / "m.cnnx", folder / "images")
    alone, outcome = mpiexec(1, *words), mpiexec(4, *words)
    assert (alone.status, outcome.status) == (0, 0), outcome.err
    metrics, files, refusal = outcome.out.splitlines()
    assert alone.out.splitlines() == [metrics, "ndarray"]
    assert files == "memmap"
    assert refusal.startswith("fit: callbacks holds Counter, which has a state and is called in ")
