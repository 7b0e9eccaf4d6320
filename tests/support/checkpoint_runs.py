"""Small runs that use everything a checkpoint must hold, and the contents of their files.

Not part of the package. As a program it is the run that a test kills: it resumes the checkpoint
named on the command line if there is one, and prints a line for every step.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
from cnnx.training.history import Progress
from model_file_parts import read_parts

SIZE = 16
SECONDS = "cnnx.trainer.notes.history.seconds"

x, y = cnnx.data.xo(22, size=SIZE, seed=4)
w = np.linspace(0, 2, len(x), dtype=np.float32) ** 3

CHANGES = cnnx.data.Augmentation(flip="random", crop_padding=1, rotate=10, scale=(0.9, 1.1))
# Name -> settings of the trainer, settings of fit.
RUNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "adam": (
        {"optimizer": cnnx.Adam(0.01, betas=(0.8, 0.95))},
        {"batch_size": 6, "validation": 0.3},
    ),
    "sgd": (
        {
            "optimizer": cnnx.SGD(0.02, momentum=0.9, nesterov=True, weight_decay=1e-3),
            "loss": cnnx.CrossEntropy(label_smoothing=0.1, class_weights=(1.0, 2.0)),
            "seed": 7,
            "rules": [cnnx.ParameterRule("*.bias", weight_decay_factor=0)],
            "clip_norm": 0.5,
            "averaging": cnnx.WeightAverage(0.9, every=2),
            "schedule": cnnx.Warmup(1, cnnx.OneCycle(0.5)),
        },
        {"batch_size": 7, "augmentation": CHANGES},
    ),
    "muon": (
        {"optimizer": cnnx.Muon(0.02, weight_decay=0.01), "schedule": cnnx.CosineDecay()},
        {"batch_size": 6},
    ),
    "plateau": (
        {
            "optimizer": cnnx.RMSprop(0.003, momentum=0.5),
            "schedule": cnnx.Plateau(0.5, patience=0, threshold=0.3, watch="validation_loss"),
        },
        {"batch_size": 8, "validation": (x[:5], y[:5]), "shuffle": False},
    ),
    "weights": (
        {"optimizer": cnnx.SGD(0.05), "loss": cnnx.CrossEntropy(class_weights=(1.0, 2.0))},
        {
            "batch_size": 6,
            "sample_weight": w,
            "validation": (x[:5], y[:5], w[-5:]),
            "augmentation": cnnx.data.Augmentation(mixup=0.3),
        },
    ),
}


def stopping_after(steps: int) -> Callable[[Progress], None]:
    """Press Ctrl-C after so many steps or ends of an epoch."""
    calls = iter(range(steps))

    def press(progress: Progress) -> None:
        if next(calls, None) is None:
            raise KeyboardInterrupt

    return press


def network() -> cnnx.Model:
    """Batch norm, dropout, and a frozen layer."""
    frozen = cnnx.Conv2d(4, 3, name="frozen")
    frozen.trainable = False
    return cnnx.Model(
        [
            frozen,
            cnnx.BatchNorm2d(),
            cnnx.ReLU(),
            cnnx.MaxPool2d(2),
            cnnx.Dropout(0.2),
            cnnx.Flatten(),
            cnnx.Dense(2),
        ],
        input_shape=(SIZE, SIZE, 1),
        classes=["X", "O"],
        seed=3,
    )


def begin(run: str) -> cnnx.Trainer:
    """A new trainer for a run."""
    return cnnx.Trainer(network(), **RUNS[run][0])


def resume(trainer: cnnx.Trainer, run: str, **settings: Any) -> None:
    """Finish an unfinished run with the same data."""
    validation = RUNS[run][1].get("validation")
    held_out = validation if isinstance(validation, tuple) else None
    weights = RUNS[run][1].get("sample_weight")
    trainer.fit(x, y, sample_weight=weights, validation=held_out, **settings)


def contents(path: Path) -> dict[str, Any]:
    """All contents of a checkpoint except the seconds of the epochs, and checksums."""
    header, data = read_parts(path)
    found: dict[str, Any] = {"metadata": header.pop("__metadata__")}
    found["metadata"].pop("cnnx.checksums", None)
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        found[name] = (entry["dtype"], tuple(entry["shape"]), data[first:last])
    found.pop(SECONDS, None)
    return found


def main(run: str, path: Path, epochs: int) -> None:
    """Train or resume."""

    def tell(progress: Progress) -> None:
        print(progress.step, flush=True)

    if path.exists():
        resume(cnnx.Trainer.resume(path), run, progress=tell)
    else:
        settings = {**RUNS[run][1], "epochs": epochs, "checkpoint": path, "checkpoint_every": 3}
        begin(run).fit(x, y, progress=tell, **settings)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
