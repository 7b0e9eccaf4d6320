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
    metrics = evaluation.per_class
    averages = (
        ("macro average", evaluation.macro_average),
        ("weighted average", evaluation.weighted_average),
    )
    rows = [
        *((each.name, (each.precision, each.recall, each.f1), each.count) for each in metrics),
        *((name, values, evaluation.count) for name, values in averages),
    ]
    width = max(len("class"), *(len(name) for name, _, _ in rows))
    lines = [f"{'class':{width}}  precision  recall      f1  images"]
    for name, (precision, recall, f1), count in rows:
        lines.append(f"{name:{width}}  {precision:9.4f}  {recall:.4f}  {f1:.4f}  {count:6,}")
    lines.insert(-len(averages), "")
    return "\n".join(lines)
