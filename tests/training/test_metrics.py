"""Metrics against plain loops, and their refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cnnx.metrics import confusion_matrix, top_k_accuracy


@pytest.mark.parametrize("classes", [2, 7, 13])
def test_top_k_accuracy_counts_rows_whose_label_is_among_the_first(
    classes: int, rng: np.random.Generator
) -> None:
    outputs = rng.integers(0, 4, (29, classes)).astype(np.float32)  # with many equal ones
    labels = rng.integers(0, classes, 29)
    for k in range(1, classes + 1):
        correct = 0
        for row, label in zip(outputs, labels, strict=True):
            order = sorted(range(classes), key=lambda j: (-row[j], j))
            correct += label in order[:k]
        assert top_k_accuracy(outputs, labels, k=k) == correct / 29
    assert top_k_accuracy(outputs, labels, k=1) == (outputs.argmax(axis=1) == labels).mean()


def test_a_confusion_matrix_counts_pairs(rng: np.random.Generator) -> None:
    labels, predicted = rng.integers(0, 3, (2, 41))
    matrix = confusion_matrix(labels, predicted, classes=4)
    for true in range(4):
        for said in range(4):
            assert matrix[true, said] == ((labels == true) & (predicted == said)).sum()
    names = np.array(["a", "b", "c", "d"])
    named = confusion_matrix(names[labels], names[predicted], classes=list(names))
    assert (named == matrix).all()
    assert confusion_matrix([], [], classes=2).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("outputs", "labels", "k", "sentence"),
    [
        ([0.1, 0.2], [0], 1, r"outputs has shape \(2,\), expected 2 axes"),
        (np.zeros((0, 3)), [], 1, "outputs holds no rows"),
        ([[0.1, float("nan")]], [0], 1, "outputs holds NaN"),
        ([[0.1, 0.2]], [2], 1, "label 2 at position 0, expected 0 to 1"),
        ([[0.1, 0.2]], [0, 1], 1, "expected one label per image"),
        (np.ones((2, 2)), [[0], [0, 1]], 1, "y is not a rectangular array"),
        ([[0.1, 0.2]], [0], 0, "k is 0, expected an integer from 1 to 2"),
        ([[0.1, 0.2]], [0], 3, "k is 3, expected an integer from 1 to 2"),
    ],
)
def test_top_k_accuracy_refuses_what_does_not_fit(
    outputs: Any, labels: Any, k: int, sentence: str
) -> None:
    with pytest.raises(ValueError, match=f"^top_k_accuracy: .*{sentence}"):
        top_k_accuracy(outputs, labels, k=k)


def test_top_k_accuracy_compares_in_the_precision_of_the_outputs() -> None:
    assert top_k_accuracy([[16777216.0, 16777217.0]], [1], k=1) == 1
    assert top_k_accuracy(np.array([[2**53, 2**53 + 1]]), [1], k=1) == 1
    with pytest.raises(ValueError, match=r"^top_k_accuracy: outputs has shape \(2,\), expected 2"):
        top_k_accuracy([0.5, 0.5], [0])


@pytest.mark.parametrize(
    ("labels", "predicted", "classes", "error", "sentence"),
    [
        ([0, 1], [0], 2, ValueError, "predicted: y has shape"),
        ([0, 2], [0, 1], 2, ValueError, "labels: y has label 2 at position 1"),
        (["X"], ["Y"], ["X"], ValueError, "predicted: y has the name 'Y'"),
        ([0], [0], 0, ValueError, "classes is 0, expected at least one"),
        ([0], [0], "XO", TypeError, "classes is 'XO', expected their number or names"),
        ([0], [0], [[1], [2]], TypeError, r"classes is \[\[1\], \[2\]\], expected their number"),
    ],
)
def test_a_confusion_matrix_refuses_what_does_not_fit(
    labels: Any, predicted: Any, classes: Any, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=f"^confusion_matrix: {sentence}"):
        confusion_matrix(labels, predicted, classes=classes)
