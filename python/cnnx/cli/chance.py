"""Detection of a training that ended at chance level."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cnnx.training.history import History

_LEAST_GAIN = 0.02  # part of the loss of a constant prediction
_DEVIATIONS = 2  # standard deviations of an accuracy at chance level


def chance_accuracy(
    history: History, labels: NDArray[np.integer[Any]], class_weights: Sequence[float] | None = None
) -> float | None:
    """Accuracy of always predicting the most frequent class, if the training reached no more.

    It reached no more if the training loss of the last epoch is that of the best constant
    prediction or higher, and the training accuracy is that of the most frequent class, up to the
    variation by chance.

    Args:
        history: metrics of the training.
        labels: classes of the training images, or of their pixels.
        class_weights: weights of the loss; None for equal weights.

    Returns:
        The accuracy at chance level, or None for a training that is better or was not measured.
    """
    if len(history) == 0 or math.isnan(history.accuracy[-1]):
        return None
    counts = np.bincount(labels)
    weighted = (
        counts if class_weights is None else counts * np.asarray(class_weights)[: len(counts)]
    )
    frequencies = weighted[weighted > 0] / weighted.sum()
    constant_loss = -float(np.sum(frequencies * np.log(frequencies)))
    accuracy = float(counts.max() / len(labels))
    deviation = math.sqrt(accuracy * (1 - accuracy) / len(labels))
    has_learned = history.loss[-1] < (1 - _LEAST_GAIN) * constant_loss
    is_better = history.accuracy[-1] > accuracy + _DEVIATIONS * deviation
    return None if has_learned or is_better else accuracy
