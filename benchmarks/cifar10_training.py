"""The training of `benchmarks.cifar10`: pictures of half the size first, then whole ones.

The convolutions' weights serve both sizes, and a pass over small pictures costs little more than a
quarter. The rate rises while pictures are small, and falls while they are whole (as in M. Tan,
Q. Le: EfficientNetV2, 2021, whose pictures grow too).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import cnnx
import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]
Labels: TypeAlias = NDArray[np.int64]
Show: TypeAlias = Callable[[int, dict[str, float]], object]

BATCH = 1024
SHIFTED, CUT_OUT = 3, 8  # pixels of a whole picture: random shifts, and a square of no picture
SMALL_SHARE = 0.375  # of the passes
WHITENING_EPOCHS = 3  # after which its bias rests too, which spares the first input gradient
WHITENED = 5000  # pictures whose patches the first layer's filters are made from
TRIAL_STEPS = 5


@dataclass(frozen=True)
class Stage:
    """Some passes over pictures of one size."""

    model: cnnx.Model
    schedule: cnnx.Triangular
    augmentation: cnnx.data.Augmentation
    x: Pixels
    validation: Pixels

    def trainer(self, seed: int) -> cnnx.Trainer:
        """Of its model, by the recipe but for the schedule."""
        recipe = cnnx.models.fast_cifar_recipe() | {"schedule": self.schedule}
        return cnnx.Trainer(self.model, **recipe, seed=seed)


def halved(pictures: Pixels) -> Pixels:
    """(n, height / 2, width / 2, channels): the means of 2 x 2 pixels."""
    count, height, width, channels = pictures.shape
    squares = pictures.reshape(count, height // 2, 2, width // 2, 2, channels)
    means: NDArray[np.uint16] = (squares.sum((2, 4), dtype=np.uint16) + 2) // 4
    return means.astype(np.uint8)


def stages(classes: Sequence[str], x: Pixels, validation: Pixels, seed: int) -> tuple[Stage, Stage]:
    """Small pictures and whole ones, each with a model of that input."""

    def stage(scale: int, pixels: Pixels, apart: Pixels, schedule: cnnx.Triangular) -> Stage:
        model = cnnx.models.fast_cifar(
            pixels.shape[1:], classes, pictures=pixels[:WHITENED], seed=seed
        )
        changes = cnnx.data.Augmentation(
            flip="alternating",
            crop_padding=SHIFTED // scale,
            border="reflect",
            cutout=CUT_OUT // scale,
        )
        return Stage(model, schedule, changes, pixels, apart)

    rising, falling = cnnx.Triangular(1.0, start=0.2), cnnx.Triangular(0.0)
    return stage(2, halved(x), halved(validation), rising), stage(1, x, validation, falling)


def fit_stages(
    both: tuple[Stage, Stage], y: Labels, validated: Labels, epochs: int, seed: int, show: Show
) -> tuple[cnnx.Model, list[cnnx.History]]:
    """The averaged model of whole pictures after so many passes, and each stage's history.

    `show` is called after every pass with its number, from 1 on, and its figures.
    """
    small, whole = both

    def fit(stage: Stage, passed: int, until: int) -> cnnx.Trainer:
        def after_step(now: cnnx.history.Progress) -> None:
            if now.finished_epoch:
                show(passed + now.epoch, now.finished_epoch)
                rest_when_whitened(passed + now.epoch)

        def rest_when_whitened(passes: int) -> None:
            stage.model.layers[0].trainable = passes < WHITENING_EPOCHS

        rest_when_whitened(passed)
        trainer = stage.trainer(seed + passed)
        trainer.fit(
            stage.x,
            y,
            epochs=until - passed,
            batch_size=BATCH,
            augmentation=stage.augmentation,
            validation=(stage.validation, validated),
            progress=after_step,
        )
        return trainer

    first = round(epochs * SMALL_SHARE)
    earlier = fit(small, 0, first)
    for name, values in small.model.parameters.items():
        whole.model.parameters[name] = values
    later = fit(whole, first, epochs)
    return later.averaged_model(), [earlier.history, later.history]


def epochs_within(seconds: float, both: tuple[Stage, Stage], y: Labels, validated: Labels) -> int:
    """How many passes, each with its validation, take so long by `SMALL_SHARE`, by the time of a
    few steps of copies of the models.
    """
    small, whole = (seconds_of_epoch(stage, y, validated) for stage in both)
    return max(2, int(seconds / (SMALL_SHARE * small + (1 - SMALL_SHARE) * whole)))


def seconds_of_epoch(stage: Stage, y: Labels, validated: Labels) -> float:
    """With its validation, the first layer at rest as it is in most."""
    trial = replace(stage, model=stage.model.clone()).trainer(seed=0)
    trial.model.layers[0].trainable = False
    trial.begin_schedule(epochs=1, steps_per_epoch=1 + TRIAL_STEPS)
    trial.step(stage.x[:BATCH], y[:BATCH])  # asks for memory
    begun = time.perf_counter()
    for _ in range(TRIAL_STEPS):
        trial.step(stage.x[:BATCH], y[:BATCH])
    step = (time.perf_counter() - begun) / TRIAL_STEPS
    begun = time.perf_counter()
    trial.evaluate(stage.validation, validated)
    return math.ceil(len(stage.x) / BATCH) * step + time.perf_counter() - begun
