"""Accuracy of models on labelled images, and agreement of their predictions without labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


def predicted_classes(model: Model, images: CalibrationImages) -> NDArray[Any] | None:
    """The class that a model predicts for each image; None if it does not predict one."""
    core = model._core
    outputs = model.output_shape
    is_single = len(outputs) == 1 and (outputs[0] == 1 or not outputs_are_independent(core))
    if outputs_are_values(core) or not is_single:
        return None
    found = core.run(images.pixels, images.integers)
    chances = core.outputs_to_probabilities(found)
    return np.asarray(chances[:, 0] > 0.5 if outputs[0] == 1 else chances.argmax(axis=1))


class Agreement:
    """The part of some images for which a model predicts the classes of another.

    Args:
        model: the float model.
        images: the images.

    Attributes:
        images: number of images.
    """

    def __init__(self, model: Model, images: CalibrationImages) -> None:
        self.images = len(images.pixels)
        self._images = images
        self._expected = predicted_classes(model, images)

    def of(self, model: Model) -> float | None:
        """The agreement of a quantized model; None if the models do not predict one class."""
        if self._expected is None:
            return None
        return float(np.mean(predicted_classes(model, self._images) == self._expected))
