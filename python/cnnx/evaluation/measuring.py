"""Predictions of labelled images as an evaluation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.arguments import FloatArray, shown
from cnnx.batch_arguments import class_labels
from cnnx.data.dataset import Dataset, ImageLike, ImageSet, LabelledImages, check_classes
from cnnx.data.folder import FolderSet
from cnnx.distributed.communicator import Communicator
from cnnx.evaluation.evaluation import Evaluation
from cnnx.model.model import Model
from cnnx.model.model_argument import check_model
from cnnx.spelling import checked_call
from cnnx.training.labelled_images import (
    LabelledSet,
    measured_images,
    measured_set,
    unweighted_batches_of,
)

# Number of files, and bytes of their pixels, that a process reads at a time.
_FILES_AT_ONCE = 1024
_BYTES_AT_ONCE = 64 << 20
_ONE_CLASS = "expected one that predicts a single class per image"
_OTHER_TASKS = {
    "regression": "was trained with a regression loss, expected a classifier; its values are "
    "measured by cnnx.evaluation.evaluate_regression",
    "segmentation": f"predicts a class for each position, {_ONE_CLASS}; its classes are measured "
    "by cnnx.evaluation.evaluate_segmentation",
    "multi_output": f"has several outputs, {_ONE_CLASS}; Trainer.evaluate measures each output",
    "multi_label": f"predicts several classes per image, {_ONE_CLASS}",
}


@checked_call
def evaluate(
    model: Model,
    x: ImageLike | LabelledImages,
    y: ArrayLike | None = None,
    *,
    communicator: Communicator | None = None,
) -> Evaluation:
    """Evaluate a classifier on labelled images.

    Args:
        model: model that predicts one class per image.
        x: images, or images with labels in any form that `Trainer.evaluate` accepts. Of a `Dataset`
            or path the test set is measured, without one the validation set, without both the
            images.
        y: labels: integers, names of classes, or one-hot rows.
        communicator: `cnnx.distributed.world()`, so that each of its processes reads and predicts
            its part of a `Dataset` or path, and all return the same evaluation. Images in another
            form are predicted by every process.

    Returns:
        The evaluation. It has the names of image files where they are known, and the images unless
        they came in batches, the model has several inputs, or several processes read them from a
        folder of image files.

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
    if communicator is not None and not isinstance(communicator, Communicator):
        raise TypeError(
            f"evaluate: communicator is {shown(communicator)}, expected None or "
            "cnnx.distributed.world()"
        )
    if communicator is not None and communicator.processes > 1:
        check_model(model, "evaluate")
        images = measured_set(x, y, model, "evaluate")
        if images is not None:
            return shared_evaluation(model, images, communicator, "evaluate")
    return evaluation_of(model, x, y, "evaluate")


def evaluation_of(model: Model, x: Any, y: ArrayLike | None, function: str) -> Evaluation:
    """The evaluation of `evaluate`, by a function that is named in errors."""
    check_model(model, function)
    refuse_unless_one_class(model, function)
    found = measured_images(x, y, None, model, function)
    return _evaluation(model, outputs_and_labels(model, found, function), found.names)


def shared_evaluation(
    model: Model, images: ImageSet | Dataset, communicator: Communicator, function: str
) -> Evaluation:
    """Evaluation of a set of images, of which each process reads and predicts a part.

    Raises:
        ValueError: in all processes, as `evaluate`.
        FloatingPointError: in all processes, if the model's outputs are not finite.
    """
    refuse_unless_one_class(model, function)
    if isinstance(images, FolderSet):
        part = communicator.part_of(len(images))
        parts = communicator.in_each(lambda: _measured_files(model, images, part, function))
        unreadable = {row: reason for each in parts for row, reason in each.unreadable.items()}
        images.refuse(unreadable)
        names = [name for row, name in enumerate(images.file_names) if row not in unreadable]
        return _evaluation(model, _joined([each.measured for each in parts]), names)
    data = images
    if not isinstance(data, Dataset):
        data = data.load(model.input_shape, model.preprocessing.resize)
    check_classes(data, model.classes, function)
    rows = communicator.part_of(len(data.y))
    x, y = data.x[rows.start : rows.stop], data.y[rows.start : rows.stop]
    arrays = communicator.in_each(
        lambda: _measured(model, x, y, function)._replace(images=None) if len(y) else None
    )
    measured = _joined([each for each in arrays if each is not None])
    return _evaluation(model, measured._replace(images=data.x), data.names)


