"""An evaluation as text: one line of totals, and the table of its classes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnx.evaluation.evaluation import Evaluation


def summary_text(evaluation: Evaluation) -> str:
    """Totals in one line, and the table of the classes."""
    images = "image" if evaluation.count == 1 else "images"
    classes = "class" if len(evaluation.classes) == 1 else "classes"
    error = evaluation.calibration().expected_error
    return (
        f"{evaluation.count:,} {images}, {len(evaluation.classes):,} {classes}\n"
        f"accuracy {accuracy_text(evaluation)}, loss {evaluation.loss:.4f}, expected calibration "
        f"error {error:.2%}\n\n"
        f"{class_table(evaluation)}"
    )


def accuracy_text(evaluation: Evaluation) -> str:
    """The accuracy with its confidence interval, `91.20% (95% interval 90.10% to 92.25%)`."""
    low, high = evaluation.confidence_interval("accuracy")
    return f"{evaluation.accuracy:.2%} (95% interval {low:.2%} to {high:.2%})"


def rate_text(value: float) -> str:
    """A rate with four decimals, or that it is not defined, as the ROC AUC of a single class."""
    return "not defined" if math.isnan(value) else f"{value:.4f}"


def class_table(evaluation: Evaluation) -> str:
    """Table of the metrics of every class and their averages."""
    rows = [("class", "precision", "recall", "f1", "images"), *class_rows(evaluation)]
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = [
        "  ".join([name.ljust(first), *map(str.rjust, cells, others)]) for name, *cells in rows
    ]
    lines.insert(1 + len(evaluation.classes), "")
    return "\n".join(lines)


def class_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Name, precision, recall, F1 and number of images of every class, and of both averages."""
    rows = [
        *(
            (each.name, each.precision, each.recall, each.f1, each.count)
            for each in evaluation.per_class
        ),
        ("macro average", *evaluation.macro_average, evaluation.count),
        ("weighted average", *evaluation.weighted_average, evaluation.count),
    ]
    return [(name, *(f"{rate:.4f}" for rate in rates), f"{n:,}") for name, *rates, n in rows]
