"""Turns what a loss is given beside the images into what the core takes, or refuses it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.arguments import FloatArray, class_labels, target_values
from cnnx.training.losses import BinaryCrossEntropy, CrossEntropy, Loss

Targets: TypeAlias = "NDArray[np.int64] | FloatArray"


def loss_targets(
    loss: Loss,
    y: ArrayLike,
    count: int,
    shape: tuple[int, ...],
    classes: Sequence[str] | None,
    function: str,
) -> Targets:
    """Labels as int64, or values as float32, of `count` images whose outputs have `shape`.

    Raises:
        TypeError: if the dtype is none for this loss.
        ValueError: if the shape or a value does not fit.
    """
    if isinstance(loss, CrossEntropy):
        if shape[0] > 1 and np.shape(y) == (count, *shape):
            return _class_shares(y, (count, *shape), function)
        return class_labels(y, count, classes or [], shape[0], function)
    if isinstance(loss, BinaryCrossEntropy):
        if np.asarray(y).dtype.kind == "U":
            y = class_labels(y, count, classes or [], 2, function)
        return target_values(y, (count, *shape), function, limits=(0.0, 1.0))
    return target_values(y, (count, *shape), function, limits=None)


def _class_shares(y: ArrayLike, shape: tuple[int, ...], function: str) -> FloatArray:
    shares = target_values(y, shape, function, limits=(0.0, 1.0))
    sums = shares.sum(axis=1, dtype=np.float64)
    wrong = np.flatnonzero(np.abs(sums - 1) > 1e-3)
    if wrong.size:
        raise ValueError(
            f"{function}: y has shares that add up to {sums[wrong[0]]:g} at position {wrong[0]}, "
            "expected shares of the classes, which add up to 1"
        )
    return shares