class _MeasuredFiles(NamedTuple):
    """Outputs for some files of a folder.

    Attributes:
        measured: of the readable files.
        unreadable: reasons by the positions of the other files in the folder.
    """

    measured: ModelOutputs
    unreadable: dict[int, str]


def _measured_files(model: Model, images: FolderSet, rows: range, function: str) -> _MeasuredFiles:
    """Read and predict the files at some positions, a few at a time."""
    shape, resize = model.input_shape, model.preprocessing.resize
    at_once = max(1, min(_FILES_AT_ONCE, _BYTES_AT_ONCE // math.prod(shape)))
    none = np.empty((0, model.output_shape[-1]), np.float32)
    measured = [ModelOutputs(none, np.empty(0, int), None)]
    unreadable: dict[int, str] = {}
    for begin in range(rows.start, rows.stop, at_once):
        part = range(begin, min(begin + at_once, rows.stop))
        pixels, reasons = images.decode(part, shape, resize)
        unreadable |= {begin + row: reason for row, reason in reasons.items()}
        labels = np.delete(images.labels[part.start : part.stop], [*reasons])
        if len(labels):
            found = _measured(model, pixels, labels, function)
            measured.append(found._replace(images=None))
    return _MeasuredFiles(_joined(measured), unreadable)


def _evaluation(model: Model, measured: ModelOutputs, names: Sequence[str]) -> Evaluation:
    is_logits = model._core.probability_kind != "outputs"
    return Evaluation(
        model._core.outputs_to_probabilities(measured.outputs),
        measured.labels,
        model.classes or max(2, model.output_shape[-1]),
        names=names or None,
        images=measured.images,
        losses=_losses(measured, model.temperature) if is_logits else None,
    )


class ModelOutputs(NamedTuple):
    """Raw outputs of a classifier for labelled images.

    Attributes:
        outputs: raw outputs, (images, outputs).
        labels: true classes, (images,).
        images: the images in the model's size, or None if they came in batches or the model has
            several inputs.
    """

    outputs: FloatArray
    labels: NDArray[np.int64]
    images: NDArray[np.uint8] | FloatArray | None


def outputs_and_labels(model: Model, found: LabelledSet, function: str) -> ModelOutputs:
    """Outputs and labels of images in memory or in batches.

    Raises:
        ValueError: if the images or labels do not fit the model, or the images have weights.
        FloatingPointError: if the model's outputs are not finite.
    """
    batches = [
        _measured(model, batch.x, batch.y, function)
        for batch in unweighted_batches_of(found, function)
    ]
    if found.y is not None:
        return batches[0]
    if not batches:
        raise ValueError(f"{function}: there are no batches, expected at least one (x, y)")
    return _joined(batches)


def _joined(parts: Sequence[ModelOutputs]) -> ModelOutputs:
    """All parts as one, without images."""
    return ModelOutputs(
        np.concatenate([each.outputs for each in parts]),
        np.concatenate([each.labels for each in parts]),
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
    if reason := _OTHER_TASKS.get(model.task):
        raise ValueError(f"{function}: the model {reason}")


def _measured(model: Model, x: Any, y: ArrayLike, function: str) -> ModelOutputs:
    images, integers, _ = model._images(x, function)
    classes = max(2, model.output_shape[-1])
    labels = class_labels(y, len(images), model.classes or (), classes, function)
    outputs = model._core.run(images, integers)
    if not np.isfinite(outputs).all():
        raise FloatingPointError(
            f"{function}: the model's outputs are not finite, expected numbers: its training has "
            "diverged, its weights are damaged, or x is not finite"
        )
    if model.inputs:  # which are no images side by side
        return ModelOutputs(outputs, labels, None)
    if integers:
        images = images.astype(np.uint8, copy=False)
    return ModelOutputs(outputs, labels, images)


def _losses(measured: ModelOutputs, temperature: float) -> NDArray[np.float64]:
    return cross_entropies(two_columns(measured.outputs) / temperature, measured.labels)
