"""Bootstrap intervals, McNemar's test and the comparison of two models."""

from __future__ import annotations

from fractions import Fraction
from math import comb
from typing import Any

import numpy as np
import pytest
from cnnx.evaluation import Comparison, Evaluation, mcnemar
from cnnx.evaluation.counted_metrics import METRICS, TWO_CLASS_METRICS


def drawn(seed: int, images: int, classes: int, labels: Any = None) -> Evaluation:
    random = np.random.default_rng(seed)
    y = random.integers(classes, size=images) if labels is None else labels
    scores = random.gamma(1.0, size=(images, classes)) + np.eye(classes)[y]
    return Evaluation(scores / scores.sum(axis=1, keepdims=True), y)


def point_estimates(evaluation: Evaluation) -> dict[str, float]:
    macro, weighted = evaluation.macro_average, evaluation.weighted_average
    found = {
        "accuracy": evaluation.accuracy,
        "loss": evaluation.loss,
        "balanced_accuracy": evaluation.balanced_accuracy,
        "expected_calibration_error": evaluation.calibration().expected_error,
        **{f"macro_{name}": value for name, value in macro._asdict().items()},
        **{f"weighted_{name}": value for name, value in weighted._asdict().items()},
    }
    if len(evaluation.classes) == 2:
        curve = evaluation.threshold_curve()
        found |= {"roc_auc": curve.roc_auc, "average_precision": curve.average_precision}
    return found


@pytest.mark.parametrize("classes", [2, 5, 30])
def test_the_resampled_metrics_of_the_images_themselves_are_the_metrics(classes: int) -> None:
    evaluation = drawn(8, 40, classes)
    metrics = METRICS | (TWO_CLASS_METRICS if classes == 2 else {})
    expected = point_estimates(evaluation)
    assert metrics.keys() == expected.keys()
    for name, metric in metrics.items():
        counted = metric(evaluation)
        assert counted.sizes.sum() == 40
        found = counted.measure(np.stack([counted.sizes, 3 * counted.sizes]))
        np.testing.assert_allclose(found, [expected[name]] * 2, rtol=1e-12)


@pytest.mark.parametrize("classes", [2, 5])
def test_intervals_are_percentiles_over_resampled_images(classes: int) -> None:
    evaluation = drawn(1, 300, classes)
    random = np.random.default_rng(7)
    resampled = []
    for _ in range(300):
        chosen = random.integers(evaluation.count, size=evaluation.count)
        resampled.append(
            point_estimates(
                Evaluation(evaluation.probabilities[chosen], evaluation.labels[chosen], classes)
            )
        )
    for metric, value in point_estimates(evaluation).items():
        values = [each[metric] for each in resampled]
        low, high = evaluation.confidence_interval(metric, level=0.8, resamples=3000)
        spread = np.std(values)
        assert low < value < high or metric == "expected_calibration_error"
        np.testing.assert_allclose([low, high], np.quantile(values, [0.1, 0.9]), atol=0.35 * spread)


def test_intervals_depend_on_the_seed_alone() -> None:
    evaluation = drawn(2, 5000, 3)
    for metric in ("accuracy", "loss"):
        first = evaluation.confidence_interval(metric, resamples=400)
        assert first == evaluation.confidence_interval(metric, resamples=400)
        assert first != evaluation.confidence_interval(metric, resamples=400, seed=1)
        wider = evaluation.confidence_interval(metric, resamples=400, level=0.999)
        assert wider.low < first.low < first.high < wider.high


