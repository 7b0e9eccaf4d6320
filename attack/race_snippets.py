"""Functions whose source is pasted into the programs with threads."""

from __future__ import annotations

import copy
import pickle
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cnnx
import numpy as np

READS = (
    "predict",
    "evaluate",
    "clone",
    "copy",
    "pickle",
    "save",
    "outputs",
    "parameter",
    "threads",
)


def scale_parameter(model: Any, number: int, factor: float) -> None:
    """Assign a parameter."""
    names = list(model.parameters)
    name = names[number % len(names)]
    model.parameters[name] = factor * model.parameters[name]


def set_trainable(model: Any, number: int, value: bool) -> None:
    """Freeze a layer, or train it."""
    model.layers[number % len(model.layers)].trainable = value


def read(trainer: Any, kind: str, batch: tuple[Any, Any]) -> bytes:
    """What a thread finds that uses the model in one call."""
    model, (x, y) = trainer.model, batch
    if kind == "evaluate":
        return np.float64(trainer.evaluate(x, y)["loss"]).tobytes()
    if kind == "clone":
        return bytes(model.clone()(x).tobytes())
    if kind == "pickle":
        return bytes(pickle.loads(pickle.dumps(model))(x).tobytes())
    if kind == "save":
        with tempfile.TemporaryDirectory() as folder:
            model.save(Path(folder, "model.cnnx"))
            return bytes(cnnx.load(Path(folder, "model.cnnx"))(x).tobytes())
    if kind == "outputs":
        return b"".join(output.tobytes() for output in model.layer_outputs(x).values())
    if kind == "parameter":
        return bytes(next(iter(model.parameters.values())).tobytes())
    if kind == "threads":  # affects no result
        cnnx.set_num_threads(cnnx.get_num_threads() % 4 + 1)
        return b""
    return bytes((copy.copy(model) if kind == "copy" else model)(x).tobytes())


def states_of(
    trainer: Any,
    changes: Sequence[Callable[..., Any]],
    kinds: Sequence[str],
    batch: tuple[Any, Any],
) -> dict[str, list[bytes]]:
    """By kind of reading, what it finds before, between and after the changes."""
    states = {kind: [read(trainer, kind, batch)] for kind in kinds}
    for change in changes:
        change(trainer.model, trainer)
        for kind in kinds:
            states[kind].append(read(trainer, kind, batch))
    return states


def read_while(
    trainer: Any,
    changes: Sequence[Callable[..., Any]],
    readers: Sequence[Sequence[str]],
    states: dict[str, list[bytes]],
    batch: tuple[Any, Any],
) -> None:
    """Fail if a thread finds anything but whole states in their order."""
    errors: list[BaseException] = []
    together, changed = threading.Barrier(len(readers) + 1), threading.Event()

    def reading(kinds: Sequence[str]) -> None:
        reached = 0
        while True:
            last = changed.is_set()
            for kind in kinds:
                found = read(trainer, kind, batch)
                later = [n for n in range(reached, len(states[kind])) if states[kind][n] == found]
                assert later, f"{kind} finds no state from number {reached} on"
                reached = later[0]
            if last:
                assert all(read(trainer, kind, batch) == states[kind][-1] for kind in kinds)
                return

    def changing(kinds: Sequence[str]) -> None:
        try:
            for change in changes:
                change(trainer.model, trainer)
        finally:
            changed.set()

    def run(work: Callable[[Sequence[str]], None], kinds: Sequence[str]) -> None:
        try:
            together.wait()
            work(kinds)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(reading, kinds)) for kinds in readers]
    threads.append(threading.Thread(target=run, args=(changing, ())))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
