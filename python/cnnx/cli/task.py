"""Task of `cnnx train`: a class for each image, or for each pixel of images with masks."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from cnnx.cli.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cnnx.data.dataset import Dataset, ImageSet, InputShape
    from cnnx.data.source import Source
    from cnnx.model.model import Model
    from cnnx.training.losses import CrossEntropy

CLASSIFICATION, SEGMENTATION = "classification", "segmentation"
TASKS = (CLASSIFICATION, SEGMENTATION)
_NETWORKS = {CLASSIFICATION: "small", SEGMENTATION: "unet"}
_SIDE_STEP = 16  # a U-Net halves its maps four times


def task_of(source: Source) -> str:
    """The task of images."""
    return SEGMENTATION if _has_masks(source.train) else CLASSIFICATION


def checked_task(source: Source, arguments: argparse.Namespace) -> str:
    """The task of the images of PATH.

    Raises:
        UserError: if --task is another one.
    """
    task = task_of(source)
    if arguments.task not in (None, task):
        found = "has masks" if task == SEGMENTATION else "has no folders images and masks"
        raise UserError(f"--task is {arguments.task}, but {arguments.path} {found}")
    return task


def own_task(model: Model) -> str:
    """The task of a network by the shape of its outputs."""
    return SEGMENTATION if len(model.output_shape) == 3 else CLASSIFICATION


def default_network(task: str) -> str:
    """Name of the network without --model."""
    return _NETWORKS[task]


def default_shape(task: str, shape: InputShape) -> InputShape:
    """Input shape without --size: that of the images, with sides that a U-Net can halve."""
    if task == CLASSIFICATION:
        return shape
    height, width = (-(-side // _SIDE_STEP) * _SIDE_STEP for side in shape[:2])
    return height, width, shape[2]


def check_model_outputs(model: Model, task: str, origin: str) -> None:
    """Refuse a network that has no output per class, of each image or each pixel.

    Args:
        model: the network.
        task: the task.
        origin: option that named it.

    Raises:
        UserError: if its outputs have another shape.
    """
    shape = model.output_shape
    needed = 3 if task == SEGMENTATION else 1
    if len(shape) == needed and shape[-1] >= 2:
        return
    of_pixels = " of each pixel, (height, width, classes), as unet has"
    raise UserError(
        f"{origin}: has outputs of shape {shape}, expected one per class"
        + (of_pixels if task == SEGMENTATION else "")
    )


def loss_for(images: Dataset, weights: list[float] | None, mixup: float = 0.0) -> CrossEntropy:
    """Cross-entropy; of masks, pixels of no class are ignored.

    With mixup, which makes soft labels, pixels are ignored only if there are such.
    """
    from cnnx.data.dataset import are_masks
    from cnnx.data.mask_labels import IGNORED
    from cnnx.training.losses import CrossEntropy

    sets = [each for each in (images, images.validation, images.test) if each is not None]
    ignores = are_masks(images.y) and (
        mixup == 0 or any((each.y == IGNORED).any() for each in sets)
    )
    return CrossEntropy(class_weights=weights, ignore_index=IGNORED if ignores else None)


def class_labels(images: Dataset) -> NDArray[np.integer[Any]]:
    """Labels of all images, or of all pixels that have a class."""
    from cnnx.data.dataset import are_masks
    from cnnx.data.mask_labels import IGNORED

    return images.y[images.y != IGNORED] if are_masks(images.y) else images.y


def _has_masks(images: ImageSet) -> bool:
    from cnnx.data.arrays import ArraySet
    from cnnx.data.dataset import are_masks
    from cnnx.data.mask_set import MaskSet

    return isinstance(images, MaskSet) or (isinstance(images, ArraySet) and are_masks(images.y))
