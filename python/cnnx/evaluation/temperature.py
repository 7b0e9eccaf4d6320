"""Temperature scaling: confidences that agree with accuracies, by one number."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.data.dataset import ImageLike, LabelledImages
from cnnx.evaluation.measuring import (
    outputs_and_labels,
    refuse_unless_one_class,
    relative_logits,
    two_columns,
)
from cnnx.model.model import Model
from cnnx.model.model_argument import check_model
from cnnx.spelling import checked_call
from cnnx.training.labelled_images import calibration_images

_MOST_STEPS = 200
_PRECISION = 1e-12


@checked_call
def calibrate(model: Model, x: ImageLike | LabelledImages, y: ArrayLike | None = None) -> float:
    """Fit the temperature of a classifier to held-out images, and store it in the model.

    The temperature is the one with the least cross-entropy. Use images that the model was not
    trained on, and measure the result on others.

    Args:
        model: model that predicts one class per image and ends in its logits.
        x: images, or images with labels in any form that `evaluate` accepts. Of a `Dataset` or path
            the validation set is used, without one the images.
        y: labels: integers, names of classes, or one-hot rows.

    Returns:
        `Model.temperature`. The model changes, and its file when it is saved.

    Raises:
        TypeError: if the images are in none of the forms.
        ValueError: if the model ends in Softmax or Sigmoid or predicts no single class, the images
            or labels do not fit it, a Dataset or path has a test set but no validation set, or no
            temperature is the best, as for images that are all classified correctly.
        FloatingPointError: if the model's outputs are not finite.
        OSError: if a path cannot be read.

    Reference:
        Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, 2017.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(600, seed=1)
        >>> model = cnnx.models.small((32, 32, 1), ["X", "O"])
        >>> history = cnnx.Trainer(model).fit(x[:200], y[:200], epochs=1)
        >>> temperature = cnnx.evaluation.calibrate(model, x[200:400], y[200:400])
        >>> model.temperature == temperature
        True
        >>> evaluation = cnnx.evaluation.evaluate(model, x[400:], y[400:])
    """
    return fit_temperature(model, x, y, "calibrate")


def fit_temperature(
    model: Model, x: ImageLike | LabelledImages, y: ArrayLike | None, function: str
) -> float:
    """Calibrate a model as `calibrate`, by a function that is named in errors."""
    check_model(model, function)
    refuse_unless_one_class(model, function)
    if model._core.probability_kind == "outputs":
        raise ValueError(
            f"{function}: the model ends in {model.layers[-1].kind}, expected one without it: "
            "cnnx.Model(model.layers[:-1], input_shape=model.input_shape, classes=model.classes)"
        )
    found = calibration_images(x, y, model, function)
    measured = outputs_and_labels(model, found, function)
    model.temperature = 1 / _best_scale(two_columns(measured.outputs), measured.labels, function)
    return model.temperature


def _best_scale(logits: NDArray[np.float64], labels: NDArray[np.int64], function: str) -> float:
    """Factor of the logits with the least cross-entropy, the inverse of the best temperature.

    The cross-entropy is convex in the factor. Newton's method finds the zero of its derivative, and
    halving the bracket wherever a step of it would leave that.

    Raises:
        ValueError: if the cross-entropy has no minimum.
    """
    shifted, own = relative_logits(logits, labels)

    def derivatives(scale: float) -> tuple[float, float]:
        weights = np.exp(scale * shifted)
        weights /= weights.sum(axis=1, keepdims=True)
        means = (weights * shifted).sum(axis=1)
        variances = (weights * shifted**2).sum(axis=1) - means**2
        return float((means - own).mean()), float(variances.mean())

    if (own == 0).all():
        raise ValueError(
            f"{function}: every image is classified correctly, so that no temperature is the best, "
            "expected images of which some are not"
        )
    low, high = 0.0, 1.0
    if derivatives(low)[0] >= 0:
        raise ValueError(
            f"{function}: the outputs do not agree with the labels more than chance, expected a "
            "trained model"
        )
    while derivatives(high)[0] < 0:
        low, high = high, 2 * high
    scale = (low + high) / 2
    for _ in range(_MOST_STEPS):
        slope, curvature = derivatives(scale)
        low, high = (scale, high) if slope < 0 else (low, scale)
        step = scale - slope / curvature if curvature > 0 else low
        following = step if low < step < high else (low + high) / 2
        if abs(following - scale) <= _PRECISION * scale:
            break
        scale = following
    return scale
