"""Images of a calibration, in the form of the core's functions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnx.advice import warn
from cnnx.arguments import path_of
from cnnx.batch_arguments import refuse_not_finite
from cnnx.data.dataset import Dataset, ImageSet
from cnnx.data.folder import FolderSet
from cnnx.data.image_files import EXTENSIONS
from cnnx.data.source import open_source
from cnnx.model.model import Model

MOST_IMAGES = 256
# Images whose predictions are compared; those of the calibration are among them.
_MOST_COMPARED = 1024


class CalibrationImages(NamedTuple):
    """Images in the form of the core's functions.

    Attributes:
        pixels: images, (count, height, width, channels).
        integers: whether the pixels are divided by 255.
    """

    pixels: NDArray[Any]
    integers: bool

    def evenly_spaced(self) -> CalibrationImages:
        """At most 256 of the images."""
        return self._replace(pixels=self.pixels[evenly_spaced(len(self.pixels))])

    def warn_of_equal_images(self, function: str) -> None:
        """Warn of images that show no range of activations: all the same, or of one value."""
        first = self.pixels[0]
        if (self.pixels == first.flat[0]).all():
            which = f"all pixels of images are {first.flat[0]:g}"
        elif len(self.pixels) > 1 and (self.pixels == first).all():
            which = f"images are {len(self.pixels)} times the same one"
        else:
            return
        warn(
            f"{function}: {which}, so the ranges of the activations are unknown, expected images "
            "as those to predict, such as some of the training set"
        )


def compared_images(images: Any, model: Model, function: str) -> CalibrationImages:
    """At most 1,024 images, evenly spaced.

    Args:
        images: images, as for a call of the model, or a Dataset or a path as for `cnnx.data.load`,
            whose training set is used.
        model: the model.
        function: named in errors.

    Raises:
        TypeError: if they are in none of these forms.
        ValueError: if there are none, they do not fit the model, or they are not finite.
        OSError: if a path cannot be read.
    """
    pixels, integers, _ = model._images(_some(images, model, function), f"{function}: images")
    if len(pixels) == 0:
        raise ValueError(f"{function}: images is empty, expected at least one image")
    refuse_not_finite(pixels, f"{function}: images")
    if len(pixels) > _MOST_COMPARED:  # of a tensor, which is converted as a whole
        pixels = pixels[evenly_spaced(len(pixels), _MOST_COMPARED)]
    return CalibrationImages(pixels, integers)


def evenly_spaced(count: int, at_most: int = MOST_IMAGES) -> NDArray[np.int64]:
    """Positions of at most so many of the images; many data sets are sorted by class."""
    chosen = min(count, at_most)
    return np.linspace(0, count - 1, chosen).round().astype(np.int64)


def _some(images: Any, model: Model, function: str) -> Any:
    """The chosen images, before their conversion."""
    if isinstance(images, (str, os.PathLike)) and Path(images).suffix.lower() not in EXTENSIONS:
        names = model.classes
        path = path_of(images, function, "images")
        images = open_source(path, None if names is None else tuple(names)).train
        return _loaded(images, model)
    if isinstance(images, Dataset):
        images = images.x
    is_list = isinstance(images, Sequence) and not isinstance(images, str)
    if is_list and len(images):
        return [images[row] for row in evenly_spaced(len(images), _MOST_COMPARED)]
    is_batch = isinstance(images, np.ndarray) and images.shape[1:3] == model.input_shape[:2]
    return (
        images[evenly_spaced(len(images), _MOST_COMPARED)] if is_batch and len(images) else images
    )


def _loaded(images: ImageSet, model: Model) -> NDArray[np.uint8]:
    if isinstance(images, FolderSet):
        images = images.subset(evenly_spaced(len(images), _MOST_COMPARED))
    x = images.load(model.input_shape, model.preprocessing.resize).x
    return x[evenly_spaced(len(x), _MOST_COMPARED)]
