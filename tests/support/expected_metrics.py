"""Metrics of predictions in plain Python: the reference for every number that cnnx prints of them.

From probabilities and labels alone, by their definitions, with loops.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass
class ExpectedMetrics:
    """Probabilities of every class as lists, and labels as indices."""

    probabilities: Sequence[Sequence[float]]
    labels: Sequence[int]

    def __post_init__(self) -> None:
        self.count = len(self.labels)
        self.classes = range(len(self.probabilities[0]))
        self.predicted = [row.index(max(row)) for row in map(list, self.probabilities)]
        self.hits = [p == y for p, y in zip(self.predicted, self.labels, strict=True)]
        self.accuracy = sum(self.hits) / self.count
        self.losses = [
            -math.log(row[y]) if row[y] > 0 else math.inf
            for row, y in zip(self.probabilities, self.labels, strict=True)
        ]
        self.loss = sum(self.losses) / self.count
        self.matrix = [[0] * len(self.classes) for _ in self.classes]
        for p, y in zip(self.predicted, self.labels, strict=True):
            self.matrix[y][p] += 1

    def of_class(self, k: int) -> tuple[float, float, float, int]:
        """Precision, recall, F1 and number of images of a class."""
        hits = self.matrix[k][k]
        images, predicted = sum(self.matrix[k]), sum(row[k] for row in self.matrix)
        precision, recall = hits / max(predicted, 1), hits / max(images, 1)
        f1 = 0.0 if hits == 0 else 2 * precision * recall / (precision + recall)
        return precision, recall, f1, images

    def macro(self) -> tuple[float, ...]:
        """Means of precision, recall and F1 over the classes that occur."""
        occur = [k for k in self.classes if k in self.labels or k in self.predicted]
        return tuple(sum(self.of_class(k)[i] for k in occur) / len(occur) for i in range(3))

    def weighted(self) -> tuple[float, ...]:
        """The same over all images."""
        return tuple(
            sum(self.of_class(k)[i] * self.of_class(k)[3] for k in self.classes) / self.count
            for i in range(3)
        )

    def confused(self) -> list[tuple[int, int, int]]:
        """(images, true, predicted) of every confusion, the most frequent first."""
        found = [
            (self.matrix[y][p], y, p)
            for y in self.classes
            for p in self.classes
            if y != p and self.matrix[y][p]
        ]
        return sorted(found, key=lambda each: (-each[0], each[1:]))

    def gaps(self, bins: int = 15) -> list[tuple[int, float, float]]:
        """(images, mean confidence, accuracy) of every bin with images."""
        found = []
        for k in range(bins):
            chosen = [
                i
                for i, row in enumerate(self.probabilities)
                if k / bins < max(row) <= (k + 1) / bins or (k == 0 == max(row))
            ]
            if chosen:
                confidence = sum(max(self.probabilities[i]) for i in chosen) / len(chosen)
                accuracy = sum(self.hits[i] for i in chosen) / len(chosen)
                found.append((len(chosen), confidence, accuracy))
        return found

    def calibration_error(self) -> float:
        """Expected calibration error of 15 bins."""
        return sum(n * abs(a - c) for n, c, a in self.gaps()) / self.count

    def by_loss(self) -> list[int]:
        """Images, the largest loss first."""
        return sorted(range(self.count), key=lambda i: (-self.losses[i], i))

    def certain_errors(self) -> list[int]:
        """Images with wrong predictions, the most confident first."""
        wrong = [i for i in range(self.count) if not self.hits[i]]
        return sorted(wrong, key=lambda i: (-max(self.probabilities[i]), i))

    def roc_auc(self) -> float:
        """Fraction of the pairs of a positive and a negative image that are ranked correctly."""
        positive = [row[1] for row, y in zip(self.probabilities, self.labels, strict=True) if y]
        negative = [row[1] for row, y in zip(self.probabilities, self.labels, strict=True) if not y]
        ranked = sum((p > n) + (p == n) / 2 for p in positive for n in negative)
        return ranked / (len(positive) * len(negative))

    def at(self, threshold: float) -> tuple[float, float, float]:
        """Precision, recall and F1 if probabilities from the threshold on are positive."""
        said = [row[1] >= threshold for row in self.probabilities]
        hits = sum(s and y == 1 for s, y in zip(said, self.labels, strict=True))
        positives = sum(y == 1 for y in self.labels)
        precision = hits / sum(said) if any(said) else 1.0
        recall = hits / positives
        return precision, recall, 2 * hits / (sum(said) + positives)

    def best_threshold(self) -> float:
        """The largest threshold with the best F1."""
        scores = sorted({row[1] for row in self.probabilities}, reverse=True)
        return max(scores, key=lambda t: self.at(t)[2])

    def average_precision(self) -> float:
        """Mean precision over the steps of recall."""
        total, before = 0.0, 0.0
        for score in sorted({row[1] for row in self.probabilities}, reverse=True):
            precision, recall, _ = self.at(score)
            total += (recall - before) * precision
            before = recall
        return total


def expected_metrics(model: Any, x: Any, y: Any) -> ExpectedMetrics:
    """Metrics of a model's predictions."""
    rows = model.predict_proba(x).tolist()
    if len(rows[0]) == 1:
        rows = [[1 - p, p] for (p,) in rows]
    return ExpectedMetrics(rows, [int(each) for each in y])
