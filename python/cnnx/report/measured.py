"""Measured models of each task: their sections of a report, and the doctor's findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

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
from cnnx.evaluation.segmentation_page import segmentation_sections, worst_masks
from cnnx.model.model import Model
from cnnx.report.attention import attention
from cnnx.training.labelled_images import LabelledSet
from cnnx.wording import counted

AnyEvaluation: TypeAlias = SegmentationEvaluation | RegressionEvaluation


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
    images = _images(evaluation.count, words)
    return Measured(
        f"{evaluation.accuracy:.2%} of {images} are classified correctly",
        evaluation_sections(evaluation, lambda indices: attention(model, evaluation, indices)),
        _findings(model, evaluation, skipped),
        "The doctor examined the images of this evaluation, and the model by its outputs for some "
        "of them. cnnx doctor examines whole data sets, and finds copies across training and test "
        "images.",
    )


def measured_masks_or_values(
    model: Model, images: LabelledSet, words: str = "", skipped: Sequence[str] = ()
) -> Measured:
    """A model of a class for each position, or of values.

    Args:
        model: the model.
        images: images with masks, whose label 255 is not counted, or with values.
        words: as for `measured_classes`.
        skipped: as for `measured_classes`.

    Raises:
        TypeError: as `evaluate_segmentation` and `evaluate_regression`.
        ValueError: likewise.
        FloatingPointError: likewise.
    """
    pairs: Any = images.x
    if images.y is not None:
        weights = () if images.sample_weight is None else (images.sample_weight,)
        pairs = (images.x, images.y, *weights)  # weights are refused
    evaluation: AnyEvaluation
    if model.task == "segmentation":
        evaluation = evaluate_segmentation(model, pairs, ignore_index=IGNORED)
    else:
        evaluation = evaluate_regression(model, pairs)
    if images.y is None:
        return measured_evaluation(evaluation, words=words)
    pixels, integers, _ = model._images(images.x, "write")
    if integers:
        pixels = pixels.astype(np.uint8, copy=False)
    if isinstance(evaluation, SegmentationEvaluation):
        sections = segmentation_sections(evaluation, worst_masks(model, evaluation, images, pixels))
    else:
        sections = regression_sections(evaluation, _values(evaluation, images, pixels))
    findings = [*check_readable(dict.fromkeys(skipped, "")), *check_model(model, pixels)]
    return _measured(evaluation, sections, by_severity(findings), words)


def measured_evaluation(evaluation: AnyEvaluation, words: str = "") -> Measured:
    """An evaluation of positions or values, without images."""
    if isinstance(evaluation, SegmentationEvaluation):
        return _measured(evaluation, segmentation_sections(evaluation, ()), None, words)
    return _measured(evaluation, regression_sections(evaluation, ()), None, words)


def _measured(
    evaluation: AnyEvaluation,
    sections: Sequence[Section],
    findings: Sequence[Finding] | None,
    words: str,
) -> Measured:
    if isinstance(evaluation, SegmentationEvaluation):
        accuracy = f"pixel accuracy {evaluation.pixel_accuracy:.2%}"
        summary = f"Mean IoU {evaluation.mean_iou:.4f} and {accuracy}"
    else:
        error = f"mean absolute error {evaluation.mean_absolute_error:.4g}"
        summary = f"R2 {evaluation.r2:.4f} and {error}"
    return Measured(
        f"{summary} on {_images(evaluation.count, words)}",
        sections,
        findings,
        "The doctor examined the model by its outputs for some of the images.",
    )


def _values(
    evaluation: RegressionEvaluation, images: LabelledSet, pixels: Any
) -> list[WrongValues]:
    """The images of the largest errors."""
    errors = np.abs(evaluation.predicted - evaluation.targets).mean(axis=1)
    rows = np.argsort(-errors, kind="stable")[:MOST_WRONG].tolist()
    return [WrongValues(row, images.name(row), pixels[row]) for row in rows]


def _findings(model: Model, evaluation: Evaluation, skipped: Sequence[str]) -> list[Finding] | None:
    """The doctor's findings on a model and on the images of its evaluation, if it has images."""
    if evaluation.images is None:
        return None
    images, labels = evaluation.images, evaluation.labels
    data = Dataset(images, labels, evaluation.classes, names=evaluation.names or ())
    unreadable = check_readable(dict.fromkeys(skipped, ""))
    return by_severity([*unreadable, *check_data(data), *check_model(model, images, labels)])


def _images(count: int, words: str) -> str:
    return f"{counted(count, 'image')} {words}".rstrip()
