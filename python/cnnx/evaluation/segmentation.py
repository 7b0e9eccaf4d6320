"""Evaluation of a class for each position: overlap of prediction and label, class by class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.arguments import at_least, integer, real_array, rectangular_array, shown
from cnnx.data.dataset import ImageLike, LabelledImages
from cnnx.model.model import Model
from cnnx.model.model_argument import check_model
from cnnx.spelling import NamedAttributes, checked_call
from cnnx.training.labelled_images import measured_images, unweighted_batches_of
from cnnx.training.position_counts import (
    PositionCounts,
    ious_of,
    mean_of_defined,
    quotient_or_nan,
)
from cnnx.training.targets import labels_of_positions

# Positions whose outputs are computed at a time.
_POSITIONS_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class OverlapMetrics:
    """Overlap of one class; NaN where neither labels nor predictions have it.

    Attributes:
        name: name of the class.
        count: number of positions of the class.
        iou: positions of both over positions of either, intersection over union.
        dice: twice the positions of both over the sum of the positions of each, the F1.
        precision: fraction of the positions predicted as the class that are of the class.
        recall: fraction of the positions of the class that are predicted as the class.
    """

    name: str
    count: int
    iou: float
    dice: float
    precision: float
    recall: float


@checked_call
class SegmentationEvaluation(NamedAttributes):
    """Counts of labelled and predicted positions, and the metrics that follow from them.

    Args:
        confusion_matrix: counts of positions with true classes as rows and predicted classes as
            columns, (classes, classes).
        classes: names of the classes, or None for their numbers.
        count: number of images.
        image_accuracies: pixel accuracy of each image, (count,), or None if unknown; NaN for an
            image without a labelled position.

    Attributes:
        confusion_matrix: counts of positions, int64, (classes, classes).
        classes: names of the classes.
        count: number of images.
        image_accuracies: pixel accuracy of each image, float64, (count,), or None.

    Raises:
        TypeError: if the counts are not integers.
        ValueError: if the matrix is not square, a count is below 0, or names do not fit it.

    Example:
        >>> evaluation = SegmentationEvaluation([[6, 2], [0, 4]], ["ground", "tree"])
        >>> evaluation.pixel_accuracy
        0.8333333333333334
        >>> [round(each.iou, 3) for each in evaluation.per_class]
        [0.75, 0.667]
    """

    confusion_matrix: NDArray[np.int64]
    classes: tuple[str, ...]
    count: int
    image_accuracies: NDArray[np.float64] | None

    def __init__(
        self,
        confusion_matrix: ArrayLike,
        classes: Sequence[str] | None = None,
        *,
        count: int = 1,
        image_accuracies: ArrayLike | None = None,
    ) -> None:
        matrix = rectangular_array(confusion_matrix, "SegmentationEvaluation", "confusion_matrix")
        if matrix.dtype.kind not in "iu":
            raise TypeError(
                f"SegmentationEvaluation: confusion_matrix has dtype {matrix.dtype}, expected "
                "integers"
            )
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
            raise ValueError(
                f"SegmentationEvaluation: confusion_matrix has shape {matrix.shape}, expected "
                "(classes, classes)"
            )
        if matrix.min() < 0:
            raise ValueError(
                f"SegmentationEvaluation: confusion_matrix has {matrix.min()}, expected counts >= 0"
            )
        given = range(len(matrix)) if classes is None else classes
        if isinstance(given, str) or not isinstance(given, Sequence) or len(given) != len(matrix):
            raise ValueError(
                f"SegmentationEvaluation: classes is {shown(classes)}, expected {len(matrix)} names"
            )
        self.confusion_matrix = matrix.astype(np.int64)
        self.classes = tuple(map(str, given))
        self.count = at_least(1, count, "SegmentationEvaluation", "count")
        self.image_accuracies = None
        if image_accuracies is not None:
            own = real_array(image_accuracies, "SegmentationEvaluation", "image_accuracies")
            if own.shape != (self.count,):
                raise ValueError(
                    f"SegmentationEvaluation: image_accuracies has shape {own.shape}, expected one "
                    f"number per image, ({self.count},)"
                )
            self.image_accuracies = own.astype(np.float64)

    @checked_call
    def worst_images(self, count: int = 10) -> NDArray[np.int64]:
        """Positions of the images of the lowest pixel accuracy, the lowest first.

        Images in which every labelled position is correct are left out.

        Raises:
            ValueError: if `count` is below 1, or the accuracies of the images are unknown.

        Example:
            >>> accuracies = [1.0, 0.5, 0.75]
            >>> evaluation = SegmentationEvaluation(
            ...     [[6, 2], [1, 3]], count=3, image_accuracies=accuracies
            ... )
            >>> evaluation.worst_images().tolist()
            [1, 2]
        """
        count = at_least(1, count, "worst_images", "count")
        if self.image_accuracies is None:
            raise ValueError(
                "worst_images: the evaluation has no image_accuracies, expected those of its images"
            )
        order = np.argsort(self.image_accuracies, kind="stable")  # NaN last
        return order[self.image_accuracies[order] < 1][:count]

    @property
    def positions(self) -> int:
        """Number of labelled positions of all images."""
        return int(self.confusion_matrix.sum())

    @property
    def pixel_accuracy(self) -> float:
        """Fraction of the positions that are predicted correctly; NaN without a position."""
        return quotient_or_nan(int(self.confusion_matrix.trace()), self.positions)

    @cached_property
    def per_class(self) -> tuple[OverlapMetrics, ...]:
        """Positions, IoU, Dice, precision and recall of every class."""
        matrix = self.confusion_matrix
        both = matrix.diagonal().tolist()
        true, predicted = matrix.sum(axis=1).tolist(), matrix.sum(axis=0).tolist()
        return tuple(
            OverlapMetrics(
                name,
                labelled,
                iou,
                quotient_or_nan(2 * overlap, labelled + found),
                quotient_or_nan(overlap, found),
                quotient_or_nan(overlap, labelled),
            )
            for name, iou, overlap, labelled, found in zip(
                self.classes, ious_of(matrix), both, true, predicted, strict=True
            )
        )

    @property
    def mean_iou(self) -> float:
        """Mean IoU of the classes that occur among the labels or the predictions."""
        return mean_of_defined(each.iou for each in self.per_class)

    @property
    def mean_dice(self) -> float:
        """Mean Dice of the classes that occur among the labels or the predictions."""
        return mean_of_defined(each.dice for each in self.per_class)

    def to_dict(self) -> dict[str, Any]:
        """All metrics as lists, dicts, numbers and text, for the module json; NaN is None.

        Example:
            >>> SegmentationEvaluation([[6, 2], [0, 4]]).to_dict()["confusion_matrix"]
            [[6, 2], [0, 4]]
        """
        return {
            "images": self.count,
            "positions": self.positions,
            "pixel_accuracy": _or_none(self.pixel_accuracy),
            "mean_iou": _or_none(self.mean_iou),
            "mean_dice": _or_none(self.mean_dice),
            "per_class": [
                {name: _or_none(value) for name, value in vars(each).items()}
                for each in self.per_class
            ],
            "confusion_matrix": self.confusion_matrix.tolist(),
        }

    def __str__(self) -> str:
        images = "image" if self.count == 1 else "images"
        head = ("class", "IoU", "Dice", "precision", "recall", "positions")
        rows = [head, *(_row(each) for each in self.per_class)]
        first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
        table = [
            "  ".join([name.ljust(first), *map(str.rjust, cells, others)]) for name, *cells in rows
        ]
        return (
            f"{self.count:,} {images}, {self.positions:,} positions, {len(self.classes)} classes\n"
            f"pixel accuracy {self.pixel_accuracy:.2%}, mean IoU {self.mean_iou:.4f}, mean Dice "
            f"{self.mean_dice:.4f}\n\n" + "\n".join(table)
        )

    def __repr__(self) -> str:
        return (
            f"SegmentationEvaluation({self.count:,} images, {len(self.classes)} classes, "
            f"mean IoU {self.mean_iou:.4f}, pixel accuracy {self.pixel_accuracy:.4f})"
        )


@checked_call
def evaluate_segmentation(
    model: Model,
    x: ImageLike | LabelledImages,
    y: ArrayLike | None = None,
    *,
    ignore_index: int | None = None,
) -> SegmentationEvaluation:
    """Evaluate a model that predicts a class for each position of an image.

    Args:
        model: model whose outputs are (height, width, classes), or (height, width, 1) after
            training with a loss that applies sigmoid.
        x: images, or images with labels in any form that `Trainer.evaluate` accepts.
        y: labels of the positions, integers, (images, height, width).
        ignore_index: label of positions that are not counted, or None.

    Raises:
        TypeError: if the images are in none of the forms, or the labels are not integers.
        ValueError: if the images or labels do not fit the model, the images have weights, it
            predicts no class for each position, or every label is `ignore_index`.
        FloatingPointError: if the model's outputs are not finite.
        OSError: if a path cannot be read.

    Example:
        >>> import cnnx
        >>> x, _ = cnnx.data.xo(8, seed=1)
        >>> model = cnnx.Model([cnnx.Conv2d(2, 3, padding="same")], input_shape=(32, 32, 1))
        >>> masks = (x[..., 0] > 127).astype(int)
        >>> cnnx.evaluation.evaluate_segmentation(model, x, masks).positions
        8192
    """
    check_model(model, "evaluate_segmentation")
    if model.task != "segmentation":
        raise ValueError(
            f"evaluate_segmentation: the task of the model is {model.task}, expected a model with "
            "an output (height, width, classes)"
        )
    if ignore_index is not None:
        ignore_index = integer(ignore_index, "evaluate_segmentation", "ignore_index")
    found = measured_images(x, y, None, model, "evaluate_segmentation")
    counts = PositionCounts(model.output_shape[-1], model._core.probability_kind, ignore_index)
    accuracies: list[float] = []
    for batch in unweighted_batches_of(found, "evaluate_segmentation"):
        accuracies += _count(model, batch.x, batch.y, ignore_index, counts)
    if not accuracies:
        raise ValueError("evaluate_segmentation: there are no images, expected at least one")
    if not counts.matrix.any():
        raise ValueError(
            f"evaluate_segmentation: every label in y is ignore_index, {ignore_index}, expected "
            "others, too"
        )
    return SegmentationEvaluation(
        counts.matrix, model.classes, count=len(accuracies), image_accuracies=accuracies
    )


def _count(
    model: Model, x: Any, y: ArrayLike, ignore_index: int | None, counts: PositionCounts
) -> list[float]:
    """Count the positions of some images; the pixel accuracy of each image."""
    function = "evaluate_segmentation"
    images, integers, _ = model._images(x, function)
    height, width, _ = model._core.output_shape
    shape = (len(images), *model.output_shape[:-1])
    labels = labels_of_positions(y, shape, len(counts.matrix), ignore_index, function)
    labels = labels.reshape(-1, height, width)
    accuracies: list[float] = []
    at_once = max(1, _POSITIONS_AT_ONCE // (height * width))
    for first in range(0, len(images), at_once):
        part = slice(first, first + at_once)
        outputs = model._core.run(images[part], integers)
        if not np.isfinite(outputs).all():
            raise FloatingPointError(
                f"{function}: the model's outputs are not finite, expected numbers: its training "
                "has diverged, its weights are damaged, or x is not finite"
            )
        for each, own in zip(outputs, labels[part], strict=True):
            of_image = counts.of_images(each[np.newaxis], own[np.newaxis])
            counts.add(of_image)
            accuracies.append(quotient_or_nan(int(of_image.trace()), int(of_image.sum())))
    return accuracies


def _row(each: OverlapMetrics) -> tuple[str, ...]:
    rates = (each.iou, each.dice, each.precision, each.recall)
    texts = ("-" if math.isnan(rate) else f"{rate:.4f}" for rate in rates)
    return (each.name, *texts, f"{each.count:,}")


def _or_none(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
