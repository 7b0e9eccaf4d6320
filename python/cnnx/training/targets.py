"""Validation and conversion of the targets of a loss and the weights of its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.advice import warn
from cnnx.arguments import FloatArray, real_array, rectangular_array, shown
from cnnx.batch_arguments import class_indices, class_labels, place, target_values
from cnnx.model.heads import Head
from cnnx.training.custom_loss import Custom
from cnnx.training.head_losses import HeadLosses
from cnnx.training.loss import Loss
from cnnx.training.metric_sums import only_ignored, only_zeros

_DARK = 127  # which images of bytes exceed, and counts hardly do
Targets: TypeAlias = "NDArray[np.int64] | FloatArray"
# Images, whether their values are integers to be divided by 255, targets, and a weight per image.
Arrays: TypeAlias = "tuple[NDArray[np.uint8] | FloatArray, bool, Targets, FloatArray | None]"
# Checks images, targets and weights for the model and the loss; the name begins an error message.
Check: TypeAlias = Callable[[ArrayLike, ArrayLike, "ArrayLike | None", str], Arrays]


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
    if isinstance(loss, HeadLosses):
        raise TypeError(
            f"{function}: y is {shown(y)}, expected a dict of the targets of "
            f"{', '.join(loss.terms)}"
        )
    if isinstance(loss, Custom):
        return _custom_targets(loss, y, (count, *shape), classes, function)
    if loss.takes_classes(shape[-1]):
        if shape[-1] > 1 and np.shape(y) == (count, *shape):
            if loss.ignore_index is not None and 0 <= loss.ignore_index < shape[-1]:
                raise ValueError(
                    f"{function}: y has soft labels, which ignore_index={loss.ignore_index} cannot "
                    "ignore, expected labels: y.argmax(axis=-1)"
                )
            return _soft_labels(y, (count, *shape), function)
        if len(shape) > 1:
            places = (count, *shape[:-1])
            return labels_of_positions(y, places, shape[-1], loss.ignore_index, function)
        return class_labels(y, count, classes or [], shape[0], function, loss.ignore_index)
    if loss.takes_logits:
        if np.asarray(y).dtype.kind == "U":
            y = class_labels(y, count, classes or [], 2, function)
        return target_values(y, (count, *shape), function, limits=(0.0, 1.0))
    values = target_values(y, (count, *shape), function, limits=None)
    if len(shape) == 3:
        _warn_of_pixels(y, values, function)
    return values


def targets_of_heads(
    loss: HeadLosses, y: object, heads: Sequence[Head], count: int, function: str
) -> FloatArray:
    """Targets of all heads side by side, as the core takes them: labels are whole numbers.

    Raises:
        TypeError: if `y` is no dict, or a dtype does not fit.
        ValueError: if the names are not those of the heads, or targets do not fit theirs.
    """
    if not isinstance(y, Mapping) or set(y) != {head.name for head in heads}:
        given = f"has the names {', '.join(map(str, y))}" if isinstance(y, Mapping) else shown(y)
        kind = ValueError if isinstance(y, Mapping) else TypeError
        raise kind(
            f"{function}: y {'' if isinstance(y, Mapping) else 'is '}{given}, expected a dict of "
            f"the targets of {', '.join(head.name for head in heads)}"
        )
    parts = []
    for head in heads:
        own = f"{function}: output {head.name!r}"
        single, _ = loss.terms[head.name]
        if single.takes_classes(head.shape[-1]) and np.shape(y[head.name]) == (count, *head.shape):
            raise ValueError(f"{own}: y has shape {(count, *head.shape)}, expected labels")
        found = loss_targets(single, y[head.name], count, head.shape, None, own)
        parts.append(found.reshape(count, -1).astype(np.float32, copy=False))
    return np.concatenate(parts, axis=1)


def _custom_targets(
    loss: Custom,
    y: ArrayLike,
    outputs: tuple[int, ...],
    classes: Sequence[str] | None,
    function: str,
) -> Targets:
    """Labels of images or positions for logits, unless they are soft; otherwise values."""
    given = rectangular_array(y, function, "y")
    if loss.logits and loss.target_shape is None and given.shape != outputs:
        count = max(2, outputs[-1])
        if len(outputs) == 4:
            return labels_of_positions(given, outputs[:3], count, None, function)
        return class_labels(given, outputs[0], classes or [], count, function)
    wanted = outputs if loss.target_shape is None else (outputs[0], *loss.target_shape)
    return target_values(given, wanted, function, limits=None)


def _warn_of_pixels(y: ArrayLike, values: FloatArray, function: str) -> None:
    """Warn of images of bytes as targets, which unlike those in `x` are not divided by 255."""
    if getattr(y, "dtype", None) == np.uint8 and np.any(values > _DARK):
        warn(
            f"{function}: y is images of uint8 up to {values.max():g}, which are not divided by "
            "255 as those in x are, expected targets from 0 to 1: y / 255"
        )


def _soft_labels(y: ArrayLike, shape: tuple[int, ...], function: str) -> FloatArray:
    soft_labels = target_values(y, shape, function, limits=(0.0, 1.0))
    sums = soft_labels.sum(axis=-1, dtype=np.float64)
    wrong = np.argwhere(np.abs(sums - 1) > 1e-3)
    if wrong.size:
        raise ValueError(
            f"{function}: y has soft labels that add up to {sums[tuple(wrong[0])]:g} at position "
            f"{place(wrong[0])}, expected 1"
        )
    return soft_labels


def labels_of_positions(
    y: ArrayLike,
    shape: tuple[int, ...],
    classes: int,
    ignore_index: int | None,
    function: str,
) -> NDArray[np.int64]:
    """Labels of every position of every image as int64, (batch, height, width).

    Raises:
        TypeError: if they are not integers.
        ValueError: if the shape differs, or a label is neither a class nor `ignore_index`.
    """
    labels = rectangular_array(y, function, "y")
    if labels.dtype.kind not in "biu":
        raise TypeError(
            f"{function}: y has dtype {labels.dtype}, expected integers, the index of a class for "
            "each position"
        )
    if labels.shape == (*shape, 1):
        labels = labels[..., 0]
    if labels.shape != shape:
        raise ValueError(
            f"{function}: y has shape {labels.shape}, expected a label for each position of the "
            f"output, {shape}"
        )
    return class_indices(labels, classes, function, ignore_index)


def row_weights(value: ArrayLike | None, count: int, function: str) -> FloatArray | None:
    """Weights of `count` images as float32, (count,); None for equal weights.

    Raises:
        TypeError: if the dtype is not real.
        ValueError: if there is not one weight per image, or a weight is negative, NaN or infinite.
    """
    if value is None:
        return None
    array = real_array(value, function, "sample_weight")
    if array.shape != (count,) and not (array.ndim == 0 and count == 1):
        raise ValueError(
            f"{function}: sample_weight has shape {array.shape}, expected one number per image, "
            f"({count},)"
        )
    given = array.reshape(count)
    with np.errstate(over="ignore"):
        weights = np.ascontiguousarray(given, dtype=np.float32)
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if wrong.size:
        raise ValueError(
            f"{function}: sample_weight has {given[wrong[0]]} at position {wrong[0]}, expected "
            "numbers >= 0 that are finite in float32"
        )
    return weights


def check_some_weight(weights: FloatArray | None, function: str) -> None:
    """Refuse weights of a whole data set that are all 0.

    Raises:
        ValueError: if no weight is above 0.
    """
    if weights is not None and weights.size and not weights.any():
        raise ValueError(only_zeros(function))


def check_some_label(targets: Targets, ignore_index: int | None, function: str) -> None:
    """Refuse labels of a whole data set that are all ignored.

    Raises:
        ValueError: if no label is another than `ignore_index`.
    """
    if ignore_index is None or targets.dtype != np.int64 or targets.size == 0:
        return
    if np.all(targets == ignore_index):
        raise ValueError(only_ignored(function))
