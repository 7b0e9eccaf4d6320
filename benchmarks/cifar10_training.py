"""The training of `benchmarks.cifar10`: images of half the size first, then whole ones.

Both sizes use the same convolution weights. A pass over the small images costs little more than a
quarter of a pass over the whole ones. The learning rate rises during the small images and falls
during the whole ones (progressive image sizes: M. Tan, Q. Le: EfficientNetV2, 2021).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

import cnnx
import numpy as np
from cnnx.data.split import split
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]
Labelled: TypeAlias = tuple[Pixels, NDArray[np.int64]]
Show: TypeAlias = Callable[[int, dict[str, float]], object]

BATCH = 1024
SHIFTED, CUT_OUT = 3, 8  # pixels of a whole image: random shifts, side of the cutout
VALIDATED, SPLIT_SEED = 5000, 0
WHITENING_EPOCHS = 3  # its bias is frozen afterwards too, which saves the first input gradient
WHITENED = 5000  # images whose patches give the first layer's filters


class Images(NamedTuple):
    """A data set, of which a fixed seed holds out some images."""

    classes: tuple[str, ...]
    training: Labelled
    validation: Labelled


@dataclass(frozen=True)
class Stage:
    """Some passes over images of one size."""

    model: cnnx.Model
    schedule: cnnx.Triangular
    augmentation: cnnx.data.Augmentation
    training: Labelled
    validation: Labelled


def read_images(folder: Path, most: int | None = None) -> Images:
    """The images of a folder, held out with the same fraction of every class; at most so many."""
    data = cnnx.data.load(folder)
    assert isinstance(data.classes, tuple), "folders have names"
    order = np.random.default_rng(SPLIT_SEED).permutation(len(data.x)).tolist()
    held_out, trained = split(order[:most], VALIDATED / len(order), data.y)
    return Images(
        data.classes, (data.x[trained], data.y[trained]), (data.x[held_out], data.y[held_out])
    )


def halved(images: Pixels) -> Pixels:
    """(n, height / 2, width / 2, channels): the means of 2 x 2 pixels."""
    count, height, width, channels = images.shape
    squares = images.reshape(count, height // 2, 2, width // 2, 2, channels)
    means: NDArray[np.uint16] = (squares.sum((2, 4), dtype=np.uint16) + 2) // 4
    return means.astype(np.uint8)


def stages(
    classes: Sequence[str], training: Labelled, validation: Labelled, seed: int
) -> tuple[Stage, Stage]:
    """The stages of small and of whole images, each with a model of that input size."""
    (x, y), (held_out, labels) = training, validation

    def stage(scale: int, x: Pixels, held_out: Pixels, schedule: cnnx.Triangular) -> Stage:
        model = cnnx.models.fast_cifar(x.shape[1:], classes, images=x[:WHITENED], seed=seed)
        changes = cnnx.data.Augmentation(
            flip="alternating",
            crop_padding=SHIFTED // scale,
            border="reflect",
            cutout=CUT_OUT // scale,
        )
        return Stage(model, schedule, changes, (x, y), (held_out, labels))

    rising, falling = cnnx.Triangular(1.0, start=0.2), cnnx.Triangular(0.0)
    return stage(2, halved(x), halved(held_out), rising), stage(1, x, held_out, falling)


def take_weights(model: cnnx.Model, of: cnnx.Model) -> None:
    """Copy the weights from a model of another input size."""
    for name, values in of.parameters.items():
        model.parameters[name] = values


def fit_both(
    small: Stage, whole: Stage, *, epochs: tuple[int, int], seed: int, show: Show
) -> tuple[cnnx.Trainer, cnnx.Trainer]:
    """Train with small images, then with whole ones, each for its number of passes."""
    earlier = fit(small, passed=0, epochs=epochs[0], seed=seed, show=show)
    take_weights(whole.model, small.model)
    return earlier, fit(whole, passed=epochs[0], epochs=epochs[1], seed=seed, show=show)


def fit(stage: Stage, *, passed: int, epochs: int, seed: int, show: Show) -> cnnx.Trainer:
    """Train a stage's model by the recipe, with the stage's schedule, after `passed` earlier
    passes.

    `show` is called after every pass with its number, which counts the earlier passes, and its
    figures. Returns the trainer.
    """

    def rest_when_whitened(passes: int) -> None:
        stage.model.layers[0].trainable = passes < WHITENING_EPOCHS

    def after_step(now: cnnx.history.Progress) -> None:
        if now.finished_epoch:
            show(passed + now.epoch, now.finished_epoch)
            rest_when_whitened(passed + now.epoch)

    rest_when_whitened(passed)
    recipe = cnnx.models.fast_cifar_recipe() | {"schedule": stage.schedule}
    trainer = cnnx.Trainer(stage.model, **recipe, seed=seed + passed)
    trainer.fit(
        *stage.training,
        epochs=epochs,
        batch_size=BATCH,
        augmentation=stage.augmentation,
        validation=stage.validation,
        progress=after_step,
    )
    return trainer
