"""Checkpoints whose metadata have one wrong value, and a run that resumes them.

Not part of the package.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cnnx
from checkpoint_runs import CHANGES, network, x, y
from cnnx.training.history import Progress
from model_file_parts import read_parts, write_parts

METADATA = "cnnx.notes"
REMOVED = object()
WRONG: dict[str, Any] = {
    "null": None,
    "-1": -1,
    "1e9": 10**9,
    "2**70": 2**70,
    "1e9 as a real number": 1e9,
    "text": "x",
    "list": [],
    "object": {},
    "NaN": float("nan"),
    "true": True,
    "removed": REMOVED,
}

Steps = tuple[str | int, ...]


class StopAfterAnEpoch(cnnx.callbacks.Callback):
    """Ends a resumed run soon, whatever number of epochs its metadata ask for."""

    def on_epoch_end(self, trainer: Any, progress: Progress) -> None:
        trainer.stop()


def callbacks(folder: Path) -> list[cnnx.callbacks.Callback]:
    """Callbacks with states, one of them with arrays."""
    return [
        cnnx.callbacks.EarlyStopping("validation_loss", patience=9),
        cnnx.callbacks.BestModel(folder / "best.cnnx", watch="loss"),
    ]


def write_checkpoint(path: Path) -> None:
    """A checkpoint in the middle of the third epoch of a run that uses every kind of setting."""
    trainer = cnnx.Trainer(
        network(),
        optimizer=cnnx.SGD(0.02, momentum=0.9),
        loss=cnnx.CrossEntropy(label_smoothing=0.1, class_weights=(1.0, 2.0)),
        rules=[cnnx.ParameterRule("*.bias", weight_decay_factor=0)],
        clip_norm=0.5,
        averaging=cnnx.WeightAverage(0.9),
        schedule=cnnx.Warmup(1, cnnx.StepDecay(0.5, at=(2,))),
    )

    def interrupt(progress: Progress) -> None:
        if (progress.epoch, progress.step) == (3, 2):
            raise KeyboardInterrupt

    try:
        trainer.fit(
            x,
            y,
            epochs=5,
            batch_size=7,
            augmentation=CHANGES,
            validation=0.3,
            checkpoint=path,
            checkpoint_every=4,
            callbacks=callbacks(path.parent),
            progress=interrupt,
        )
    except KeyboardInterrupt:
        return
    raise AssertionError("the run was not interrupted")


def metadata_of(path: Path) -> Any:
    """The metadata as JSON values."""
    return json.loads(read_parts(path)[0]["__metadata__"][METADATA])


def places(value: Any, before: Steps = ()) -> Iterator[Steps]:
    """The path to every value inside and to the value itself."""
    yield before
    if isinstance(value, (dict, list)):
        for name, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(each, (*before, name))


def replaced(metadata: Any, place: Steps, wrong: Any) -> Any:
    """The metadata with another value at a place, or without it."""
    if not place:
        return {} if wrong is REMOVED else wrong
    changed = copy.deepcopy(metadata)
    parent = changed
    for step in place[:-1]:
        parent = parent[step]
    if wrong is REMOVED:
        del parent[place[-1]]
    else:
        parent[place[-1]] = wrong
    return changed


def write_damaged(source: Path, path: Path, metadata: Any) -> None:
    """Copy of a checkpoint with other metadata."""
    header, data = read_parts(source)
    header["__metadata__"][METADATA] = json.dumps(metadata)
    write_parts(path, header, data)


def resume(path: Path) -> cnnx.Trainer:
    """Resume a run and end it after its current epoch."""
    trainer = cnnx.Trainer.resume(path)
    trainer.fit(x, y, callbacks=[*callbacks(path.parent), StopAfterAnEpoch()])
    return trainer
