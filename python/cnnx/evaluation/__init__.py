"""Evaluation: metrics, mistakes, calibration and comparison.

`evaluate` predicts the classes of labelled images and returns an `Evaluation`, which computes the
metrics from the probabilities and labels alone. `evaluate_segmentation` is for models with a class
for each position, `evaluate_regression` for models that predict values. `mcnemar` and `Comparison`
compare two models on the same images.
"""

from cnnx.evaluation.comparison import ClassDifference, Comparison, McNemar, mcnemar
from cnnx.evaluation.evaluation import Evaluation
from cnnx.evaluation.measuring import evaluate
from cnnx.evaluation.regression import RegressionEvaluation, evaluate_regression
from cnnx.evaluation.reliability import Calibration, ReliabilityBin
from cnnx.evaluation.results import Averages, ClassMetrics, ConfidenceInterval, Confusion, TopLosses
from cnnx.evaluation.segmentation import (
    OverlapMetrics,
    SegmentationEvaluation,
    evaluate_segmentation,
)
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
    "OverlapMetrics",
    "RegressionEvaluation",
    "ReliabilityBin",
    "SegmentationEvaluation",
    "ThresholdCurve",
    "ThresholdPoint",
    "TopLosses",
    "calibrate",
    "evaluate",
    "evaluate_regression",
    "evaluate_segmentation",
    "mcnemar",
]
