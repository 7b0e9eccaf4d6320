"""Overlays of the regions that decided for a prediction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnx.drawing.colours import RgbPixels, overlay
from cnnx.evaluation.evaluation import Evaluation
from cnnx.evaluation.page import Overlays, displayed
from cnnx.explain import grad_cam
from cnnx.model.model import Model


def attention(model: Model, evaluation: Evaluation, indices: NDArray[np.int64]) -> Overlays:
    """Grad-CAM of the predicted class over some images, given their positions.

    Empty where the evaluation has no images or the network no maps.
    """
    return Overlays(
        "Grad-CAM",
        "the regions that speak for the predicted class",
        _grad_cams(model, evaluation, indices),
    )


def _grad_cams(
    model: Model, evaluation: Evaluation, indices: NDArray[np.int64]
) -> dict[int, RgbPixels]:
    if evaluation.images is None or not _has_maps(model):
        return {}
    images = np.stack([evaluation.images[index] for index in indices])
    maps = grad_cam(model, images, classes=evaluation.predicted[indices].tolist())
    return {
        int(index): overlay(displayed(image), values)
        for index, image, values in zip(indices, images, maps, strict=True)
    }


def _has_maps(model: Model) -> bool:
    return any(len(layer.output_shape) == 3 for layer in model.layers)
