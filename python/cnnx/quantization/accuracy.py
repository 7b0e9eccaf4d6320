"""Accuracy of models on the labelled images of a check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from cnnx.evaluation.measuring import evaluation_of, refuse_unless_one_class
from cnnx.model.model import Model
from cnnx.model.predictions import outputs_are_independent, outputs_are_values
from cnnx.quantization.calibration_images import CalibrationImages
from cnnx.training.labelled_images import measured_images


class LabelledCheck:
    """Labelled images on which accuracies are measured.

    Args:
        check: images with labels in any form that `cnnx.evaluation.evaluate` accepts.
        model: the float model.
        function: named in errors.

    Attributes:
        before: accuracy of the float model.
        images: number of images.

    Raises:
        TypeError: if the images are in none of the forms.
        ValueError: if they do not fit the model, or it is no classifier.
        OSError: if a path cannot be read.
    """

    def __init__(self, check: Any, model: Model, function: str) -> None:
        self._function = f"{function}: check"
        refuse_unless_one_class(model, self._function)
        found = measured_images(check, None, None, model, self._function)
        is_once = found.y is None and isinstance(found.x, Iterator)
        self._images = found._replace(x=list(found.x)) if is_once else found
        evaluation = evaluation_of(model, self._images.x, self._images.y, self._function)
        self.before = float(evaluation.accuracy)
        self.images = evaluation.count

    def accuracy(self, model: Model) -> float:
        """Accuracy of a model."""
        x, y = self._images.x, self._images.y
        return float(evaluation_of(model, x, y, self._function).accuracy)


def agreement(model: Model, other: Model, images: CalibrationImages) -> float | None:
    """Part of the images for which two models predict the same class.

    None if the models do not predict one class per image.
    """
    core = model._core
    outputs = model.output_shape
    is_single = len(outputs) == 1 and (outputs[0] == 1 or not outputs_are_independent(core))
    if outputs_are_values(core) or not is_single:
        return None
    classes = []
    for each in (core, other._core):
        found = each.run(images.pixels, images.integers)
        chances = each.outputs_to_probabilities(found)
        classes.append(chances[:, 0] > 0.5 if outputs[0] == 1 else chances.argmax(axis=1))
    return float(np.mean(classes[0] == classes[1]))
