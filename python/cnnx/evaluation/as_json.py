"""An evaluation as objects that the module json can write."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnx.evaluation.evaluation import Evaluation

_INTERVALS = ("accuracy", "macro_f1")
_RANKS = (1, 5)
_MISTAKES = 20
_THRESHOLDS = tuple(k / 20 for k in range(1, 20))


def as_dict(evaluation: Evaluation) -> dict[str, Any]:
    """All metrics of an evaluation, with None for those that are not defined."""
    intervals = {name: list(evaluation.confidence_interval(name)) for name in _INTERVALS}
    found = {
        "count": evaluation.count,
        "classes": list(evaluation.classes),
        "accuracy": evaluation.accuracy,
        "balanced_accuracy": evaluation.balanced_accuracy,
        "loss": evaluation.loss,
        "top_k_accuracy": {
            str(k): evaluation.top_k_accuracy(k) for k in _RANKS if k <= len(evaluation.classes)
        },
        "confidence_intervals": {"level": 0.95, **intervals},
        "macro_average": evaluation.macro_average._asdict(),
        "weighted_average": evaluation.weighted_average._asdict(),
        "per_class": [asdict(each) for each in evaluation.per_class],
        "confusion_matrix": evaluation.confusion_matrix.tolist(),
        "most_confused": [asdict(each) for each in evaluation.most_confused()],
        "calibration": asdict(evaluation.calibration()),
        "top_losses": [_image(evaluation, i) for i in evaluation.top_losses(_MISTAKES).indices],
        "most_certain_errors": [
            _image(evaluation, i) for i in evaluation.most_certain_errors(_MISTAKES)
        ],
    }
    if len(evaluation.classes) == 2:
        found["threshold_curve"] = _curve(evaluation)
    return found


def _image(evaluation: Evaluation, index: Any) -> dict[str, Any]:
    """An image with its prediction."""
    return {
        "index": int(index),
        "name": None if evaluation.names is None else evaluation.names[index],
        "label": evaluation.classes[evaluation.labels[index]],
        "predicted": evaluation.classes[evaluation.predicted[index]],
        "confidence": float(evaluation.confidence[index]),
        "loss": float(evaluation.losses[index]),
    }


def _curve(evaluation: Evaluation) -> dict[str, Any]:
    curve = evaluation.threshold_curve()
    best = curve.best_f1._asdict()
    return {
        "positive": curve.positive,
        "roc_auc": _number(curve.roc_auc),
        "average_precision": _number(curve.average_precision),
        "best_f1": {name: _number(value) for name, value in best.items()},
        "points": [curve.at(threshold)._asdict() for threshold in _THRESHOLDS],
    }


def _number(value: float) -> float | None:
    """The number, or None for NaN and infinity, which JSON has no words for."""
    return value if math.isfinite(value) else None
