"""Sections of a page about predicted values: totals, outputs, predictions, largest errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnx.drawing.charts import Series, line_chart
from cnnx.drawing.markup import Markup, element, joined, table
from cnnx.drawing.page import Section, figure
from cnnx.drawing.png import image, reduced
from cnnx.evaluation.page import displayed
from cnnx.evaluation.regression import RegressionEvaluation

WORST_IMAGES = 24
_OUTPUTS, _CHARTS, _VALUES = 20, 4, 4  # most that are listed, drawn, and shown of an image
_GROUPS = 20
_IMAGE_WIDTH = 80  # CSS pixels
_MOST_PIXELS = 96


@dataclass(frozen=True)
class WrongValues:
    """An image with large errors.

    Attributes:
        row: its position in the evaluation.
        name: its name.
        image: its pixels, (height, width, channels).
    """

    row: int
    name: str
    image: NDArray[Any]


def regression_sections(
    evaluation: RegressionEvaluation, worst: Sequence[WrongValues]
) -> list[Section]:
    """Sections of a page, in order.

    Args:
        evaluation: the evaluation.
        worst: images of the largest mean absolute error, the largest first.
    """
    found = [
        Section("totals", "Totals", _totals(evaluation)),
        Section("outputs", "Outputs", _outputs(evaluation)),
        Section("predictions", "Predictions by target", _charts(evaluation)),
    ]
    if worst:
        figures = [_wrong_values(evaluation, each) for each in worst]
        gallery = element("div", *figures, class_="row gallery")
        found.append(Section("worst-images", "Largest errors", gallery))
    return found


def _totals(evaluation: RegressionEvaluation) -> Markup:
    rows = [
        ("R2", _number(evaluation.r2, ".4f")),
        ("mean absolute error", _number(evaluation.mean_absolute_error)),
        ("root mean squared error", _number(evaluation.root_mean_squared_error)),
        ("images", f"{evaluation.count:,}"),
        ("values of an image", f"{evaluation.targets.shape[1]:,}"),
    ]
    return table(("metric", "value"), rows)


def _outputs(evaluation: RegressionEvaluation) -> Markup:
    """R2 and errors of each output, of many of those with the largest errors."""
    errors = evaluation.predicted - evaluation.targets
    distances, r2 = np.abs(errors).mean(axis=0), evaluation.r2_of_outputs
    order = np.sort(np.argsort(-distances, kind="stable")[:_OUTPUTS])
    rows = [
        (
            str(k),
            _number(r2[k], ".4f"),
            _number(distances[k]),
            _number(math.sqrt((errors[:, k] ** 2).mean())),
            _number(evaluation.targets[:, k].mean()),
            _number(evaluation.targets[:, k].std()),
        )
        for k in order.tolist()
    ]
    header = (
        *("output", "R2", "mean absolute error", "root mean squared error"),
        *("mean target", "standard deviation"),
    )
    caption = (
        f"The {_OUTPUTS} outputs of the largest errors." if len(distances) > _OUTPUTS else None
    )
    return table(header, rows, caption=caption, names=("output",))


def _charts(evaluation: RegressionEvaluation) -> Markup:
    """Mean prediction of images with similar targets, for the first outputs."""
    outputs = range(min(evaluation.targets.shape[1], _CHARTS))
    charts = [_chart(evaluation, k) for k in outputs]
    note = (
        f"Images are grouped by their targets, in at most {_GROUPS} groups of equal size. Where "
        "the mean prediction of a group is its mean target, the lines meet."
    )
    return joined([element("p", note, class_="faint"), element("div", *charts, class_="row")])


def _chart(evaluation: RegressionEvaluation, output: int) -> Markup:
    targets, predicted = evaluation.targets[:, output], evaluation.predicted[:, output]
    groups = np.array_split(np.argsort(targets, kind="stable"), min(_GROUPS, len(targets)))
    points = [float(targets[rows].mean()) for rows in groups]
    series = [
        Series("prediction", [float(predicted[rows].mean()) for rows in groups], points),
        Series("target", points, points),
    ]
    name = f"output {output}"
    return figure(line_chart(f"Predictions of {name}", series, x="target", y="prediction"), name)


def _wrong_values(evaluation: RegressionEvaluation, each: WrongValues) -> Markup:
    targets, predicted = evaluation.targets[each.row], evaluation.predicted[each.row]
    caption = joined(
        [
            element("b", _values(predicted)),
            element("br"),
            f"target {_values(targets)}",
            element("br"),
            each.name,
        ]
    )
    pixels = reduced(displayed(each.image), _MOST_PIXELS)
    return figure(image(pixels, f"{each.name}: {_values(targets)}", width=_IMAGE_WIDTH), caption)


def _values(values: NDArray[np.float64]) -> str:
    shown = ", ".join(map(_number, values[:_VALUES].tolist()))
    return f"{shown}, ..." if len(values) > _VALUES else shown


def _number(value: float, form: str = ".4g") -> str:
    return "-" if math.isnan(value) else f"{value:{form}}"
