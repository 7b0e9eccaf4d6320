"""Weights of classes: their checks, and those that let every class count the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.arguments import is_integer, not_negative, rectangular_array, shown


def balanced(y: ArrayLike, ignore_index: int | None) -> list[float] | dict[str, float]:
    """Balanced weights in the order of the classes, or by name."""
    labels = rectangular_array(y, "CrossEntropy.balanced", "y")
    if labels.ndim not in (1, 3) or labels.size == 0:
        remedy = "; of one-hot labels: y.argmax(axis=1)" if labels.ndim == 2 else ""
        raise ValueError(
            f"CrossEntropy.balanced: y has shape {labels.shape}, expected labels (N,) or "
            f"(N, height, width), at least one{remedy}"
        )
    if labels.dtype.kind in "UO" and all(isinstance(each, str) for each in labels.flat):
        names, counts = np.unique(labels.astype(str), return_counts=True)
        return dict(zip(names.tolist(), balanced_weights(counts), strict=True))
    if labels.dtype.kind not in "biu":
        raise TypeError(
            f"CrossEntropy.balanced: y has dtype {labels.dtype}, expected integers or class names"
        )
    if ignore_index is not None:
        labels = labels[labels != ignore_index]
    if labels.min(initial=0) < 0:
        raise ValueError(
            f"CrossEntropy.balanced: y has label {labels.min()}, expected indices >= 0"
        )
    counts = np.bincount(labels.astype(np.int64).ravel(), minlength=1)
    if counts.min() == 0:
        raise ValueError(
            f"CrossEntropy.balanced: y has no label {int(counts.argmin())}, expected one of every "
            f"class from 0 to {len(counts) - 1}"
        )
    return balanced_weights(counts)


def balanced_weights(counts: NDArray[np.int64]) -> list[float]:
    """Class weights that let every class count the same, from its number of labels."""
    return [float(each) for each in counts.sum() / (len(counts) * counts)]


def checked_class_weights(given: object, caller: str) -> tuple[float, ...] | dict[str, float]:
    """Weights in the order of the classes, or by name until the classes are known."""
    is_one = isinstance(given, str) or getattr(given, "ndim", 1) == 0
    if is_one or not isinstance(given, Iterable):
        remedy = ": CrossEntropy.balanced(y)" if given == "balanced" else ""
        raise TypeError(
            f"{caller}: class_weights is {shown(given)}, expected a list of numbers{remedy}"
        )
    if isinstance(given, Mapping) and not all(isinstance(key, str) for key in given):
        expected = set(range(len(given)))
        if not all(is_integer(key) for key in given) or set(given) != expected:
            raise ValueError(
                f"{caller}: class_weights has the keys {', '.join(map(repr, given))}, expected "
                f"0 to {len(given) - 1}, one per class, or the names of all classes"
            )
        given = [given[index] for index in range(len(given))]
    values = given.values() if isinstance(given, Mapping) else given
    weights = tuple(not_negative(each, caller, "class_weights") for each in values)
    if not weights:
        raise ValueError(f"{caller}: class_weights is empty, expected one number per class")
    return dict(zip(given, weights, strict=True)) if isinstance(given, Mapping) else weights
