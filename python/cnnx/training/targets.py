"""Validation and conversion of the targets of a loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.arguments import FloatArray
from cnnx.batch_arguments import class_labels, target_values
from cnnx.training.losses import BinaryCrossEntropy, CrossEntropy, Loss

Targets: TypeAlias = "NDArray[np.int64] | FloatArray"
# Images, whether their values are integers to be divided by 255, and targets.
Arrays: TypeAlias = "tuple[NDArray[np.uint8] | FloatArray, bool, Targets]"


def loss_targets(
    loss: Loss,
    y: ArrayLike,
    count: int,
    shape: tuple[int, ...],
    classes: Sequence[str] | None,
    function: str,
) -> Targets:
    """Targets of `count` images as int64 labels or float32 values.

    Args:
        loss: loss to train with.
        y: labels or targets.
        count: number of images.
        shape: shape of the outputs of one image.
        classes: names of the classes, or None.
        function: named in errors.

    Raises:
        TypeError: if the dtype does not fit the loss.
        ValueError: if the shape or a value does not fit.
    """
    if isinstance(loss, CrossEntropy):
        if shape[0] > 1 and np.shape(y) == (count, *shape):
            return _soft_labels(y, (count, *shape), function)
        return class_labels(y, count, classes or [], shape[0], function)
    if isinstance(loss, BinaryCrossEntropy):
        if np.asarray(y).dtype.kind == "U":
            y = class_labels(y, count, classes or [], 2, function)
        return target_values(y, (count, *shape), function, limits=(0.0, 1.0))
    return target_values(y, (count, *shape), function, limits=None)


def _soft_labels(y: ArrayLike, shape: tuple[int, ...], function: str) -> FloatArray:
    soft_labels = target_values(y, shape, function, limits=(0.0, 1.0))
    sums = soft_labels.sum(axis=1, dtype=np.float64)
    wrong = np.flatnonzero(np.abs(sums - 1) > 1e-3)
    if wrong.size:
        raise ValueError(
            f"{function}: y has soft labels that add up to {sums[wrong[0]]:g} at position "
            f"{wrong[0]}, expected 1"
        )
    return soft_labels


def targets_weight(loss: Loss, targets: Targets) -> float:
    """Divisor of the mean loss: the number of images, or the sum of their class weights."""
    weights = loss.class_weights if isinstance(loss, CrossEntropy) else None
    if weights is None:
        return float(len(targets))
    by_class = np.asarray(weights, np.float32).astype(np.float64)  # the core rounds them so
    own = by_class[targets] if targets.dtype == np.int64 else targets @ by_class
    return float(own.sum())
