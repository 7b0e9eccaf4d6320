"""Confident learning: the formula, and wrong labels that it must find."""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.doctor import label_issues, suspect_labels


def predictions(images: int, classes: int, seed: int) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, images)
    logits = random.normal(0, 1.5, (images, classes))
    logits[np.arange(images), labels] += 2
    p = np.exp(logits)
    return p / p.sum(axis=1, keepdims=True), labels


def joint_and_suspects(p: Any, labels: Any) -> tuple[Any, set[int]]:
    """Equations 1 and 2 of the paper, image by image."""
    classes = p.shape[1]
    threshold = [p[labels == j, j].mean() for j in range(classes)]
    joint, suspects = np.zeros((classes, classes), int), set()
    for k, row in enumerate(p):
        reached = [j for j in range(classes) if row[j] >= threshold[j]]
        if reached:
            best = max(reached, key=lambda j: row[j])
            joint[labels[k], best] += 1
            if best != labels[k]:
                suspects.add(k)
    return joint, suspects


@pytest.mark.parametrize(("images", "classes"), [(500, 2), (500, 7), (40, 3)])
def test_the_formula_is_that_of_the_paper(images: int, classes: int) -> None:
    p, labels = predictions(images, classes, seed=images)
    found = label_issues(p, labels)
    joint, suspects = joint_and_suspects(p, labels)
    np.testing.assert_array_equal(found.confident_joint, joint)
    assert set(found.rows.tolist()) == suspects
    assert len(found) == joint.sum() - joint.trace()
    np.testing.assert_array_equal(found.scores, np.sort(p[found.rows, labels[found.rows]]))


def test_the_margin_orders_by_the_difference_to_the_best_other_class() -> None:
    p, labels = predictions(300, 4, seed=3)
    found = label_issues(p, labels, score="normalized_margin")
    for row, score in zip(found.rows, found.scores, strict=True):
        others = [p[row, j] for j in range(4) if j != labels[row]]
        assert score == pytest.approx((p[row, labels[row]] - max(others) + 1) / 2)
    assert (np.diff(found.scores) >= 0).all()
    assert set(found.rows) == set(label_issues(p, labels).rows)


def test_a_class_without_labels_is_never_suggested() -> None:
    p = [[0.1, 0.2, 0.7], [0.8, 0.1, 0.1], [0.2, 0.7, 0.1]]
    assert 2 not in label_issues(p, [0, 0, 1]).suggested


def test_classes_of_low_confidence_have_a_threshold_of_their_own() -> None:
    """The last image is less certain of class 1 than of class 0, and still suspect."""
    p = [[0.9, 0.1], [0.95, 0.05], [0.6, 0.4], [0.65, 0.35], [0.55, 0.45]]
    assert label_issues(p, [0, 0, 1, 1, 0]).rows.tolist() == [4]


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        ([0.5, 0.5], [0], "probabilities is an array of shape"),
        ([[1.0]], [0], "at least two classes"),
        ([[0.5, 0.6]], [0], "add up to 1.1 at position 0"),
        ([[0.5, 0.5], [1.5, -0.5]], [0, 1], "at position 1, expected numbers from 0 to 1"),
        ([[0.5, np.nan]], [0], "expected numbers from 0 to 1"),
        ([[0.5, 0.5]], [2], "label 2 at position 0, expected 0 to 1"),
        ([[0.5, 0.5]], [0, 1], "expected one label per image"),
    ],
)
def test_wrong_arguments_are_refused(probabilities: Any, labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"label_issues: .*{message}"):
        label_issues(probabilities, labels)


def test_wrong_labels_of_letters_are_the_first_suspects() -> None:
    x, y = cnnx.data.xo(600, size=16, seed=1)
    wrong = np.arange(10, 600, 50)
    y[wrong] = 1 - y[wrong]
    steps: list[tuple[int, int]] = []
    found = suspect_labels(x, y, progress=lambda *now: steps.append(now))
    assert np.isin(found.rows[: len(wrong)], wrong).mean() >= 0.6
    assert steps[-1][0] == steps[-1][1] == len(steps)


def test_folds_are_stratified_and_depend_on_the_seed() -> None:
    from cnnx.doctor.label_search import _folds

    labels = np.repeat([0, 1, 2], [10, 7, 50])
    folds = _folds(labels, 3, seed=0)
    for label in range(3):
        counts = np.bincount(folds[labels == label], minlength=3)
        assert counts.max() - counts.min() <= 1
    assert (folds != _folds(labels, 3, seed=1)).any()


def test_large_images_are_reduced_by_means() -> None:
    from cnnx.doctor.label_search import _FEW, _MANY, _reduced

    x = np.zeros((2, 65, 96, 3), np.uint8)
    x[:, :3, :3] = 90
    x[:, 0, 0] = 0
    small = _reduced(x, _FEW)
    assert small.shape == (2, 21, 32, 3)
    assert (small[:, 0, 0] == 80).all()
    assert not small[:, 1:].any()
    assert _reduced(small, _FEW) is small
    assert _reduced(small, _MANY).shape == (2, 10, 16, 3)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((4, 16, 16, 1), np.uint8), [0, 0, 1, 1, 1], "x has shape"),
        (np.zeros((4, 8, 16, 1), np.uint8), [0, 0, 1, 1], "each side 16 or more"),
        (np.full((4, 16, 16), 3.0), [0, 0, 1, 1], "expected uint8 or floats from 0 to 1"),
        (np.zeros((4, 16, 16, 1), np.uint8), [0, 0, 0, 0], "1 classes, expected at least two"),
        (np.zeros((4, 16, 16, 1), np.uint8), [0, 0, 0, 2], "class 2 has 1 images"),
        (np.zeros((4, 16, 16, 1), np.uint8), [0.5, 0, 1, 1], "expected .* integers from 0"),
    ],
)
def test_images_and_labels_must_fit(x: Any, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"suspect_labels: .*{message}"):
        suspect_labels(x, y, folds=2)
