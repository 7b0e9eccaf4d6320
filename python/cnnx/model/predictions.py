"""Predictions from the outputs of a model: classes, or values after a regression loss."""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnx import _core
from cnnx.arguments import FloatArray, one_of, shown
from cnnx.batch_arguments import refuse_not_finite

# What a model predicts.
Task: TypeAlias = Literal[
    "classification", "multi_label", "segmentation", "regression", "multi_output"
]
_TASKS_OF_ONE_OUTPUT = ("classification", "multi_label", "segmentation", "regression")


def outputs_are_values(core: _core.Model) -> bool:
    """Whether the model was trained with a regression loss and has no probabilities."""
    return core.probability_kind == "none"


def outputs_are_independent(core: _core.Model) -> bool:
    """Whether each output is a probability of its own, and not one of several classes."""
    kind = core.probability_kind
    return kind == "sigmoid" or (kind == "outputs" and core.layers[-1][0] == "sigmoid")


def task_of(core: _core.Model) -> Task:
    """What the model predicts, as `Model.task` documents it."""
    if core.heads:
        return "multi_output"
    kind = core.probability_kind
    if kind == "outputs" and outputs_are_independent(core):
        kind = "sigmoid"
    return task_of_outputs(tuple(core.output_shape), kind)


def task_of_outputs(shape: tuple[int, ...], kind: str) -> Task:
    """What outputs of this shape predict, by their kind of probabilities."""
    if kind == "none":
        return "regression"
    is_one_class = shape[-1] == 1 or kind != "sigmoid"
    if not is_one_class:
        return "multi_label"
    return "segmentation" if len(shape) == 3 else "classification"


def set_task(core: _core.Model, value: str, function: str) -> None:
    """Set what the model predicts, by the kind of its probabilities.

    Raises:
        ValueError: for another word, or if outputs of this shape, last layer and classes predict
            something else.
    """
    if core.heads:
        raise ValueError(
            f"{function}: task is {shown(value)}, expected none to be set, because each of several "
            "outputs has its own"
        )
    kinds = {task: kind for task in _TASKS_OF_ONE_OUTPUT if (kind := _kind_for(core, task))}
    core.probability_kind = kinds[one_of(value, [*kinds], function, "task")]


def _kind_for(core: _core.Model, task: str) -> str | None:
    """Kind of probabilities of a model with this task; None if its outputs cannot have the task."""
    if task == "regression":
        return None if core.classes else "none"
    shape, last = tuple(core.output_shape), core.layers[-1][0]
    are_sigmoid = task == "multi_label" or last == "sigmoid" or shape[-1] == 1
    kind = "sigmoid" if are_sigmoid else "softmax"
    if task_of_outputs(shape, kind) != task:
        return None
    if last in ("softmax", "sigmoid"):
        return "outputs" if kind == last else None
    return kind


def predictions_of(core: _core.Model, outputs: FloatArray) -> NDArray[Any]:
    """Predictions from `checked_outputs` of a model with one output."""
    return predicted(outputs, outputs.shape[1:], _kind(core), core.classes)


def checked_outputs(
    core: _core.Model, function: str, pixels: NDArray[np.uint8] | FloatArray, integers: bool
) -> FloatArray:
    """Probabilities of a batch, or values after a regression loss, none of which are NaN.

    Raises:
        ValueError: if the images are not finite.
        FloatingPointError: if the outputs for finite images are NaN.
    """
    compute = core.run if outputs_are_values(core) and not core.heads else core.probabilities
    outputs = compute(pixels, integers)
    refuse_nan(outputs, pixels, function)
    return outputs


def refuse_nan(outputs: FloatArray, pixels: NDArray[np.uint8] | FloatArray, function: str) -> None:
    """Refuse outputs that are NaN, and say whether the images are the reason.

    Raises:
        ValueError: if the images are not finite.
        FloatingPointError: if the outputs for finite images are NaN.
    """
    if outputs.size and math.isnan(outputs.item(outputs.argmax())):  # argmax finds NaN first
        refuse_not_finite(pixels, f"{function}: x")
        raise FloatingPointError(
            f"{function}: the model's outputs are NaN for finite images, expected numbers: "
            "its training has diverged, or its weights are damaged"
        )


def _kind(core: _core.Model) -> str:
    return "sigmoid" if outputs_are_independent(core) else core.probability_kind


def labels_of(core: _core.Model, probabilities: FloatArray) -> NDArray[Any]:
    """Indices of the most probable classes, or booleans of independent outputs."""
    return predicted(probabilities, tuple(core.output_shape), _kind(core), None)


def predicted(
    outputs: FloatArray, shape: tuple[int, ...], kind: str, classes: list[str] | None
) -> NDArray[Any]:
    """Predictions from probabilities, or from the outputs of regression.

    Args:
        outputs: a batch of probabilities or values.
        shape: shape of those of one image.
        kind: kind of probabilities.
        classes: names of the classes, or None.
    """
    if kind == "none":
        return outputs[:, 0] if shape == (1,) else outputs
    if kind == "sigmoid" and shape[-1] != 1:
        return outputs > 0.5
    indices = classes_of(outputs, "outputs")
    return np.array(classes)[indices] if classes else indices


def classes_of(outputs: NDArray[Any], kind: str) -> NDArray[np.int64]:
    """Indices of the predicted classes; a single output stands for class 0 or 1.

    Args:
        outputs: raw outputs, of whose last axis each is a class.
        kind: kind of probabilities that they become; "outputs" are probabilities.
    """
    if outputs.shape[-1] != 1:
        return np.asarray(outputs.argmax(axis=-1))
    return (outputs[..., 0] > (0.5 if kind == "outputs" else 0.0)).astype(np.int64)
