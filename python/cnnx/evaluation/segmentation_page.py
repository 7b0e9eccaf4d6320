"""Sections of a page about a class for each position: totals, classes, confusions, worst images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnx.batch_arguments import IGNORED
from cnnx.drawing.colours import CLASS_COLOURS, POSITIVE, RgbPixels, rgb
from cnnx.drawing.confusion_chart import confusion_chart
from cnnx.drawing.markup import Markup, element, joined, table
from cnnx.drawing.page import Section, figure, page
from cnnx.drawing.png import image, reduced
from cnnx.evaluation.page import displayed
from cnnx.evaluation.segmentation import SegmentationEvaluation
from cnnx.model.model import Model
from cnnx.model.predictions import labels_of
from cnnx.training.labelled_images import LabelledSet

_WORST_IMAGES = 12
_CONFUSIONS = 20
_IMAGE_WIDTH = 160  # CSS pixels; a narrow page shows less
_MOST_PIXELS = 192  # of a side of an image; larger ones are reduced, which keeps pages small
# Indices of the colours of a disagreement: greys below, and two colours.
_NOT_COUNTED, _WRONG = 254, 255
_GREYS = 253


@dataclass(frozen=True)
class PredictedMask:
    """An image with its mask and the predicted one.

    Attributes:
        name: name of the image.
        image: pixels of the image, (height, width, channels).
        labels: labels of the positions, (rows, columns); 255 is not counted.
        predicted: predicted classes of the positions, (rows, columns).
    """

    name: str
    image: NDArray[Any]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Whether a position is labelled and predicted as another class."""
        return np.asarray((self.labels != self.predicted) & (self.labels != IGNORED))


def worst_masks(
    model: Model, evaluation: SegmentationEvaluation, images: LabelledSet, pixels: NDArray[Any]
) -> list[PredictedMask]:
    """The images of the lowest pixel accuracy with their masks and predictions.

    Args:
        model: the model.
        evaluation: its evaluation on these images.
        images: images in arrays, with their labels.
        pixels: the images as the model takes them.
    """
    labels, found = np.asarray(images.y), []
    for row in evaluation.worst_images(_WORST_IMAGES).tolist():
        predicted = labels_of(model._core, np.asarray(model.predict_proba(pixels[row])))
        both = (labels[row].reshape(predicted.shape), predicted)
        own, guess = (each.astype(np.int64) for each in both)
        found.append(PredictedMask(images.name(row), pixels[row], own, guess))
    return found


def segmentation_page(
    evaluation: SegmentationEvaluation,
    worst: Sequence[PredictedMask],
    title: str,
    introduction: str,
) -> str:
    """A self-contained HTML page about an evaluation."""
    return page(title, introduction, segmentation_sections(evaluation, worst))


def segmentation_sections(
    evaluation: SegmentationEvaluation, worst: Sequence[PredictedMask]
) -> list[Section]:
    """Sections of a page, in order; those that there is nothing to show for are left out.

    Args:
        evaluation: the evaluation.
        worst: images of the lowest pixel accuracy, the lowest first.
    """
    found = [
        Section("totals", "Totals", _totals(evaluation)),
        Section("classes", "Classes", _class_table(evaluation)),
        Section("confusion-matrix", "Confusion matrix", _matrix(evaluation)),
    ]
    confusions = _confusions(evaluation)
    if confusions:
        body = table(
            ("true", "predicted as", "pixels", "of the class"), confusions, names=("true",)
        )
        found.append(Section("confusions", "Most confused classes", body))
    if worst:
        found.append(Section("worst-images", "Worst images", _gallery(evaluation, worst)))
    return found


def _totals(evaluation: SegmentationEvaluation) -> Markup:
    wrong = evaluation.positions - int(evaluation.confusion_matrix.trace())
    rows = [
        ("mean IoU", f"{evaluation.mean_iou:.4f}"),
        ("mean Dice", f"{evaluation.mean_dice:.4f}"),
        ("pixel accuracy", f"{evaluation.pixel_accuracy:.2%}"),
        ("images", f"{evaluation.count:,}"),
        ("labelled pixels", f"{evaluation.positions:,}"),
        ("wrongly predicted pixels", f"{wrong:,}"),
    ]
    return table(("metric", "value"), rows)


def _class_table(evaluation: SegmentationEvaluation) -> Markup:
    """Overlap of every class, with its colour in the masks below."""
    rows = [
        (
            _labelled(label, each.name),
            *map(_rate, (each.iou, each.dice, each.precision, each.recall)),
            f"{each.count:,}",
            _share(each.count, evaluation.positions),
        )
        for label, each in enumerate(evaluation.per_class)
    ]
    header = ("class", "IoU", "Dice", "precision", "recall", "pixels", "of all")
    return table(header, rows)


def _matrix(evaluation: SegmentationEvaluation) -> Markup:
    matrix = evaluation.confusion_matrix
    chart = confusion_chart("Confusion matrix", matrix, evaluation.classes, percentages=True)
    return figure(
        chart,
        "Rows are true classes, columns are predicted classes, in percent of the row's pixels.",
    )


