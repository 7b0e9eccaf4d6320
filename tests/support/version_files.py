"""Writes model files and checkpoints of the installed version, and the bits that each leads to.

Not part of the package. `tests/model/files` holds the files of commit b9ff8bf, compressed, which
`tests/model/test_old_files.py` reads with every later version:

    python tests/support/version_files.py write FOLDER
    CNNX_ISA=avx2 python tests/support/version_files.py expect FOLDER
    CNNX_ISA=baseline python tests/support/version_files.py expect FOLDER
    gzip -n FOLDER/*.cnnx FOLDER/*.ckpt
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cnnx
import numpy as np
from checkpoint_runs import RUNS, begin, resume, x, y
from model_file_parts import make_graph_model, make_model

MODELS = {"chain": make_model, "graph": make_graph_model}
EPOCHS, STOP_AFTER = 3, 5
EXPECTED = "expected.json"


def arithmetic() -> str:
    """The baseline multiplies and adds in two roundings, every other instruction set in one."""
    return "baseline" if cnnx.isa() == "baseline" else "fused"


def images_for(model: cnnx.Model) -> Any:
    rng = np.random.default_rng(3)
    return rng.standard_normal((4, *model.input_shape)).astype(np.float32)


def digest_of_model(model: cnnx.Model) -> str:
    """A hash of its arrays and of its outputs for fixed images."""
    found = hashlib.sha256()
    for array in (*model.parameters.values(), *model.buffers.values(), model(images_for(model))):
        found.update(array.tobytes())
    return found.hexdigest()


def digest_of_resumed(path: Path, run: str) -> str:
    """A hash of the weights, outputs and history at the end of a resumed run."""
    trainer = cnnx.Trainer.resume(path)
    assert trainer._run is not None
    trainer._run.stopped = False  # `write` stops it by Trainer.stop, which ends a run
    resume(trainer, run)
    found = hashlib.sha256(digest_of_model(trainer.model).encode())
    for name, values in vars(trainer.history).items():
        if name != "seconds":
            found.update(np.array(values).tobytes())
    return found.hexdigest()


def write(folder: Path) -> None:
    """Saves every model, and a checkpoint in the middle of every run."""
    for name, make in MODELS.items():
        make().save(folder / f"{name}.cnnx")
    for run, (_, settings) in RUNS.items():
        trainer = begin(run)
        seen: list[int] = []

        def stop(progress: object, trainer: cnnx.Trainer = trainer, seen: Any = seen) -> None:
            seen.append(1)
            if len(seen) == STOP_AFTER:
                trainer.stop()

        path = folder / f"{run}.ckpt"
        trainer.fit(x, y, **settings, epochs=EPOCHS, checkpoint=path, progress=stop)


def expect(folder: Path) -> None:
    """Adds the digests of the files on this instruction set to the expected ones."""
    path = folder / EXPECTED
    expected = json.loads(path.read_text()) if path.exists() else {}
    found = {name: digest_of_model(cnnx.load(folder / f"{name}.cnnx")) for name in MODELS}
    with TemporaryDirectory() as scratch:
        for run in RUNS:  # a resumed run writes to its checkpoint
            copied = shutil.copy(folder / f"{run}.ckpt", scratch)
            found[run] = digest_of_resumed(Path(copied), run)
    path.write_text(json.dumps({**expected, arithmetic(): found}, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    {"write": write, "expect": expect}[sys.argv[1]](Path(sys.argv[2]))
