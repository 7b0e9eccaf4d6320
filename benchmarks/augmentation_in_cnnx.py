"""Augmented batches by cnnx, as `fit` makes them, and the LeNet train step that consumes them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import cnnx
import numpy as np
from cnnx.arguments import FloatArray

from benchmarks.augmentations import (
    BATCH,
    CHECKED_BATCHES,
    DEVIATION,
    IMAGES,
    MEAN,
    draw,
    figures,
    task_of,
)


def versions() -> dict[str, str]:
    """The library's version and instruction set."""
    return {"cnnx": cnnx.__version__, "cnnx_isa": cnnx.isa()}


def prepare(task: tuple[object, ...]) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """One batch per call, or one train step in mode "lenet"; returns no figures to compare."""
    work, threads, mode = task_of(task)
    cnnx.set_num_threads(threads)
    x = draw(work)
    if mode == "lenet":
        trainer = cnnx.Trainer(cnnx.models.lenet5())
        y = np.arange(BATCH) % 10
        return lambda: trainer.step(x[:BATCH], y), {}
    augmentation = cnnx.data.Augmentation(
        crop_padding=work.crop_padding,
        flip="random" if work.flip else "never",
        rotate=work.degrees,
        shift=work.shift,
        scale=work.scale,
    )
    how = cnnx.Preprocessing(mean=MEAN, std=DEVIATION)
    steps = count()

    def batch() -> FloatArray:
        epoch, step = divmod(next(steps), IMAGES // BATCH)
        rows = slice(step * BATCH, (step + 1) * BATCH)
        return augmentation.apply(x[rows], epoch=epoch, preprocessing=how)

    return batch, figures(np.concatenate([batch() for _ in range(CHECKED_BATCHES)]))