def _confusions(evaluation: SegmentationEvaluation) -> list[tuple[str, str, str, str]]:
    """Pairs of classes of which most pixels are confused."""
    matrix = evaluation.confusion_matrix
    return [
        (
            evaluation.classes[true],
            evaluation.classes[predicted],
            f"{matrix[true, predicted]:,}",
            _share(int(matrix[true, predicted]), int(matrix[true].sum())),
        )
        for true, predicted in _largest_errors(matrix)[:_CONFUSIONS]
    ]


def _largest_errors(matrix: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Places of the counts beside the diagonal, the largest first."""
    errors = matrix - np.diag(matrix.diagonal())
    order = np.argsort(-errors, axis=None, kind="stable")
    places = [divmod(int(place), len(matrix)) for place in order]
    return [place for place in places if errors[place] > 0]


def _gallery(evaluation: SegmentationEvaluation, worst: Sequence[PredictedMask]) -> Markup:
    """Images with their masks, predictions and the positions where these differ."""
    masks = [mask.ravel() for each in worst for mask in (each.labels, each.predicted)]
    labels = set(np.unique(np.concatenate(masks)).tolist())
    names = [(label, evaluation.classes[label]) for label in sorted(labels - {IGNORED})]
    legend = [_labelled(label, name) for label, name in names]
    if IGNORED in labels:
        legend.append(_labelled(IGNORED, "not counted"))
    note = "The images of the lowest pixel accuracy. Orange pixels of the last map are wrong."
    figures = [_predicted_mask(evaluation, each) for each in worst]
    return joined(
        [
            element("p", note, class_="faint"),
            element("p", *legend, class_="legend"),
            element("div", *figures, class_="row"),
        ]
    )


def _predicted_mask(evaluation: SegmentationEvaluation, each: PredictedMask) -> Markup:
    shape = each.image.shape[:2]
    parts = [
        ("image", reduced(displayed(each.image), _MOST_PIXELS), None),
        ("mask", _enlarged(each.labels, shape), CLASS_COLOURS),
        ("prediction", _enlarged(each.predicted, shape), CLASS_COLOURS),
        ("wrong pixels", _disagreement(each), _disagreement_colours()),
    ]
    cells = [
        element(
            "div",
            image(pixels, f"{each.name}: {name}", width=_IMAGE_WIDTH, palette=palette),
            element("span", name, class_="faint"),
        )
        for name, pixels, palette in parts
    ]
    counted = each.labels != IGNORED
    matrix = np.zeros((len(evaluation.classes),) * 2, np.int64)
    np.add.at(matrix, (each.labels[counted], each.predicted[counted]), 1)
    wrong, total = int(each.wrong.sum()), int(counted.sum())
    sentence = f" {_share(total - wrong, total)} of the pixels correct"
    for true, predicted in _largest_errors(matrix)[:1]:
        names = f"{evaluation.classes[true]} predicted as {evaluation.classes[predicted]}"
        sentence += f"; {names} at {matrix[true, predicted]:,}"
    caption = joined([element("b", each.name), element("br"), sentence.strip()])
    return figure(element("div", *cells, class_="masks"), caption)


def _enlarged(labels: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Labels in the size of an image that `reduced` makes of one of this shape."""
    side = -(-max(shape) // _MOST_PIXELS)
    rows, columns = (
        np.minimum(np.arange(max(1, pixels // side)) * side + side // 2, pixels - 1)
        * count
        // pixels
        for pixels, count in zip(shape, labels.shape, strict=True)
    )
    return np.asarray(labels[np.ix_(rows, columns)], np.uint8)


def _disagreement(each: PredictedMask) -> NDArray[np.uint8]:
    """The image in grey with its wrong positions, as indices of `_disagreement_colours`."""
    shape = each.image.shape[:2]
    grey = reduced(displayed(each.image), _MOST_PIXELS).mean(axis=-1)
    indices = np.asarray(np.rint(grey * (_GREYS / 255)), np.uint8)
    indices[_enlarged(each.labels == IGNORED, shape) > 0] = _NOT_COUNTED
    indices[_enlarged(each.wrong, shape) > 0] = _WRONG
    return indices


def _disagreement_colours() -> RgbPixels:
    colours = np.repeat(np.rint(np.arange(256) * (255 / _GREYS))[:, np.newaxis], 3, axis=1)
    colours[_NOT_COUNTED], colours[_WRONG] = CLASS_COLOURS[IGNORED], rgb(POSITIVE)
    return np.asarray(np.minimum(colours, 255), np.uint8)


def _labelled(label: int, name: str) -> Markup:
    """A name with the colour of its label."""
    red, green, blue = CLASS_COLOURS[label % len(CLASS_COLOURS)].tolist()
    swatch = element("span", class_="swatch", style=f"background:rgb({red},{green},{blue})")
    return element("span", swatch, name, class_="label")


def _rate(value: float) -> str | None:
    return None if math.isnan(value) else f"{value:.4f}"


def _share(count: int, total: int) -> str:
    return f"{count / total:.2%}" if total else "0.00%"
