"""Search for suspect labels by cross-validation of a small network."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.arguments import (
    FloatArray,
    at_least,
    check_function_of,
    rectangular_array,
    shown,
)
from cnnx.data.augmentation import Augmentation
from cnnx.data.dataset import Labels, Pixels
from cnnx.doctor.confident_learning import LabelIssues, label_issues
from cnnx.models.fast_cifar import fast_cifar, fast_cifar_recipe
from cnnx.models.plain import small
from cnnx.spelling import checked_call
from cnnx.training.history import Progress
from cnnx.training.optimizers import Adam
from cnnx.training.schedules import CosineDecay
from cnnx.training.trainer import Trainer
from cnnx.training.weight_average import WeightAverage

_LEAST_SIDE = 16  # of the images
_MANY_IMAGES = 8000  # from this number, fast_cifar is trained on images of half the size
_WHITENED = 5000  # images whose patches give the first layer's filters
_SHIFTED = 2  # pixels


@checked_call
def suspect_labels(
    x: ArrayLike,
    y: ArrayLike,
    *,
    folds: int = 3,
    epochs: int = 4,
    seed: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> LabelIssues:
    """Find images with suspect labels: networks that have not seen an image contradict its label.

    The images are split into folds, each with the same fraction of every class. For each fold a
    network is trained on the other folds and predicts the fold. `label_issues` compares these
    predictions with the labels. The network is a `cnnx.models.fast_cifar` for images that are
    reduced to a side of about 16 pixels, or with fewer than 8,000 images a `cnnx.models.small` for
    a side of about 32. The result depends only on the arguments.

    Args:
        x: (images, height, width, channels) of uint8, or floats from 0 to 1; each side 16 or more.
        y: (images,) labels, integers from 0; at least `folds` of every class.
        folds: number of folds. More of them train on more of the images and take longer.
        epochs: passes of each training over its images. Few images are passed more often.
        seed: seed of the folds, the initial weights and the order of the images.
        progress: called with the numbers of finished and of all steps of training.

    Returns:
        The suspect images, the most suspect first.

    Raises:
        TypeError: if an argument is not of its type.
        ValueError: if images and labels do not fit, or a class has fewer images than folds.

    Reference:
        Northcutt, Jiang, Chuang: Confident learning: estimating uncertainty in dataset labels,
        2021.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(400, seed=1)
        >>> y[0] = 1 - y[0]  # a wrong label
        >>> int(suspect_labels(x, y, folds=2).rows[0])
        0
    """
    at_least(2, folds, "suspect_labels", "folds")
    at_least(1, epochs, "suspect_labels", "epochs")
    at_least(0, seed, "suspect_labels", "seed")
    check_function_of(progress, "suspect_labels", "progress", 2, "two numbers of steps")
    labels = _labels(y, folds)
    how = _MANY if len(labels) >= _MANY_IMAGES else _FEW
    images = _reduced(_pixels(x, len(labels)), how)
    fold_of = _folds(labels, folds, seed)
    classes = int(labels.max()) + 1
    probabilities = np.empty((len(labels), classes), np.float32)
    report = _FoldProgress(folds, progress)
    for fold in range(folds):
        held_out = fold_of == fold
        report.fold = fold
        probabilities[held_out] = _predicted(
            images[~held_out],
            labels[~held_out],
            images[held_out],
            how,
            classes=classes,
            epochs=epochs,
            seed=seed + fold,
            progress=report,
        )
    return label_issues(probabilities, labels)


class _FoldProgress:
    """Progress over all folds from the `Progress` of one training."""

    def __init__(self, folds: int, progress: Callable[[int, int], object] | None) -> None:
        self._folds, self._progress = folds, progress
        self.fold = 0

    def __call__(self, now: Progress) -> None:
        if self._progress is None or now.finished_epoch:
            return
        steps = now.epochs * now.steps
        done = self.fold * steps + (now.epoch - 1) * now.steps + now.step
        self._progress(done, self._folds * steps)


def _fast_trainer(x: Pixels, classes: int, seed: int) -> Trainer:
    model = fast_cifar(x.shape[1:], classes, images=x[:_WHITENED], seed=seed)
    return Trainer(model, **fast_cifar_recipe(), seed=seed)


def _small_trainer(x: Pixels, classes: int, seed: int) -> Trainer:
    model = small(x.shape[1:], classes, seed=seed)
    settings: dict[str, Any] = {"optimizer": Adam(2e-3), "schedule": CosineDecay()}
    return Trainer(model, **settings, averaging=WeightAverage(0.9), seed=seed)


class _Training(NamedTuple):
    """How the networks are trained.

    Attributes:
        side: larger images are reduced to about this side.
        least_side: no side becomes smaller.
        batch: images per step.
        least_steps: steps of a training, for which few images are passed more often.
        trainer: makes the trainer from images, number of classes and seed.
    """

    side: int
    least_side: int
    batch: int
    least_steps: int
    trainer: Callable[[Pixels, int, int], Trainer]


_MANY = _Training(16, 8, 1024, 100, _fast_trainer)
_FEW = _Training(32, 16, 32, 300, _small_trainer)


def _predicted(
    x: Pixels,
    y: Labels,
    held_out: Pixels,
    how: _Training,
    *,
    classes: int,
    epochs: int,
    seed: int,
    progress: Callable[[Progress], object],
) -> FloatArray:
    """Probabilities of the held-out images by a network trained on the others."""
    trainer = how.trainer(x, classes, seed)
    trainer.fit(
        x,
        y,
        epochs=max(epochs, math.ceil(how.least_steps / math.ceil(len(x) / how.batch))),
        batch_size=how.batch,
        augmentation=Augmentation(crop_padding=_SHIFTED, border="reflect"),
        progress=progress,
        verbose=False,
    )
    probabilities: FloatArray = trainer.averaged_model().predict_proba(held_out)
    return probabilities


def _folds(labels: Labels, folds: int, seed: int) -> NDArray[np.int64]:
    """Fold of each image, the same fraction of every class in each."""
    random = np.random.default_rng(seed)
    shuffled = random.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    fold_of = np.empty(len(labels), np.int64)
    fold_of[by_class] = np.arange(len(labels)) % folds
    return fold_of


def _labels(y: ArrayLike, folds: int) -> Labels:
    array = rectangular_array(y, "suspect_labels", "y")
    if array.ndim != 1 or array.dtype.kind not in "iu" or (array.size and array.min() < 0):
        raise ValueError(
            f"suspect_labels: y is {shown(y)}, expected (images,) integers from 0, one per image"
        )
    counts = np.bincount(array) if array.size else np.zeros(0, np.int64)
    present = counts[counts > 0]
    if len(present) < 2:
        raise ValueError(f"suspect_labels: y has {len(present)} classes, expected at least two")
    if present.min() < folds:
        label = int(np.flatnonzero((counts > 0) & (counts < folds))[0])
        raise ValueError(
            f"suspect_labels: class {label} has {counts[label]} images, expected at least one per "
            f"fold, {folds}"
        )
    return array.astype(np.int64)


def _pixels(x: ArrayLike, count: int) -> Pixels:
    array = rectangular_array(x, "suspect_labels", "x")
    if array.ndim == 3:
        array = array[..., np.newaxis]
    if array.ndim != 4 or len(array) != count or min(array.shape[1:3]) < _LEAST_SIDE:
        raise ValueError(
            f"suspect_labels: x has shape {array.shape}, expected ({count}, height, width, "
            f"channels), each side {_LEAST_SIDE} or more"
        )
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "f" and array.min() >= 0 and array.max() <= 1:
        pixels: Pixels = np.round(array * 255).astype(np.uint8)
        return pixels
    raise ValueError(
        f"suspect_labels: x has dtype {array.dtype}, expected uint8 or floats from 0 to 1; for "
        "other images pass the predictions of your own network to label_issues"
    )


def _reduced(x: Pixels, how: _Training) -> Pixels:
    """Images of about the side of the training: the means of squares of pixels."""
    height, width = x.shape[1:3]
    factor = min(round(max(height, width) / how.side), min(height, width) // how.least_side)
    if factor < 2:
        return x
    rows, columns = height // factor, width // factor
    whole = x[:, : rows * factor, : columns * factor]
    squares = whole.reshape(len(x), rows, factor, columns, factor, -1)
    # One image at a time: the sums need four times the memory of the pixels.
    reduced = np.empty((len(x), rows, columns, x.shape[3]), np.uint8)
    for image, square in enumerate(squares):
        reduced[image] = np.round(square.mean(axis=(1, 3)))
    return reduced
