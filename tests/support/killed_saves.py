"""Kill processes that save repeatedly, and check the files they leave: for test_broken_saves.

Not part of the package. A program of its own, because it forks, which a process with threads should
not do. Prints the number of killed processes, and of those killed in the middle of a save.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cnnx
from cnnx.files.atomic_file import replace_file
from cnnx.onnx.exporting import graph_of
from cnnx.onnx.forms import default_form
from cnnx.onnx.model_proto import encoded
from cnnx.training.checkpoint import save_checkpoint

Save = Callable[[Path], None]


def model(seed: int) -> cnnx.Model:
    """Large enough for a save to take several writes."""
    layers = [cnnx.Conv2d(8, 3), cnnx.BatchNorm2d(), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(2)]
    return cnnx.Model(layers, input_shape=(32, 32, 1), seed=seed)


def model_saves(folder: Path) -> list[Save]:
    """Two models."""
    return [model(seed).save for seed in range(2)]


def checkpoint_saves(folder: Path) -> list[Save]:
    """One trainer before its training and one after, saved to the same file in turn."""
    x, y = cnnx.data.xo(8, seed=0)
    saves: list[Save] = []
    for epochs in range(2):
        trainer = cnnx.Trainer(model(0), optimizer=cnnx.Adam(0.01))
        trainer.fit(x, y, epochs=epochs, checkpoint=folder / "first.ckpt")

        def save(path: Path, trainer: cnnx.Trainer = trainer) -> None:
            assert trainer._run is not None
            save_checkpoint(
                os.fsencode(path), trainer._core, trainer._recipe, trainer.history, trainer._run
            )

        saves.append(save)
    (folder / "first.ckpt").unlink()
    return saves


def onnx_saves(folder: Path) -> list[Save]:
    """Two models as ONNX files, without the check before the file is written."""

    def save_of(seed: int) -> Save:
        core = model(seed)._core
        graph = graph_of(core, default_form(core), 18)
        return lambda path: replace_file(str(path), encoded(graph, cnnx.__version__))

    return [save_of(seed) for seed in range(2)]


KINDS: dict[str, tuple[Callable[[Path], list[Save]], Callable[[Path], object]]] = {
    "model": (model_saves, cnnx.load),
    "checkpoint": (checkpoint_saves, cnnx.Trainer.resume),
    "onnx": (onnx_saves, Path.read_bytes),
}


def save_forever(saves: list[Save], path: Path, begun: int) -> None:
    """Save for ever; report the end of the first saves, which are the slowest after a fork."""
    for save in saves:
        save(path)
    os.write(begun, b".")
    while True:
        for save in saves:
            save(path)


def main(kind: str, folder: Path, kills: int) -> None:
    """Kill that many processes, each at a random moment."""
    make, load = KINDS[kind]
    saves = make(folder)
    path = folder / "file"
    contents = set()
    seconds = 0.0
    for save in saves:
        begun = time.perf_counter()
        save(path)
        seconds += time.perf_counter() - begun
        contents.add(path.read_bytes())
    assert len(contents) == len(saves), "the files should differ"
    moments = random.Random(0)
    inside = 0
    for _ in range(kills):
        told, tells = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                save_forever(saves, path, tells)
            finally:
                os._exit(1)
        os.close(tells)
        assert os.read(told, 1) == b"."
        os.close(told)
        time.sleep(moments.uniform(0, 4 * seconds))  # saves after a fork take longer
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL, "it ended by itself"
        assert path.read_bytes() in contents, "half a file"
        load(path)
        left = [each for each in folder.iterdir() if each != path]
        inside += bool(left)
        for each in left:
            assert each.name.startswith(".cnnx-"), each
            each.unlink()
    print(kills, inside)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
