"""Predictions of labelled images as an evaluation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.arguments import FloatArray
from cnnx.batch_arguments import class_labels
from cnnx.data.dataset import ImageLike, LabelledImages
from cnnx.evaluation.evaluation import Evaluation
from cnnx.model.model import Model
from cnnx.model.model_argument import check_model
from cnnx.model.predictions import outputs_are_independent, outputs_are_values
from cnnx.spelling import checked_call
from cnnx.training.labelled_images import LabelledSet, measured_images
from cnnx.training.metric_sums import batch_of


@checked_call
def evaluate(model: Model, x: ImageLike | LabelledImages, y: ArrayLike | None = None) -> Evaluation:
    """Evaluate a classifier on labelled images.

    Args:
        model: model that predicts one class per image.
        x: images, or images with labels in any form that `Trainer.evaluate` accepts. Of a `Dataset`
            or path the test set is measured, without one the validation set, without both the
            images.
        y: labels, integers or names of classes.

    Returns:
        The evaluation. It has the names of image files where they are known, and the images unless
        they came in batches.

    Raises:
        TypeError: if the images are in none of the forms.
        ValueError: if the images or labels do not fit the model, the images have weights, or the
            model is no classifier or predicts several classes per image.
        FloatingPointError: if the model's outputs are not finite.
        OSError: if a path cannot be read.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(64, seed=1)
        >>> model = cnnx.models.small((32, 32, 1), ["X", "O"])
        >>> cnnx.evaluation.evaluate(model, x, y).count
        64
    """
    return evaluation_of(model, x, y, "evaluate")


def evaluation_of(model: Model, x: Any, y: ArrayLike | None, function: str) -> Evaluation:
    """The evaluation of `evaluate`, by a function that is named in errors."""
    check_model(model, function)
    refuse_unless_one_class(model, function)
    found = measured_images(x, y, None, model, function)
    measured = measured_outputs(model, found, function)
    is_logits = model._core.probability_kind != "outputs"
    return Evaluation(
        model._core.outputs_to_probabilities(measured.outputs),
        measured.labels,
        model.classes or max(2, model.output_shape[-1]),
        names=found.names or None,
        images=measured.images,
        losses=_losses(measured, model.temperature) if is_logits else None,
    )


class Measured(NamedTuple):
    """Raw outputs of a classifier for labelled images.

    Attributes:
        outputs: raw outputs, (images, outputs).
        labels: true classes, (images,).
        images: the images in the model's size, or None if they came in batches.
    """

    outputs: FloatArray
    labels: NDArray[np.int64]
    images: NDArray[np.uint8] | FloatArray | None


def measured_outputs(model: Model, found: LabelledSet, function: str) -> Measured:
    """Outputs and labels of images in memory or in batches.

    Raises:
        ValueError: if the images or labels do not fit the model, or the images have weights.
        FloatingPointError: if the model's outputs are not finite.
    """
    if found.y is not None:
        if found.sample_weight is not None:
            raise ValueError(_weighted(function, "x"))
        return _measured(model, found.x, found.y, function)
    batches = []
    for each in found.x:
        batch = batch_of(each, function)
        if batch.sample_weight is not None:
            raise ValueError(_weighted(function, "a batch"))
        batches.append(_measured(model, batch.x, batch.y, function))
    if not batches:
        raise ValueError(f"{function}: there are no batches, expected at least one (x, y)")
    return Measured(
        np.concatenate([each.outputs for each in batches]),
        np.concatenate([each.labels for each in batches]),
        None,
    )


def two_columns(outputs: FloatArray) -> NDArray[np.float64]:
    """Logits of each class; one output is the logit of the second class against the first."""
    logits = outputs.astype(np.float64)
    return np.pad(logits, [(0, 0), (1, 0)]) if logits.shape[1] == 1 else logits


def cross_entropies(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Cross-entropy of the softmax of each row."""
    shifted, own = relative_logits(logits, labels)
    return np.asarray(np.log(np.exp(shifted).sum(axis=1)) - own)


def relative_logits(
    logits: NDArray[np.float64], labels: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logits minus the largest one of their row, and those of the labels."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted, np.take_along_axis(shifted, labels[:, np.newaxis], axis=1)[:, 0]


def refuse_unless_one_class(model: Model, function: str) -> None:
    """Refuse a model that does not predict one class per image.

    Raises:
        ValueError: if it predicts values or several classes per image.
    """
    core = model._core
    if outputs_are_values(core):
        raise ValueError(
            f"{function}: the model was trained with a regression loss, expected a classifier"
        )
    shape = model.output_shape
    if len(shape) != 1 or (shape[0] > 1 and outputs_are_independent(core)):
        raise ValueError(
            f"{function}: the model predicts several classes per image, expected one that predicts "
            "a single class per image"
        )


def _measured(model: Model, x: Any, y: ArrayLike, function: str) -> Measured:
    images, integers, _ = model._images(x, function)
    classes = max(2, model.output_shape[-1])
    labels = class_labels(y, len(images), model.classes or (), classes, function)
    outputs = model._core.run(images, integers)
    if not np.isfinite(outputs).all():
        raise FloatingPointError(
            f"{function}: the model's outputs are not finite, expected numbers: its training has "
            "diverged, its weights are damaged, or x is not finite"
        )
    return Measured(outputs, labels, images.astype(np.uint8, copy=False) if integers else images)


def _losses(measured: Measured, temperature: float) -> NDArray[np.float64]:
    return cross_entropies(two_columns(measured.outputs) / temperature, measured.labels)


def _weighted(function: str, what: str) -> str:
    return f"{function}: {what} has sample_weight, expected (x, y): every image counts once"
