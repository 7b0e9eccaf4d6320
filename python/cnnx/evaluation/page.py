"""Sections of a page about an evaluation: totals, classes, confusions, calibration and mistakes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnx.drawing.charts import Series, line_chart
from cnnx.drawing.colours import as_rgb
from cnnx.drawing.confusion_chart import confusion_chart
from cnnx.drawing.markup import Child, Markup, element, joined, table
from cnnx.drawing.page import Section, figure, fragment, page
from cnnx.drawing.png import image, reduced
from cnnx.drawing.reliability_chart import reliability_chart
from cnnx.evaluation.as_text import class_rows, rate_text
from cnnx.evaluation.evaluation import Evaluation

_CONFUSIONS = 20
_MISTAKES = 24
_CURVE_POINTS = 200
_IMAGE_WIDTH = 80  # CSS pixels, so that a narrow page has two images beside each other
_MOST_PIXELS = 96  # of a side of an image; larger ones are reduced, which keeps pages small


@dataclass(frozen=True)
class Overlays:
    """Explanations of some images.

    Attributes:
        name: name of the explanation, such as "Grad-CAM".
        meaning: marked regions in words, for the end of a sentence.
        images: the images under the explanation, by their positions.
    """

    name: str
    meaning: str
    images: Mapping[int, NDArray[np.uint8]]


def evaluation_page(evaluation: Evaluation, title: str, introduction: str) -> str:
    """A self-contained HTML page about an evaluation."""
    return page(title, introduction, evaluation_sections(evaluation))


def evaluation_sections(
    evaluation: Evaluation, explain: Callable[[NDArray[np.int64]], Overlays] | None = None
) -> list[Section]:
    """Sections of a page, in order; those that the evaluation has no numbers for are left out.

    Args:
        evaluation: the evaluation.
        explain: explains the images of the largest losses, given their positions; or None.
    """
    found = [
        Section("totals", "Totals", totals_table(evaluation)),
        Section("classes", "Classes", class_table(evaluation)),
    ]
    found.append(Section("confusion-matrix", "Confusion matrix", matrix_figure(evaluation)))
    if not evaluation.correct.all():
        found.append(Section("confusions", "Most confused classes", confusion_table(evaluation)))
    found.append(Section("calibration", "Calibration", calibration_figure(evaluation)))
    if len(evaluation.classes) == 2:
        found.append(Section("thresholds", "Thresholds", threshold_figures(evaluation)))
    if not evaluation.correct.all():
        worst = evaluation.top_losses(_MISTAKES).indices
        certain = evaluation.most_certain_errors(_MISTAKES)
        beside = None if explain is None else explain(worst)
        found += [
            Section("mistakes", "Largest losses", mistake_gallery(evaluation, worst, beside)),
            Section("certain-errors", "Most certain errors", mistake_gallery(evaluation, certain)),
        ]
    return found


def evaluation_fragment(evaluation: Evaluation) -> str:
    """An evaluation for a notebook: totals, the confusion matrix, and the classes to unfold."""
    classes = element("details", element("summary", "Classes"), class_table(evaluation))
    return fragment(totals_table(evaluation), matrix_figure(evaluation), classes)


def totals_table(evaluation: Evaluation) -> Markup:
    """Metrics of all images, with confidence intervals."""
    calibration = evaluation.calibration()
    low, high = evaluation.confidence_interval("accuracy")
    low_f1, high_f1 = evaluation.confidence_interval("macro_f1")
    correct = int(evaluation.correct.sum())
    rows: list[tuple[Child, Child, Child]] = [
        ("accuracy", f"{evaluation.accuracy:.2%}", f"{low:.2%} to {high:.2%}"),
        ("macro F1", f"{evaluation.macro_average.f1:.4f}", f"{low_f1:.4f} to {high_f1:.4f}"),
        ("balanced accuracy", f"{evaluation.balanced_accuracy:.2%}", None),
        ("loss", f"{evaluation.loss:.4f}", None),
        ("expected calibration error", f"{calibration.expected_error:.2%}", None),
        ("images", f"{evaluation.count:,}", None),
        ("correct", f"{correct:,}", None),
        ("incorrect", f"{evaluation.count - correct:,}", None),
    ]
    if len(evaluation.classes) > 5:
        rows.insert(1, ("top-5 accuracy", f"{evaluation.top_k_accuracy(5):.2%}", None))
    return table(("metric", "value", "95% interval"), rows)


def class_table(evaluation: Evaluation) -> Markup:
    """Precision, recall and F1 of every class, and their averages."""
    return table(("class", "precision", "recall", "F1", "images"), class_rows(evaluation))


def matrix_figure(evaluation: Evaluation) -> Markup:
    """The confusion matrix."""
    chart = confusion_chart("Confusion matrix", evaluation.confusion_matrix, evaluation.classes)
    return figure(chart, "Rows are true classes, columns are predicted classes.")


def confusion_table(evaluation: Evaluation) -> Markup:
    """The most frequent confusions."""
    return table(
        ("true", "predicted as", "images"),
        (
            (each.true, each.predicted, f"{each.count:,}")
            for each in evaluation.most_confused(_CONFUSIONS)
        ),
        names=("true", "predicted as"),
    )


def calibration_figure(evaluation: Evaluation) -> Markup:
    """Accuracy by confidence, as a diagram and as a table."""
    calibration = evaluation.calibration()
    bins = calibration.bins
    chart = reliability_chart(
        "Reliability diagram",
        [each.confidence if each.count else math.nan for each in bins],
        [each.accuracy if each.count else math.nan for each in bins],
        [each.count for each in bins],
    )
    rows = [
        (
            f"{each.lower:.1%} to {each.upper:.1%}",
            f"{each.count:,}",
            f"{each.confidence:.2%}",
            f"{each.accuracy:.2%}",
        )
        for each in bins
        if each.count
    ]
    caption = (
        f"Expected calibration error {calibration.expected_error:.2%}, maximum calibration error "
        f"{calibration.maximum_error:.2%}. A calibrated model is as accurate as it is confident."
    )
    listed = table(("confidence", "images", "mean confidence", "accuracy"), rows)
    return element("div", figure(chart, caption), listed, class_="row")


def threshold_figures(evaluation: Evaluation) -> Markup:
    """Curves of a model with two classes, and its rates at some thresholds."""
    curve = evaluation.threshold_curve()
    best = curve.best_f1
    has_best = best.f1 > 0  # not without positive images
    points = {curve.at(k / 10) for k in range(1, 10)} | ({best} if has_best else set())
    rows = [tuple(f"{value:.4f}" for value in point) for point in sorted(points)]
    best_text = f" The best F1 is {best.f1:.4f}, at {best.threshold:.4f}." if has_best else ""
    receiver = line_chart(
        "Receiver operating characteristic",
        [_series(curve.false_positive_rate, curve.recall)],
        x="false positive rate",
        y="true positive rate",
        percent="xy",
        limits=(0.0, 1.0),
    )
    precision = line_chart(
        "Precision and recall",
        [_series(curve.recall, curve.precision)],
        x="recall",
        y="precision",
        percent="xy",
        limits=(0.0, 1.0),
    )
    rates = line_chart(
        f"Precision, recall and F1 of {curve.positive} by threshold",
        [
            _series(curve.thresholds[1:], values[1:], name)
            for name, values in (
                ("precision", curve.precision),
                ("recall", curve.recall),
                ("F1", curve.f1),
            )
        ],
        x="threshold",
        y="rate",
        percent="y",
        limits=(0.0, 1.0),
        marked={f"best F1 at {best.threshold:.4f}": best.threshold} if has_best else None,
    )
    listed = table(
        ("threshold", "precision", "recall", "false positive rate", "F1"),
        rows,
        caption=f"{curve.positive} is predicted where its probability is at least the threshold."
        f"{best_text}",
    )
    charts = element(
        "div",
        figure(receiver, f"ROC curve: area {rate_text(curve.roc_auc)}"),
        figure(precision, f"Average precision {rate_text(curve.average_precision)}"),
        figure(rates, f"Rates of {curve.positive} by threshold"),
        class_="row",
    )
    return joined([charts, listed])


def _series(
    points: NDArray[np.float64], values: NDArray[np.float64], name: str = "model"
) -> Series:
    """A curve through at most 200 of the points, the first and the last among them."""
    chosen = np.unique(np.linspace(0, len(points) - 1, _CURVE_POINTS).round().astype(int))
    return Series(name, values[chosen].tolist(), points[chosen].tolist())


def mistake_gallery(
    evaluation: Evaluation,
    indices: NDArray[np.int64],
    beside: Overlays | None = None,
) -> Markup:
    """Images with their labels and predictions.

    Args:
        evaluation: the evaluation.
        indices: positions of the images.
        beside: explanations that are drawn beside the images, or None.
    """
    figures = [_mistake(evaluation, index, beside) for index in indices.tolist()]
    gallery = element("div", *figures, class_="row gallery")
    if beside is None or not beside.images:
        return gallery
    note = f"Beside an image: {beside.name}, {beside.meaning}."
    return joined([element("p", note, class_="faint"), gallery])


def _mistake(evaluation: Evaluation, index: int, beside: Overlays | None) -> Markup:
    label = evaluation.classes[evaluation.labels[index]]
    predicted = evaluation.classes[evaluation.predicted[index]]
    name = f"image {index}" if evaluation.names is None else evaluation.names[index]
    caption = joined(
        [
            element("b", predicted),
            f" {evaluation.confidence[index]:.1%}",
            element("br"),
            f"label {label}, loss\N{NO-BREAK SPACE}{evaluation.losses[index]:.2f}",
            element("br"),
            name,
        ]
    )
    if evaluation.images is None:
        return element("p", caption)
    text = f"{name}: {label}, predicted as {predicted}"
    images = [_small_image(displayed(evaluation.images[index]), text)]
    if beside is not None and index in beside.images:
        images.append(_small_image(beside.images[index], f"{text}: {beside.name}"))
    return figure(element("div", *images, class_="pair"), caption)


def _small_image(pixels: NDArray[np.uint8], text: str) -> Markup:
    return image(reduced(pixels, _MOST_PIXELS), text, width=_IMAGE_WIDTH)


def displayed(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """An image as uint8 RGB; floats outside 0 to 1 are stretched to this range."""
    if pixels.dtype != np.uint8:
        low, high = min(0.0, float(pixels.min())), max(1.0, float(pixels.max()))
        pixels = np.rint((pixels - low) * (255 / (high - low))).astype(np.uint8)
    return as_rgb(pixels)
