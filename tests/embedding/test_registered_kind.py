"""A kind of layer that a library of a user's own registers: Python reads, trains and saves it."""

from __future__ import annotations

import sys
from pathlib import Path

import cnnx
import pytest
from cpp_build import build_consumer, run

pytestmark = pytest.mark.slow

# In a process of its own, because a registration lasts as long as the process.
PROGRAM = """
import ctypes, sys
import cnnx, numpy as np

library, folder = sys.argv[1:]
ctypes.CDLL(library).write_model((folder + "/shift.cnnx").encode())
model = cnnx.load(folder + "/shift.cnnx")
print(model.layers[1], model.parameters["shift_1.shift"])
assert "shift_1    shift" in model.summary() and "shift" in model.to_mermaid()
x = np.random.default_rng(0).random((20, 8, 8, 1), np.float32)
y = np.arange(20) % 2
trainer = cnnx.Trainer(model)
losses = trainer.fit(x, y, epochs=20, checkpoint=folder + "/run.ckpt").loss
assert losses[-1] < losses[0]
assert (model.parameters["shift_1.shift"] != 0.5).any()
again = cnnx.Trainer.resume(folder + "/run.ckpt").model
for copy in (again, model.resized(8), model.with_classes(3).until("shift_1"), model.clone()):
    assert (copy.parameters["shift_1.shift"] == model.parameters["shift_1.shift"]).all()
assert (again(x) == model(x)).all()
model.save(folder + "/trained.cnnx")
assert (cnnx.load(folder + "/trained.cnnx")(x) == model(x)).all()
try:
    cnnx.onnx.save(model, folder + "/shift.onnx")
except ValueError as error:
    print(error)
"""


def test_python_has_the_kind_of_a_library(tmp_path: Path) -> None:
    library = build_consumer(Path(__file__).parent / "registered_kind", tmp_path / "build")
    (path,) = library.glob("*registered_kind.*")
    printed = run([sys.executable, "-c", PROGRAM, path, tmp_path])
    assert printed.splitlines() == [
        "ModelLayer('shift_1', shift, (6, 6, 4)) [0.5 0.5 0.5 0.5]",
        "save: layer shift_1 is of the kind shift, which has no operators of ONNX, expected layers "
        "of the library",
    ]
    sentence = 'shift_1: layer kind "shift" is unknown to this version of cnnx, expected one of the'
    with pytest.raises(cnnx.FormatError, match=sentence):
        cnnx.load(tmp_path / "shift.cnnx")
