"""Reference losses: the mean over rows, as a float."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reference.activations import sigmoid, softmax
from reference.arrays import Array, real


def smoothed_targets(labels: npt.ArrayLike, classes: int, label_smoothing: float) -> Array:
    one_hot = real(np.eye(classes)[np.asarray(labels)])
    return (1.0 - label_smoothing) * one_hot + label_smoothing / classes


def soft_labels_of(labels: npt.ArrayLike, classes: int) -> Array:
    """Labels as one-hot soft labels; soft labels unchanged."""
    return real(labels) if np.ndim(labels) == 2 else smoothed_targets(labels, classes, 0.0)


def weighted_targets(
    labels: npt.ArrayLike, classes: int, label_smoothing: float, weights: npt.ArrayLike | None
) -> tuple[Array, float]:
    """The factors of -log softmax, and the divisor of the mean."""
    soft_labels = soft_labels_of(labels, classes)
    each = np.ones(classes) if weights is None else real(weights)
    smoothed = (1.0 - label_smoothing) * soft_labels + label_smoothing / classes
    total = float((each * soft_labels).sum()) if weights is not None else float(len(soft_labels))
    return each * smoothed, total or 1.0


def cross_entropy(
    logits: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    label_smoothing: float = 0.0,
    class_weights: npt.ArrayLike | None = None,
) -> float:
    logits = real(logits)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probability = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    target, total = weighted_targets(labels, logits.shape[1], label_smoothing, class_weights)
    return float(-(target * log_probability).sum() / total)


def cross_entropy_backward(
    logits: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    label_smoothing: float = 0.0,
    class_weights: npt.ArrayLike | None = None,
) -> Array:
    logits = real(logits)
    target, total = weighted_targets(labels, logits.shape[1], label_smoothing, class_weights)
    return (target.sum(axis=1, keepdims=True) * softmax(logits) - target) / total


def binary_cross_entropy(logits: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    logits = real(logits)
    loss = np.maximum(logits, 0.0) - logits * real(targets) + np.log1p(np.exp(-np.abs(logits)))
    return float(loss.mean())


def binary_cross_entropy_backward(logits: npt.ArrayLike, targets: npt.ArrayLike) -> Array:
    return (sigmoid(logits) - real(targets)) / real(logits).size


def mean_squared_error(prediction: npt.ArrayLike, target: npt.ArrayLike) -> float:
    return float(np.mean((real(prediction) - real(target)) ** 2))


def mean_squared_error_backward(prediction: npt.ArrayLike, target: npt.ArrayLike) -> Array:
    return 2.0 * (real(prediction) - real(target)) / real(prediction).size


def mean_absolute_error(prediction: npt.ArrayLike, target: npt.ArrayLike) -> float:
    return float(np.mean(np.abs(real(prediction) - real(target))))


def mean_absolute_error_backward(prediction: npt.ArrayLike, target: npt.ArrayLike) -> Array:
    return np.sign(real(prediction) - real(target)) / real(prediction).size


def huber(prediction: npt.ArrayLike, target: npt.ArrayLike, *, delta: float = 1.0) -> float:
    distance = np.abs(real(prediction) - real(target))
    loss = np.where(distance <= delta, distance**2 / 2, delta * (distance - delta / 2))
    return float(loss.mean())


def huber_backward(
    prediction: npt.ArrayLike, target: npt.ArrayLike, *, delta: float = 1.0
) -> Array:
    difference = real(prediction) - real(target)
    return np.clip(difference, -delta, delta) / difference.size
