"""Evaluation of classifiers: metrics, mistakes, calibration and comparison.

`evaluate` predicts the classes of labelled images and returns an `Evaluation`, which computes the
metrics from the probabilities and labels alone. `mcnemar` and `Comparison` compare two models on
the same images.
"""

from cnnx.evaluation.comparison import ClassDifference, Comparison, McNemar, mcnemar
from cnnx.evaluation.evaluation import Evaluation
from cnnx.evaluation.measuring import evaluate
from cnnx.evaluation.reliability import Calibration, ReliabilityBin
from cnnx.evaluation.results import Averages, ClassMetrics, ConfidenceInterval, Confusion, TopLosses
from cnnx.evaluation.temperature import calibrate
from cnnx.evaluation.threshold_curve import ThresholdCurve, ThresholdPoint

__all__ = [
    "Averages",
    "Calibration",
    "ClassDifference",
    "ClassMetrics",
    "Comparison",
    "ConfidenceInterval",
    "Confusion",
    "Evaluation",
    "McNemar",
    "ReliabilityBin",
    "ThresholdCurve",
    "ThresholdPoint",
    "TopLosses",
    "calibrate",
    "evaluate",
    "mcnemar",
]
