"""The outputs to explain: images as floats, and the class of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnx.arguments import FloatArray, integer, is_integer, shown
from cnnx.model.model import Model
from cnnx.model.model_argument import check_single_model
from cnnx.model.predictions import classes_of, outputs_are_values, refuse_nan
from cnnx.spelling import nearest

if TYPE_CHECKING:
    from cnnx.data.dataset import ImageLike

# A class by name or index, for all images or one per image.
ClassLike: TypeAlias = "int | str | Sequence[int | str]"

# Images that a network computes at a time, where an explanation makes many of each.
BATCH = 64


class ExplainedClass:
    """Images and the class of each whose output is explained.

    The output is the network's raw one. Where one output distinguishes two classes, that of the
    first class is minus the output. Of a model with a class for each position it is the mean over
    the positions that are predicted as the class, or over all positions if none is.

    Attributes:
        pixels: the images as floats, (batch, height, width, channels); integers were divided by
            255.
        neutral: the pixel that is zero after the model's preprocessing, (channels).
        takes_any_floats: whether the model expects floats of another range than 0 to 1.
        indices: the explained class of each image.
        factors: the factor of each output in the explained one, of the shape of the outputs.
    """

    def __init__(
        self, model: Model, x: ImageLike, classes: ClassLike | None, function: str
    ) -> None:
        check_single_model(model, function)
        has_positions = model.task == "segmentation"
        if len(model.output_shape) != 1 and not has_positions:
            raise ValueError(
                f"{function}: the model's output has shape {model.output_shape}, expected one "
                "number per class"
            )
        pixels, integers, self._single = model._images(x, function)
        self._core = model._core
        self.pixels: FloatArray = (
            pixels.astype(np.float32) / np.float32(255) if integers else pixels.astype(np.float32)
        )
        self.takes_any_floats = model._takes_any_floats()
        mean = np.array(model.preprocessing.mean, np.float32)
        self.neutral: FloatArray = np.broadcast_to(mean, pixels.shape[-1:])
        outputs = self._core.run(self.pixels, False)
        refuse_nan(outputs, self.pixels, function)
        factors = _factors_of_positions if has_positions else _factors
        self.indices, self.factors = factors(model, outputs, classes, function)

    def gradients(self, of: str, pixels: FloatArray | None = None) -> FloatArray:
        """The gradient of every image's output with respect to the images or a layer."""
        given = self.pixels if pixels is None else pixels
        return self._core.gradients(given, False, self.factors, of)

    def layer_output(self, layer: str) -> FloatArray:
        """The output of a layer."""
        return self._core.layer_outputs(self.pixels, False, [layer])[layer]

    def scores(self, pixels: FloatArray, image: int) -> FloatArray:
        """The explained output of an image for changed copies of it, in batches."""
        factors, found = self.factors[image].ravel(), []
        for start in range(0, len(pixels), BATCH):
            outputs = self._core.run(np.ascontiguousarray(pixels[start : start + BATCH]), False)
            found.append(outputs.reshape(len(outputs), -1) @ factors)
        return np.concatenate(found)

    def result(self, maps: FloatArray) -> FloatArray:
        """Maps, (batch, height, width), without the batch axis for a single image."""
        maps = np.ascontiguousarray(maps, np.float32)
        return maps[0] if self._single else maps


def _factors(
    model: Model, outputs: FloatArray, classes: ClassLike | None, function: str
) -> tuple[NDArray[np.intp], FloatArray]:
    """The explained class of each image, and the factor of each output, (batch, outputs)."""
    images, count = outputs.shape
    is_pair = count == 1 and not outputs_are_values(model._core)
    if classes is None:
        indices = (
            classes_of(outputs, model._core.probability_kind) if is_pair else outputs.argmax(axis=1)
        )
    else:
        indices = _indices(model, classes, images, 2 if is_pair else count, function)
    if is_pair:
        return indices, (2 * indices - 1).astype(np.float32)[:, np.newaxis]
    factors = np.zeros((images, count), np.float32)
    factors[np.arange(images), indices] = 1
    return indices, factors


def _factors_of_positions(
    model: Model, outputs: FloatArray, classes: ClassLike | None, function: str
) -> tuple[NDArray[np.intp], FloatArray]:
    """As `_factors`, (batch, height, width, outputs), for the mean over the positions of the class.

    Without `classes` it is that of most positions besides the background, class 0.
    """
    predicted = classes_of(outputs, model._core.probability_kind)
    count = max(2, outputs.shape[-1])
    if classes is None:
        counts = np.stack([np.bincount(own.ravel(), minlength=count) for own in predicted])
        foreground = 1 + counts[:, 1:].argmax(axis=1)
        indices = np.where(counts[:, 1:].any(axis=1), foreground, 0)
    else:
        indices = _indices(model, classes, len(outputs), count, function)
    factors = np.zeros(outputs.shape, np.float32)
    for own, mask, index in zip(factors, predicted, indices.tolist(), strict=True):
        chosen = mask == index
        if not chosen.any():
            chosen = np.ones_like(chosen)
        sign, output = (2 * index - 1, 0) if outputs.shape[-1] == 1 else (1, index)
        own[chosen, output] = sign / np.float32(chosen.sum())
    return indices, factors


def _indices(
    model: Model, classes: ClassLike, images: int, count: int, function: str
) -> NDArray[np.intp]:
    """The index of the class of each image."""
    given = _one_each(classes, images, function)
    return np.array([_index(model, each, count, function) for each in given], np.intp)


def _one_each(classes: object, images: int, function: str) -> list[object]:
    """The class of each image, of one for all or of a list or array."""
    if isinstance(classes, np.ndarray) and classes.ndim == 0:
        classes = classes.item()
    if isinstance(classes, str) or is_integer(classes):
        return [classes] * images
    if not isinstance(classes, (Sequence, np.ndarray)):
        raise TypeError(
            f"{function}: classes is {shown(classes)}, expected a name, an index or a list of them"
        )
    if len(classes) != images:
        raise ValueError(
            f"{function}: classes has {len(classes)} entries, expected one for each of the "
            f"{images} images, or a single class"
        )
    return list(classes)


def _index(model: Model, given: object, count: int, function: str) -> int:
    """The index of a class given by its name or index."""
    names = model.classes or []
    if isinstance(given, str) and names:
        if given in names:
            return names.index(given)
        expected = (nearest(given, names) or [f"one of {', '.join(names)}"])[0]
        raise ValueError(f"{function}: classes has {given!r}, expected {expected}")
    index = integer(given, function, "classes")
    if not 0 <= index < count:
        raise ValueError(
            f"{function}: classes has {index}, expected an index from 0 to {count - 1}"
        )
    return index
