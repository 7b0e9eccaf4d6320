"""Predictions from the outputs of a model: classes, or values after a regression loss."""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnx import _core
from cnnx.arguments import FloatArray
from cnnx.batch_arguments import all_finite

# What a model predicts.
Task: TypeAlias = Literal["classification", "multi_label", "segmentation", "regression"]


def outputs_are_values(core: _core.Model) -> bool:
    """Whether the model was trained with a regression loss and has no probabilities."""
    return core.probability_kind == "none"


def outputs_are_independent(core: _core.Model) -> bool:
    """Whether each output is a probability of its own, and not one of several classes."""
    kind = core.probability_kind
    return kind == "sigmoid" or (kind == "outputs" and core.layers[-1][0] == "sigmoid")


def task_of(core: _core.Model) -> Task:
    """What the model predicts, as `Model.task` documents it."""
    shape = tuple(core.output_shape)
    if outputs_are_values(core):
        return "regression"
    if len(shape) == 3:
        is_one_class = shape[2] == 1 or not outputs_are_independent(core)
        return "segmentation" if is_one_class else "multi_label"
    is_one_class = shape == (1,) or not outputs_are_independent(core)
    return "classification" if is_one_class else "multi_label"


def predictions_of(
    core: _core.Model, pixels: NDArray[np.uint8] | FloatArray, integers: bool
) -> NDArray[Any]:
    """Predictions of a batch, as `Model.predict` documents them.

    Raises:
        ValueError: if the images are not finite.
        FloatingPointError: if the outputs for finite images are NaN.
    """
    compute = core.run if outputs_are_values(core) else core.probabilities
    outputs = compute(pixels, integers)
    if outputs.size and math.isnan(outputs.item(outputs.argmax())):  # argmax finds NaN first
        if all_finite(pixels):
            raise FloatingPointError(
                "predict: the model's outputs are NaN for finite images, expected numbers: "
                "its training has diverged, or its weights are damaged"
            )
        raise ValueError("predict: x holds NaN or infinity, expected finite images")
    is_one = outputs.shape[-1] == 1
    if outputs_are_values(core):
        return outputs[:, 0] if outputs.shape[1:] == (1,) else outputs
    if is_one:
        indices = (outputs[..., 0] > 0.5).astype(np.int64)
    elif outputs_are_independent(core):
        return outputs > 0.5
    else:
        indices = outputs.argmax(axis=-1)
    return np.array(core.classes)[indices] if core.classes else indices
