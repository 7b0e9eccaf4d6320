"""Evaluation of predicted values: their distances from the targets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.arguments import FloatArray, real_array
from cnnx.batch_arguments import target_values
from cnnx.data.dataset import ImageLike, LabelledImages
from cnnx.model.model import Model
from cnnx.model.model_argument import check_model
from cnnx.spelling import NamedAttributes, checked_call
from cnnx.training.labelled_images import measured_images, unweighted_batches_of
from cnnx.training.regression_sums import r2_of_outputs


@checked_call
class RegressionEvaluation(NamedAttributes):
    """Predicted values of images and their targets, and the metrics that follow from them.

    The metrics are those of scikit-learn with ``multioutput="raw_values"``; `r2` is the mean over
    the outputs.

    Args:
        predicted: predicted values, (images, outputs).
        targets: true values, (images, outputs).

    Attributes:
        predicted: predicted values, float64, (images, outputs).
        targets: true values, float64, (images, outputs).

    Raises:
        TypeError: if the arrays are not real.
        ValueError: if their shapes differ, there are no images, or a number is not finite.

    Example:
        >>> evaluation = RegressionEvaluation([[1.0], [2.5]], [[1.0], [2.0]])
        >>> evaluation.mean_absolute_error
        0.25
        >>> evaluation.r2
        0.5
    """

    predicted: NDArray[np.float64]
    targets: NDArray[np.float64]

    def __init__(self, predicted: ArrayLike, targets: ArrayLike) -> None:
        own = [
            np.asarray(real_array(each, "RegressionEvaluation", name), np.float64)
            for name, each in (("predicted", predicted), ("targets", targets))
        ]
        if own[0].shape != own[1].shape or own[0].ndim == 0 or own[0].size == 0:
            raise ValueError(
                f"RegressionEvaluation: predicted has shape {own[0].shape} and targets "
                f"{own[1].shape}, expected the same, with at least one image"
            )
        for name, each in zip(("predicted", "targets"), own, strict=True):
            if not np.isfinite(each).all():
                raise ValueError(
                    f"RegressionEvaluation: {name} holds NaN or infinity, expected finite numbers"
                )
        self.predicted, self.targets = (each.reshape(len(each), -1) for each in own)

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self.targets)

    @property
    def mean_absolute_error(self) -> float:
        """Mean distance of predictions from targets, in the unit of the targets."""
        return float(np.abs(self.predicted - self.targets).mean())

    @property
    def root_mean_squared_error(self) -> float:
        """Root of the mean squared distance, in the unit of the targets."""
        return math.sqrt(float(((self.predicted - self.targets) ** 2).mean()))

    @property
    def r2_of_outputs(self) -> NDArray[np.float64]:
        """Coefficient of determination of each output, (outputs,); NaN if its targets are equal.

        1 is perfect, and 0 as good as the mean of the targets.
        """
        squares = ((self.predicted - self.targets) ** 2).sum(axis=0)
        variation = ((self.targets - self.targets.mean(axis=0)) ** 2).sum(axis=0)
        return r2_of_outputs(squares, variation)

    @property
    def r2(self) -> float:
        """Mean of `r2_of_outputs`."""
        return float(self.r2_of_outputs.mean())

    def to_dict(self) -> dict[str, Any]:
        """All metrics as lists, numbers and text, for the module json; NaN is None.

        Example:
            >>> RegressionEvaluation([[1.0], [2.5]], [[1.0], [2.0]]).to_dict()["r2"]
            0.5
        """
        each = [None if math.isnan(value) else value for value in self.r2_of_outputs.tolist()]
        return {
            "images": self.count,
            "mean_absolute_error": self.mean_absolute_error,
            "root_mean_squared_error": self.root_mean_squared_error,
            "r2": None if None in each else self.r2,
            "r2_of_outputs": each,
        }

    def __str__(self) -> str:
        outputs = self.targets.shape[1]
        return (
            f"{self.count:,} images, {outputs} output{'s' * (outputs > 1)}\n"
            f"mean absolute error {self.mean_absolute_error:.4g}, root mean squared error "
            f"{self.root_mean_squared_error:.4g}, R2 {self.r2:.4f}"
        )

    def __repr__(self) -> str:
        return (
            f"RegressionEvaluation({self.count:,} images, mean absolute error "
            f"{self.mean_absolute_error:.4g}, R2 {self.r2:.4f})"
        )


@checked_call
def evaluate_regression(
    model: Model, x: ImageLike | LabelledImages, y: ArrayLike | None = None
) -> RegressionEvaluation:
    """Evaluate a model that predicts values.

    Args:
        model: model that was trained with `MSE`, `L1` or `Huber`.
        x: images, or images with targets in any form that `Trainer.evaluate` accepts.
        y: targets in the shape of the outputs, or (images,) for one output.

    Raises:
        TypeError: if the images are in none of the forms, or the targets are not real.
        ValueError: if the images or targets do not fit the model, the images have weights, or it
            predicts classes.
        FloatingPointError: if the model's outputs are NaN.
        OSError: if a path cannot be read.

    Example:
        >>> import cnnx
        >>> x, _ = cnnx.data.xo(64, seed=1)
        >>> layers = [cnnx.AvgPool2d(8), cnnx.Flatten(), cnnx.Dense(1)]
        >>> model = cnnx.Model(layers, input_shape=(32, 32, 1))
        >>> brightness = x.mean(axis=(1, 2, 3)) / 255
        >>> history = cnnx.Trainer(model, loss=cnnx.MSE()).fit(x, brightness, epochs=1)
        >>> cnnx.evaluation.evaluate_regression(model, x, brightness).count
        64
    """
    check_model(model, "evaluate_regression")
    if model.task != "regression":
        raise ValueError(
            f"evaluate_regression: the task of the model is {model.task}, expected one trained "
            "with MSE, L1 or Huber"
        )
    found = measured_images(x, y, None, model, "evaluate_regression")
    predicted: list[FloatArray] = []
    targets: list[FloatArray] = []
    for batch in unweighted_batches_of(found, "evaluate_regression"):
        values = np.asarray(model.predict(batch.x))
        if values.ndim == 0 or values.shape == tuple(model.output_shape):  # of a single image
            values = values[np.newaxis]
        if len(values) == 0:
            continue
        wanted = target_values(batch.y, values.shape, "evaluate_regression", limits=None)
        predicted.append(values.reshape(len(values), -1))
        targets.append(wanted.reshape(len(wanted), -1))
    if not predicted:
        raise ValueError("evaluate_regression: there are no images, expected at least one")
    return RegressionEvaluation(np.concatenate(predicted), np.concatenate(targets))