def test_intervals_of_metrics_that_are_not_defined_are_nan() -> None:
    one_class = Evaluation([[0.6, 0.4], [0.3, 0.7]], [1, 1])
    assert np.isnan(one_class.confidence_interval("roc_auc")).all()
    assert np.isfinite(one_class.confidence_interval("average_precision")).all()
    assert Evaluation([[0.6, 0.4]], [0]).confidence_interval() == (1, 1)
    # Resamples of one class alone are left out.
    both = Evaluation([[0.6, 0.4], [0.3, 0.7], [0.8, 0.2]], [0, 1, 0])
    assert both.confidence_interval("roc_auc") == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"metric": "f1"}, "metric is 'f1', expected 'accuracy' or 'loss'"),
        ({"metric": "roc_auc"}, "metric is 'roc_auc', expected"),
        ({"level": 1}, "level is 1, expected a number above 0 and below 1"),
        ({"resamples": 0}, "resamples is 0, expected an integer >= 1"),
        ({"seed": -1}, "seed is -1, expected an integer >= 0"),
    ],
)
def test_wrong_settings_are_refused(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^confidence_interval: {sentence}"):
        drawn(1, 5, 3).confidence_interval(**arguments)


def exact_p_value(one: int, other: int) -> Fraction:
    tosses = one + other
    tail = sum(comb(tosses, k) for k in range(min(one, other) + 1))
    return min(Fraction(1), Fraction(2 * tail, 2**tosses))


@pytest.mark.parametrize(
    ("one", "other"), [(0, 0), (0, 1), (1, 0), (3, 3), (2, 9), (40, 61), (0, 30), (900, 1100)]
)
def test_mcnemar_is_the_exact_binomial_test(one: int, other: int) -> None:
    correct, wrong = [0.9, 0.1], [0.2, 0.8]
    pairs = [(correct, wrong)] * one + [(wrong, correct)] * other + [(correct, correct)] * 5
    first, second = (Evaluation([pair[k] for pair in pairs], [0] * len(pairs)) for k in (0, 1))
    found = mcnemar(first, second)
    assert (found.only_first, found.only_second) == (one, other)
    assert found.p_value == pytest.approx(float(exact_p_value(one, other)), rel=1e-11)
    swapped = mcnemar(second, first)
    assert (swapped.only_first, swapped.p_value) == (other, found.p_value)


def test_a_comparison_is_computed_from_the_predictions_alone() -> None:
    first = drawn(3, 400, 4)
    second = drawn(4, 400, 4, labels=first.labels)
    comparison = Comparison(first, second)
    a = first.probabilities.argmax(axis=1) == first.labels
    b = second.probabilities.argmax(axis=1) == first.labels
    assert comparison.accuracy_difference == pytest.approx(b.mean() - a.mean(), abs=1e-15)
    random = np.random.default_rng(5)
    chosen = random.integers(400, size=(4000, 400))
    differences = (b.astype(float) - a)[chosen].mean(axis=1)
    np.testing.assert_allclose(
        comparison.difference_interval(level=0.9),
        np.quantile(differences, [0.05, 0.95]),
        atol=0.2 * differences.std(),
    )
    for k, each in enumerate(comparison.per_class):
        of_class = first.labels == k
        assert (each.name, each.count) == (str(k), of_class.sum())
        assert each.first_recall == pytest.approx(a[of_class].mean())
        assert each.second_recall == pytest.approx(b[of_class].mean())
        assert (each.first_f1, each.second_f1) == (first.per_class[k].f1, second.per_class[k].f1)
    distances = [
        sum(abs(p - q)) / 2 for p, q in zip(first.probabilities, second.probabilities, strict=True)
    ]
    expected = sorted(range(400), key=lambda i: (-distances[i], i))[:6]
    assert comparison.most_different(6).tolist() == expected
    np.testing.assert_allclose(comparison.distances, distances)


def test_evaluations_of_other_images_are_refused() -> None:
    p = [[0.9, 0.1], [0.2, 0.8]]
    first = Evaluation(p, [0, 1], ["a", "b"], names=["1.png", "2.png"])
    refused: list[tuple[Evaluation, str]] = [
        (Evaluation(p, [0, 0], ["a", "b"]), "second has other labels or file names than first"),
        (
            Evaluation(p, [0, 1], ["a", "b"], names=["2.png", "1.png"]),
            "second has other labels or file names",
        ),
        (Evaluation(p[:1], [0], ["a", "b"]), "second has 1 images, expected those of first, 2"),
        (Evaluation(p, [0, 1], ["b", "a"]), "second has the classes b, a, expected those of"),
    ]
    for second, sentence in refused:
        for function in (mcnemar, Comparison):
            with pytest.raises(ValueError, match=f"^{function.__name__}: {sentence}"):
                function(first, second)
    with pytest.raises(TypeError, match="mcnemar: second is 3, expected an Evaluation"):
        mcnemar(first, 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="most_different: n is 0"):
        Comparison(first, first).most_different(0)
