"""Measured models of each task: their sections of a report, and the doctor's findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnx.batch_arguments import IGNORED
from cnnx.data.dataset import Dataset
from cnnx.doctor import Finding, check_data, check_model
from cnnx.doctor.file_checks import check_readable
from cnnx.doctor.finding import by_severity
from cnnx.drawing.page import Section
from cnnx.evaluation import (
    Evaluation,
    RegressionEvaluation,
    SegmentationEvaluation,
    evaluate_regression,
    evaluate_segmentation,
)
from cnnx.evaluation.page import evaluation_sections
from cnnx.evaluation.regression_page import WORST_IMAGES as MOST_WRONG
from cnnx.evaluation.regression_page import WrongValues, regression_sections
from cnnx.evaluation.segmentation_page import (
    WORST_IMAGES,
    PredictedMask,
    segmentation_sections,
)
from cnnx.model.model import Model
from cnnx.model.predictions import labels_of
from cnnx.report.attention import attention
from cnnx.training.labelled_images import LabelledSet

_MODEL_ALONE = "The doctor examined the model by its outputs for some of the images."


@dataclass(frozen=True)
class Measured:
    """A measured model.

    Attributes:
        summary: the result in a few words.
        sections: sections about its predictions, the totals first.
        findings: the doctor's findings, or None where it had nothing to examine.
        examined: what the doctor examined, a sentence.
    """

    summary: str
    sections: Sequence[Section]
    findings: Sequence[Finding] | None
    examined: str


def measured_classes(
    model: Model, evaluation: Evaluation, words: str = "", skipped: Sequence[str] = ()
) -> Measured:
    """A classifier of images.

    Args:
        model: the model.
        evaluation: its evaluation.
        words: the images in a few words, such as "of the test set", or nothing.
        skipped: names of files that could not be read and are not in the evaluation.
    """
    images = _counted(evaluation.count, words)
    return Measured(
        f"{evaluation.accuracy:.2%} of {images} are classified correctly",
        evaluation_sections(evaluation, lambda indices: attention(model, evaluation, indices)),
        _findings(model, evaluation, skipped),
        "The doctor examined the images of this evaluation, and the model by its outputs for some "
        "of them. cnnx doctor examines whole data sets, and finds copies across training and test "
        "images.",
    )


def measured_masks(
    model: Model, images: LabelledSet, words: str = "", skipped: Sequence[str] = ()
) -> Measured:
    """A model with a class for each position, on images with masks whose label 255 is not counted.

    Args are those of `measured_classes`.

    Raises:
        TypeError: as `evaluate_segmentation`.
        ValueError: likewise.
        FloatingPointError: likewise.
    """
    pairs: Any = images.x if images.y is None else (images.x, images.y)
    evaluation = evaluate_segmentation(model, pairs, ignore_index=IGNORED)
    has_images = images.y is not None
    pixels = model._images(images.x, "write")[0] if has_images else None
    worst = _worst(model, evaluation, images, pixels) if has_images else []
    findings = _of_model(model, pixels, skipped) if has_images else None
    return measured_positions(evaluation, worst, findings, words)


def measured_positions(
    evaluation: SegmentationEvaluation,
    worst: Sequence[PredictedMask] = (),
    findings: Sequence[Finding] | None = None,
    words: str = "",
) -> Measured:
    """An evaluation of a class for each position, with its worst images and findings if known."""
    return Measured(
        f"Mean IoU {evaluation.mean_iou:.4f} and pixel accuracy {evaluation.pixel_accuracy:.2%} on "
        f"{_counted(evaluation.count, words)}",
        segmentation_sections(evaluation, worst),
        findings,
        _MODEL_ALONE,
    )


def measured_values(
    model: Model, images: LabelledSet, words: str = "", skipped: Sequence[str] = ()
) -> Measured:
    """A model of values.

    Args are those of `measured_classes`.

    Raises:
        TypeError: as `evaluate_regression`.
        ValueError: likewise.
        FloatingPointError: likewise.
    """
    pairs: Any = images.x if images.y is None else (images.x, images.y)
    evaluation = evaluate_regression(model, pairs)
    if images.y is None:
        return measured_regression(evaluation, words=words)
    pixels = model._images(images.x, "write")[0]
    errors = np.abs(evaluation.predicted - evaluation.targets).mean(axis=1)
    worst = [
        WrongValues(row, _name(images, row), pixels[row])
        for row in np.argsort(-errors, kind="stable")[:MOST_WRONG].tolist()
    ]
    return measured_regression(evaluation, worst, _of_model(model, pixels, skipped), words)


def measured_regression(
    evaluation: RegressionEvaluation,
    worst: Sequence[WrongValues] = (),
    findings: Sequence[Finding] | None = None,
    words: str = "",
) -> Measured:
    """An evaluation of values, with its worst images and findings if known."""
    return Measured(
        f"R2 {evaluation.r2:.4f} and mean absolute error {evaluation.mean_absolute_error:.4g} on "
        f"{_counted(evaluation.count, words)}",
        regression_sections(evaluation, worst),
        findings,
        _MODEL_ALONE,
    )


def _of_model(model: Model, pixels: Any, skipped: Sequence[str]) -> list[Finding]:
    """The doctor's findings on a model by its outputs for some images."""
    return by_severity([*check_readable(dict.fromkeys(skipped, "")), *check_model(model, pixels)])


def _name(images: LabelledSet, row: int) -> str:
    return images.names[row] if images.names else f"image {row}"


def _worst(
    model: Model, evaluation: SegmentationEvaluation, images: LabelledSet, pixels: Any
) -> list[PredictedMask]:
    """The images of the lowest pixel accuracy with their masks and predictions."""
    rows = evaluation.worst_images(WORST_IMAGES)
    labels = np.asarray(images.y)
    found = []
    for row in rows.tolist():
        predicted = labels_of(model._core, np.asarray(model.predict_proba(pixels[row])))
        own = labels[row].reshape(predicted.shape).astype(np.int64)
        name = _name(images, row)
        found.append(PredictedMask(name, pixels[row], own, predicted.astype(np.int64)))
    return found


def _findings(model: Model, evaluation: Evaluation, skipped: Sequence[str]) -> list[Finding] | None:
    """The doctor's findings on a model and on the images of its evaluation, if it has images."""
    if evaluation.images is None:
        return None
    images, labels = evaluation.images, evaluation.labels
    data = Dataset(images, labels, evaluation.classes, names=evaluation.names or ())
    unreadable = check_readable(dict.fromkeys(skipped, ""))
    return by_severity([*unreadable, *check_data(data), *check_model(model, images, labels)])


def _counted(images: int, words: str) -> str:
    return " ".join(filter(None, (f"{images:,} image{'s' * (images != 1)}", words)))
