"""Calibration tables and threshold curves against scikit-learn and direct sums."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from cnnx.evaluation import Evaluation

RANDOM = np.random.default_rng(5)


def yes_no(images: int, *, digits: int | None = None, positives: float = 0.4) -> Evaluation:
    p = RANDOM.uniform(size=images)
    if digits is not None:
        p = p.round(digits)
    return Evaluation(p, (RANDOM.uniform(size=images) < positives).astype(int), ["no", "yes"])


CURVES = [yes_no(80), yes_no(400, digits=1), yes_no(2), yes_no(1), yes_no(30, positives=1.0)]


@pytest.mark.parametrize("evaluation", CURVES, ids=repr)
def test_threshold_curves_equal_those_of_scikit_learn(evaluation: Evaluation) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    curve = evaluation.threshold_curve()
    y, p = evaluation.labels, evaluation.probabilities[:, 1]
    assert curve.positive == "yes"
    if 0 < y.sum() < len(y):
        rates = metrics.roc_curve(y, p, drop_intermediate=False)
        own = (curve.false_positive_rate, curve.recall, curve.thresholds)
        for found, expected in zip(own, rates, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-14)
        assert curve.roc_auc == pytest.approx(metrics.roc_auc_score(y, p), rel=1e-13)
    else:
        assert np.isnan(curve.roc_auc)
    if y.sum() == 0:
        assert np.isnan(curve.average_precision)
        return
    precision, recall, thresholds = metrics.precision_recall_curve(y, p)
    np.testing.assert_allclose(curve.precision[::-1], precision, rtol=1e-14)
    np.testing.assert_allclose(curve.recall[::-1], recall, rtol=1e-14)
    np.testing.assert_allclose(curve.thresholds[:0:-1], thresholds, rtol=1e-14)
    expected = metrics.average_precision_score(y, p)
    assert curve.average_precision == pytest.approx(expected, rel=1e-13)
    f1 = [metrics.f1_score(y, p >= t, zero_division=0) for t in curve.thresholds[1:]]
    np.testing.assert_allclose(curve.f1[1:], f1, rtol=1e-13)
    best = curve.best_f1
    assert best.f1 == pytest.approx(max(f1))
    assert best.threshold == curve.thresholds[1 + int(np.argmax(f1))]


def test_rates_at_a_threshold_count_probabilities_from_it_on() -> None:
    evaluation = Evaluation([0.1, 0.4, 0.4, 0.8], [0, 1, 0, 1])
    curve = evaluation.threshold_curve()
    assert curve.at(0.4)[1:] == pytest.approx((2 / 3, 1, 0.5, 0.8))
    assert curve.at(0.41)[1:] == pytest.approx((1, 0.5, 0, 2 / 3))
    assert curve.at(0.9)[1:] == (1, 0, 0, 0)
    assert curve.at(0)[1:] == pytest.approx((0.5, 1, 1, 2 / 3))
    with pytest.raises(TypeError, match="at: threshold is 'half', expected a number"):
        curve.at("half")  # type: ignore[arg-type]


def test_nan_is_no_threshold() -> None:
    curve = Evaluation([[0.9, 0.1], [0.2, 0.8]], [0, 1]).threshold_curve()
    with pytest.raises(ValueError, match="at: threshold is nan, expected a probability"):
        curve.at(float("nan"))


def test_one_class_against_the_others() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    p = RANDOM.dirichlet([1, 1, 1], size=200)
    y = RANDOM.integers(3, size=200)
    evaluation = Evaluation(p, y, ["a", "b", "c"])
    for k, name in enumerate("abc"):
        expected = metrics.roc_auc_score(y == k, p[:, k])
        for positive in (k, name):
            assert evaluation.threshold_curve(positive).roc_auc == pytest.approx(expected)
    refused: list[tuple[Any, str]] = [
        (None, "positive is None with 3 classes, expected the name of a class"),
        ("d", "positive is 'd', expected one of a, b, c"),
        (3, "positive is 3, expected an index from 0 to 2"),
    ]
    for positive, sentence in refused:
        with pytest.raises(ValueError, match=f"^threshold_curve: {sentence}"):
            evaluation.threshold_curve(positive)


@pytest.mark.parametrize("bins", [1, 2, 15])
@pytest.mark.parametrize("classes", [1, 2, 10])
def test_calibration_is_the_gap_of_accuracy_and_confidence(bins: int, classes: int) -> None:
    p = RANDOM.dirichlet(np.full(classes, 0.5), size=300)
    p[:3] = np.eye(classes)[0]
    p[3] = 1 / classes
    y = RANDOM.integers(classes, size=300)
    calibration = Evaluation(p, y, classes).calibration(bins)
    assert len(calibration.bins) == bins
    total, largest, images = 0.0, 0.0, 0
    for k, each in enumerate(calibration.bins):
        assert (each.lower, each.upper) == (k / bins, pytest.approx((k + 1) / bins))
        chosen = [i for i in range(300) if each.lower < p[i].max() <= each.upper]
        assert each.count == len(chosen)
        if not chosen:
            assert (each.accuracy, each.confidence) == (0, 0)
            continue
        accuracy = np.mean([p[i].argmax() == y[i] for i in chosen])
        confidence = np.mean([p[i].max() for i in chosen])
        assert each.accuracy == pytest.approx(accuracy)
        assert each.confidence == pytest.approx(confidence)
        total += len(chosen) * abs(accuracy - confidence)
        largest = max(largest, abs(accuracy - confidence))
        images += len(chosen)
    assert images == 300
    assert calibration.expected_error == pytest.approx(total / 300)
    assert calibration.maximum_error == pytest.approx(largest)


def test_no_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="calibration: bins is 0, expected an integer >= 1"):
        CURVES[0].calibration(0)


@pytest.mark.parametrize("evaluation", [*CURVES, Evaluation(np.eye(7), range(7))], ids=repr)
def test_the_dict_is_json_with_the_metrics(evaluation: Evaluation) -> None:
    found = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert found["count"] == evaluation.count
    assert found["accuracy"] == evaluation.accuracy
    assert found["confusion_matrix"] == evaluation.confusion_matrix.tolist()
    assert [each["recall"] for each in found["per_class"]] == [
        each.recall for each in evaluation.per_class
    ]
    assert found["calibration"]["expected_error"] == evaluation.calibration().expected_error
    assert [each["index"] for each in found["top_losses"]] == (
        evaluation.top_losses(20).indices.tolist()
    )
    assert found["confidence_intervals"]["macro_f1"] == list(
        evaluation.confidence_interval("macro_f1")
    )
    assert ("threshold_curve" in found) == (len(evaluation.classes) == 2)


def test_the_text_has_the_totals_and_a_line_per_class() -> None:
    evaluation = Evaluation([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]], [0, 1, 0], ["X", "O"])
    assert repr(evaluation) == "Evaluation(3 images, 2 classes, accuracy 0.6667, loss 0.4149)"
    lines = str(evaluation).splitlines()
    assert lines[0] == "3 images, 2 classes"
    assert lines[1].startswith("accuracy 66.67% (95% interval 0.00% to 100.00%), loss 0.4149, ")
    assert lines[3].split() == ["class", "precision", "recall", "f1", "images"]
    assert lines[4].split() == ["X", "1.0000", "0.5000", "0.6667", "2"]
    assert lines[-1].split() == ["weighted", "average", "0.8333", "0.6667", "0.6667", "3"]


def test_too_many_bins_are_refused() -> None:
    evaluation = Evaluation(np.array([[0.5, 0.5]]), [0], 2)
    assert len(evaluation.calibration(10_000).bins) == 10_000
    with pytest.raises(ValueError, match=r"^calibration: bins is 1,000,000,000, expected at most"):
        evaluation.calibration(10**9)
